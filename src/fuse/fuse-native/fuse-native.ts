/**
 * The driver `fuse-native`: libfuse 2.9 through the npm package of that name. The second choice:
 * it works by path and in milliseconds, and only on the main thread. What that costs is listed in
 * `src/fs/README.md` and `native-notes/fuse-native.md`.
 */
import { XcacheError } from '../../base/errors.js';
import { kernelCacheTtlSeconds } from '../../base/limits.js';
import type { FileSystem } from '../../fs/file-system.js';
import { raiseReadAhead } from '../mount/mount-direct.js';
import { findMount } from '../../host/mount-table.js';
import { unmount, type UnmountOptions } from '../mount/unmount.js';
import { loadFuseNative, type NativeFuse } from './fuse-native-binding.js';
import { createNativeOperations, type FuseNativeMode } from './fuse-native-operations.js';
import { NativeServer } from './fuse-native-server.js';
import { repairUtimens } from './fuse-native-utimens.js';

export type { FuseNativeMode };

export interface FuseNativeOptions {
  /** Existing, absolute and resolved. */
  readonly mountPoint: string;
  readonly fileSystem: FileSystem;
  readonly mode: FuseNativeMode;
  /** Errors that belong in the log; the calling process got an errno already, mostly EIO. */
  readonly onFault: (error: unknown, operation: string) => void;
}

export interface FuseNativeMount {
  readonly mountPoint: string;
  /** `major:minor` of the mount. */
  readonly device: string;
  unmount(options: UnmountOptions): Promise<void>;
  /** Instead, where the mount was taken out of the tree already: whoever is left in it is cut off. */
  release(): Promise<void>;
}

/** libfuse's threads write into memory that these objects own, also after an unmount. */
const everMounted: NativeFuse[] = [];

/** The package copies path and options into buffers of 1024 bytes each. */
const mountPointBytesMax = 1000;

/**
 * Mounts and serves from this thread, which must be the main thread, until `unmount`. Throws
 * XC_NO_LIBFUSE or XC_MOUNT_FAILED. No call of this process may enter the mount.
 */
export async function mountFuseNative(options: FuseNativeOptions): Promise<FuseNativeMount> {
  const { mountPoint, mode } = options;
  if (Buffer.byteLength(mountPoint) > mountPointBytesMax) {
    throw new XcacheError('XC_MOUNT_FAILED', `${mountPoint}: too long a path for fuse-native`);
  }
  const Fuse = loadFuseNative();
  const server = new NativeServer(options);
  const fuse = new Fuse(mountPoint, createNativeOperations(server, mode), mountOptions(mode));
  repairUtimens(fuse);
  everMounted.push(fuse);
  await mount(fuse, mountPoint);
  const device = findMount(mountPoint)?.device;
  if (device === undefined) {
    throw new XcacheError('XC_MOUNT_FAILED', `${mountPoint} is not in the table of mounts`);
  }
  raiseReadAhead(device);
  const release = async (): Promise<void> => {
    await promised((done) => fuse.unmount(done));
    server.close();
  };
  return {
    mountPoint,
    device,
    unmount: async (unmountOptions) => {
      await unmount(mountPoint, unmountOptions);
      await release();
    },
    release,
  };
}

async function mount(fuse: NativeFuse, mountPoint: string): Promise<void> {
  try {
    await promised((done) => fuse.mount(done));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new XcacheError('XC_MOUNT_FAILED', `${mountPoint}: libfuse could not mount: ${reason}`, {
      cause: error,
      hint: 'is fuse3 or fuse installed, and may this user open /dev/fuse?',
    });
  }
}

async function promised(start: (done: (error: Error | null) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    start((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/**
 * The package joins its options with commas and escapes nothing, so what it has no name for rides
 * in `fsname`.
 *
 * - use_ino: cargo compares inode numbers of hard links, else it links every output anew.
 * - negative_timeout=0: libfuse has one for all names, and units may appear under some of them.
 * - attr_timeout: the kernel sees one inode per path, so in mode `safe`, where a write through one
 *   hard link must show in the other, attributes are never remembered, and auto_cache compares
 *   time and size at each open.
 */
function mountOptions(mode: FuseNativeMode): Record<string, string | number | boolean> {
  const ttl = String(kernelCacheTtlSeconds);
  const extra = [
    'use_ino',
    'nosuid',
    'nodev',
    'nonempty',
    'big_writes',
    'max_write=131072',
    'max_readahead=1048576',
    'negative_timeout=0',
  ];
  return {
    fsname: ['xcache', ...extra].join(','),
    subtype: 'xcache',
    timeout: false,
    entryTimeout: ttl,
    // As text, because the package takes the number 0 for "not set".
    attrTimeout: mode === 'safe' ? '0' : ttl,
    autoCache: mode === 'safe',
  };
}
