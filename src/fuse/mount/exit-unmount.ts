/**
 * Lets go of mounts at the end of the process, however it comes. Node waits for its worker threads,
 * and one that sleeps in a read of /dev/fuse ends only when its mount does: without this,
 * process.exit, an uncaught error and an unhandled rejection hang for ever.
 */

/**
 * Installed by the process that owns mounts, before the first. `release` unmounts at once whatever
 * is mounted and returns false where a thread still serves one that is detached but in use: such a
 * thread is out of reach by any path, so the process then kills itself, and its connections with
 * it. Returns how to take it back. A signal ends a process without this; whoever handles one calls
 * `process.exit` in the end. Mounts left behind by SIGKILL are found at the next start.
 */
export function installExitUnmount(release: () => boolean): () => void {
  const onExit = (): void => {
    if (!release()) process.kill(process.pid, 'SIGKILL');
  };
  process.on('exit', onExit);
  return () => void process.off('exit', onExit);
}
