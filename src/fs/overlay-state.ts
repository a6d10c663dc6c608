/** What the operations of one file system share. Made by `open-overlay.ts`, owned by `Overlay`. */
import { byteStringToHostPath, type ByteString } from '../base/byte-string.js';
import { FsError } from '../base/errors.js';
import type { BackingFds } from './backing-fds.js';
import type { Caller, DirectoryEntry } from './file-system.js';
import type { InodeTable } from './inode-table.js';
import type { AttachmentState, Dentry, Inode } from './inode.js';
import type { Journal } from './journal.js';
import type { ChangeObserver, LowerLayer } from './lower.js';
import type { TimeOverrides } from './time-overrides.js';
import type { WorkDirectory } from './work-directory.js';

export interface OverlayState {
  /** The upper directory's real path, as bytes. */
  readonly upperRoot: ByteString;
  readonly inodes: InodeTable;
  readonly backing: BackingFds;
  readonly work: WorkDirectory;
  readonly journal: Journal;
  readonly times: TimeOverrides;
  readonly notes: Map<string, string>;
  readonly lower: LowerLayer;
  readonly observer: ChangeObserver;
  /** Who asks for the operation that runs; set by `Overlay` before each one that changes something. */
  caller: Caller;
  /** Who owns lower entries. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly processUid: number;
  /** In the order in which they were attached: dependencies first. */
  readonly attachments: Map<string, AttachmentState>;
  /** Prepared adoptions by sequence number. */
  readonly pendingAdoptions: Map<number, PendingAdoption>;
  readonly directorySnapshots: Map<number, readonly DirectoryEntry[]>;
  readonly counters: { directoryHandle: number; adoptionSequence: number };
  readonly reportFault: (error: unknown) => void;
}

export interface PendingAdoption {
  readonly sequence: number;
  readonly id: string;
  readonly inodes: readonly Inode[];
}

/** The real path of a name in the upper layer, as bytes. Whether anything is there is not checked. */
export function hostBytesOf(state: OverlayState, dentry: Dentry): ByteString {
  return `${hostBytesOfDirectory(state, dentry.parent)}/${dentry.name}` as ByteString;
}

function hostBytesOfDirectory(state: OverlayState, directory: Inode): ByteString {
  const dentry = directory.names[0];
  return dentry === undefined ? state.upperRoot : hostBytesOf(state, dentry);
}

/** The real path of a name in the upper layer, as `node:fs` takes it. */
export function hostPathOf(state: OverlayState, dentry: Dentry): string | Buffer {
  return byteStringToHostPath(hostBytesOf(state, dentry));
}

/** The real path of an inode that has a name or is the root; ESTALE for others. */
export function hostPathOfInode(state: OverlayState, inode: Inode): string | Buffer {
  const dentry = inode.names[0];
  if (dentry === undefined && !inode.isRoot) throw new FsError('ESTALE', 'path');
  return byteStringToHostPath(dentry === undefined ? state.upperRoot : hostBytesOf(state, dentry));
}
