/** The file system's operations in the shape of libfuse 2: by path, answered through a callback. */
import { byteStringToText } from '../../base/byte-string.js';
import { nameBytesMax, preferredBlockBytes } from '../../base/limits.js';
import type { Attr, DirectoryEntry, Ino } from '../../fs/file-system.js';
import type {
  NativeAttributeOperations,
  NativeFileOperations,
  NativeNameOperations,
  NativeOperations,
  NativeStat,
} from './fuse-native-binding.js';
import { nativeText } from './fuse-native-paths.js';
import type { NativeServer } from './fuse-native-server.js';
import { protocolErrno, unknownIno } from '../direct/protocol.js';

/**
 * `fast`: the kernel never sends OPEN, so what a process does with a file after its name is gone
 * (unlinked, or replaced by a rename) fails with ENOENT. `safe`: opens are answered, libfuse
 * renames a file that is removed while open, and attributes are asked for each time.
 */
export type FuseNativeMode = 'fast' | 'safe';

const permissionBits = 0o7777;
const nsPerMs = 1_000_000n;
/** A `chown` of only one of the two ids has -1 for the other, which arrives unsigned. */
const unchangedId = 0xffff_ffff;

export function createNativeOperations(
  server: NativeServer,
  mode: FuseNativeMode,
): NativeOperations {
  return {
    ...attributeOperations(server),
    ...nameOperations(server),
    ...fileOperations(server),
    ...(mode === 'safe' ? answeredOpen(server) : { open: zeroMessageOpen }),
  };
}

function attributeOperations(server: NativeServer): NativeAttributeOperations {
  const { fileSystem, paths } = server;
  return {
    statfs: (_path, answer) => {
      server.run('statfs', answer, () => {
        const stats = fileSystem.statfs();
        return {
          bsize: stats.blockBytes,
          frsize: stats.blockBytes,
          blocks: stats.blocks,
          bfree: stats.blocksFree,
          bavail: stats.blocksAvailable,
          files: stats.files,
          ffree: stats.filesFree,
          favail: stats.filesFree,
          namemax: nameBytesMax,
        };
      });
    },
    getattr: (path, answer) => {
      server.run('getattr', answer, () => paths.withNode(path, nativeStat));
    },
    readlink: (path, answer) => {
      server.run('readlink', answer, () =>
        paths.withNode(path, ({ ino }) => fileSystem.readlink(ino).toString('utf8')),
      );
    },
    chmod: (path, mode, answer) => {
      server.run('chmod', answer, () => {
        server.change(path, { mode: mode & permissionBits });
      });
    },
    chown: (path, uid, gid, answer) => {
      server.run('chown', answer, () => {
        server.change(path, {
          ...(uid === unchangedId ? {} : { uid }),
          ...(gid === unchangedId ? {} : { gid }),
        });
      });
    },
    utimens: (path, atimeMs, mtimeMs, answer) => {
      server.run('utimens', answer, () => {
        server.change(path, { atime: timeOfMs(atimeMs), mtime: timeOfMs(mtimeMs) });
      });
    },
    truncate: (path, sizeBytes, answer) => {
      server.run('truncate', answer, () => {
        server.change(path, { sizeBytes });
      });
    },
  };
}

function nameOperations(server: NativeServer): NativeNameOperations {
  const { fileSystem, paths, caller } = server;
  const created = (attr: Attr): void => {
    paths.release(attr.ino);
  };
  return {
    mknod: (path, mode, _device, answer) => {
      server.run('mknod', answer, () => {
        const { parent, name } = paths.place(path);
        created(fileSystem.mknod(parent, name, mode, caller));
      });
    },
    mkdir: (path, mode, answer) => {
      server.run('mkdir', answer, () => {
        const { parent, name } = paths.place(path);
        created(fileSystem.mkdir(parent, name, mode & permissionBits, caller));
      });
    },
    symlink: (target, path, answer) => {
      server.run('symlink', answer, () => {
        const { parent, name } = paths.place(path);
        created(fileSystem.symlink(parent, name, Buffer.from(nativeText(target)), caller));
      });
    },
    link: (path, newPath, answer) => {
      server.run('link', answer, () => {
        paths.withNode(path, ({ ino }) => {
          const { parent, name } = paths.place(newPath);
          created(fileSystem.link(ino, parent, name, caller));
        });
      });
    },
    rename: (path, newPath, answer) => {
      server.run('rename', answer, () => {
        const from = paths.place(path);
        const to = paths.place(newPath);
        fileSystem.rename(from, to, { noReplace: false, exchange: false }, caller);
        paths.forgetBelow(path);
        paths.forgetBelow(newPath);
      });
    },
    unlink: (path, answer) => {
      server.run('unlink', answer, () => {
        const { parent, name } = paths.place(path);
        fileSystem.unlink(parent, name, caller);
      });
    },
    rmdir: (path, answer) => {
      server.run('rmdir', answer, () => {
        const { parent, name } = paths.place(path);
        fileSystem.rmdir(parent, name, caller);
        paths.forgetBelow(path);
      });
    },
    readdir: (path, answer) => {
      const answerEntries = (errno: number, entries: readonly DirectoryEntry[] = []): void => {
        if (errno !== 0) answer(errno);
        else answer(0, entries.map(direntName), entries.map(direntStat));
      };
      server.run('readdir', answerEntries, () => server.list(path));
    },
  };
}

function direntName(entry: DirectoryEntry): string {
  return byteStringToText(entry.name);
}

function fileOperations(server: NativeServer): NativeFileOperations {
  const { fileSystem, caller } = server;
  return {
    // eslint-disable-next-line max-params -- the shape of the package
    read: (path, handle, target, lengthBytes, position, answer) => {
      server.run('read', bytesAnswer(answer), () =>
        server.withFile(path, handle, (ino) =>
          fileSystem.read(ino, target, { bufferOffset: 0, lengthBytes, position }),
        ),
      );
    },
    // eslint-disable-next-line max-params -- the shape of the package
    write: (path, handle, source, lengthBytes, position, answer) => {
      server.run('write', bytesAnswer(answer), () =>
        server.withFile(path, handle, (ino) =>
          fileSystem.write(ino, source, { bufferOffset: 0, lengthBytes, position }, server.caller),
        ),
      );
    },
    ftruncate: (path, handle, sizeBytes, answer) => {
      server.run('ftruncate', answer, () => {
        server.withFile(path, handle, (ino) => fileSystem.setattr(ino, { sizeBytes }, caller));
      });
    },
    fsync: (path, dataOnly, handle, answer) => {
      server.run('fsync', answer, () => {
        server.withFile(path, handle, (ino) => {
          fileSystem.fsync(ino, dataOnly !== 0);
        });
      });
    },
    fsyncdir: (path, dataOnly, _handle, answer) => {
      server.run('fsyncdir', answer, () => {
        server.paths.withNode(path, ({ ino }) => {
          fileSystem.fsync(ino, dataOnly !== 0);
        });
      });
    },
  };
}

/** ENOSYS tells the kernel never to ask again, and to keep its page cache. */
const zeroMessageOpen: NativeOperations['open'] = (_path, _flags, answer) => {
  answer(-protocolErrno.ENOSYS);
};

function answeredOpen(server: NativeServer): Pick<NativeOperations, 'open' | 'release'> {
  return {
    open: (path, _flags, answer) => {
      server.run('open', answer, () => server.open(path));
    },
    release: (_path, handle, answer) => {
      server.run('release', answer, () => {
        server.release(handle);
      });
    },
  };
}

/** READ and WRITE have one number for both: the bytes, or a negative errno. */
function bytesAnswer(
  answer: (bytesOrErrno: number) => void,
): (errno: number, bytes?: number) => void {
  return (errno, bytes) => {
    answer(errno === 0 ? (bytes ?? 0) : errno);
  };
}

function nativeStat(attr: Attr): NativeStat {
  return {
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    size: attr.sizeBytes,
    nlink: attr.nlink,
    ino: attr.ino,
    rdev: attr.rdev,
    blksize: preferredBlockBytes,
    blocks: attr.blocks,
    atime: msOfTime(attr.atimeNs),
    mtime: msOfTime(attr.mtimeNs),
    ctime: msOfTime(attr.ctimeNs),
  };
}

/** Of a directory entry only number and type are looked at. */
function direntStat(entry: DirectoryEntry): NativeStat {
  const ino: Ino = entry.ino === 0 ? unknownIno : entry.ino;
  const none = { uid: 0, gid: 0, size: 0, nlink: 1, rdev: 0, blksize: 0, blocks: 0 };
  return { ...none, mode: entry.fileType, ino, atime: 0, mtime: 0, ctime: 0 };
}

/** Rounded down: a time that is too early can cost a rebuild, one that is too late can hide one. */
function msOfTime(timeNs: bigint): number {
  return timeNs < 0n ? 0 : Number(timeNs / nsPerMs);
}

/** A time before 1970 arrives as an enormous one. */
function timeOfMs(timeMs: number): bigint {
  return timeMs > Number.MAX_SAFE_INTEGER ? 0n : BigInt(timeMs) * nsPerMs;
}
