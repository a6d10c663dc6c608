/**
 * Unmounts at the end of the process, however it comes. Node waits for its worker threads, and one
 * that sleeps in a read of /dev/fuse ends only when its mount does: without this, process.exit,
 * an uncaught error and an unhandled rejection hang for ever.
 */
import { unmountSync } from './unmount.js';

export interface ExitUnmount {
  /** From before the mount on: it may be there before the caller hears of it. */
  add(mountPoint: string): void;
  /** After the thread that served it has ended. */
  delete(mountPoint: string): void;
}

/**
 * Installed once by the process that owns mounts. A signal ends a process without this; whoever
 * handles one calls `process.exit` in the end. Mounts left behind by SIGKILL are found at the next
 * start (`isDeadMount`).
 */
export function installExitUnmount(): ExitUnmount {
  const mountPoints = new Set<string>();
  process.on('exit', () => {
    let mayStay = true;
    for (const mountPoint of mountPoints) {
      // One that was detached while in use still has its thread, out of reach by any path.
      mayStay = unmountSync(mountPoint) && mayStay;
    }
    // Node would wait for a thread that still sleeps; a kill ends it, and its connection with it.
    if (!mayStay) process.kill(process.pid, 'SIGKILL');
  });
  return {
    add: (mountPoint) => {
      mountPoints.add(mountPoint);
    },
    delete: (mountPoint) => {
      mountPoints.delete(mountPoint);
    },
  };
}
