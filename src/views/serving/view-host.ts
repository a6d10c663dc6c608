/**
 * Where a view's file system runs. `direct` views have a worker thread of their own, because their
 * driver blocks; `fuse-native` views live on the main thread, because that package works nowhere
 * else. Both take the same commands and send the same events.
 */
import type { ViewCommand, ViewCommands } from '../../units/view-access.js';
import type { ResolveAnswer, ResolveQuestion, ViewEvent } from './view-messages.js';
import type { DriverName } from '../../fuse/driver-name.js';

/** What a host needs to know of the view, and whom it tells. */
export interface ViewHostOptions {
  /** Real path of the mount point. */
  readonly mountPoint: string;
  readonly upperDirectory: string;
  readonly journalPath: string;
  readonly blobsDirectory: string;
  readonly stateDirectory: string;
  /** Must answer synchronously and never touch a mount of ours. */
  readonly answer: (question: ResolveQuestion) => ResolveAnswer;
  readonly event: (event: ViewEvent) => void;
  readonly log: (level: 'warn' | 'error', message: string) => void;
  /** The mount is gone, by whomever; `error` where the serving thread failed. */
  readonly ended: (error: string | undefined) => void;
}

/** A mounted view. Owned by `View`; closed exactly once. */
export interface ViewHost {
  readonly driver: DriverName;
  call<C extends ViewCommand>(
    method: C,
    ...args: Parameters<ViewCommands[C]>
  ): Promise<ReturnType<ViewCommands[C]>>;
  /** Kernel requests handled so far. */
  requests(): number;
  /** The same by operation name; operations that never came are left out. */
  operations(): Readonly<Record<string, number>>;
  /**
   * Unmounts and waits until the file system is closed. Lazy: open files do not hold it back; else
   * `XC_UNMOUNT_BUSY` is thrown while there are any, and nothing has happened.
   */
  close(options: { readonly isLazy: boolean }): Promise<void>;
  /** Ends the service of a mount that is detached already. */
  stop(): Promise<void>;
  /**
   * For the process's exit: unmounts without waiting for anything. False where a thread of the host
   * goes on until the process is killed.
   */
  abandonSync(): boolean;
}
