/** A directory of this machine as a target: a plain one, or a mount that another process serves. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import {
  byteStringFromBuffer,
  byteStringFromText,
  byteStringToHostPath,
  byteStringToBuffer,
  type ByteString,
} from '../../src/base/byte-string.js';
import { python } from './python.js';
import type { ConformanceTarget, TargetEntry, TargetPath, TargetStat } from './target.js';

/** `onDispose` unmounts and removes what the caller made. */
export function hostTarget(root: string, onDispose: () => void | Promise<void>): ConformanceTarget {
  const at = (path: TargetPath): string | Buffer =>
    byteStringToHostPath(`${byteStringFromText(root)}/${path}` as ByteString);
  const hex = (path: TargetPath): string =>
    byteStringToBuffer(`${byteStringFromText(root)}/${path}` as ByteString).toString('hex');
  return {
    hostRoot: root,
    open: (path, flags, mode) => fs.openSync(at(path), flags, mode),
    close: (fd) => {
      fs.closeSync(fd);
    },
    read: (fd, lengthBytes, position) => {
      const buffer = Buffer.alloc(lengthBytes);
      return buffer.subarray(0, fs.readSync(fd, buffer, 0, lengthBytes, position));
    },
    write: (fd, bytes, position) => {
      fs.writeSync(fd, bytes, 0, bytes.length, position);
    },
    ftruncate: (fd, sizeBytes) => {
      fs.ftruncateSync(fd, sizeBytes);
    },
    fstat: (fd) => statOf(fs.fstatSync(fd, { bigint: true })),
    fchmod: (fd, mode) => {
      fs.fchmodSync(fd, mode);
    },
    fsync: (fd) => {
      fs.fsyncSync(fd);
    },
    stat: (path) => statOf(fs.statSync(at(path), { bigint: true })),
    lstat: (path) => statOf(fs.lstatSync(at(path), { bigint: true })),
    chmod: (path, mode) => {
      fs.chmodSync(at(path), mode);
    },
    truncate: (path, sizeBytes) => {
      fs.truncateSync(at(path), sizeBytes);
    },
    utimens: async (path, atimeNs, mtimeNs) => {
      await python(utimensat, [hex(path), String(atimeNs ?? 'omit'), String(mtimeNs ?? 'omit')]);
    },
    mkdir: (path, mode) => {
      fs.mkdirSync(at(path), mode);
    },
    rmdir: (path) => {
      fs.rmdirSync(at(path));
    },
    unlink: (path) => {
      fs.unlinkSync(at(path));
    },
    rename: async (from, to, flag) => {
      if (flag === undefined) fs.renameSync(at(from), at(to));
      else await python(renameWithFlag, [hex(from), hex(to), flag === 'noreplace' ? '1' : '2']);
    },
    link: (existing, path) => {
      fs.linkSync(at(existing), at(path));
    },
    symlink: (target, path) => {
      fs.symlinkSync(target, at(path));
    },
    readlink: (path) => fs.readlinkSync(at(path), { encoding: 'buffer' }),
    mkfifo: (path) => {
      execFileSync('mkfifo', [at(path) as string]);
    },
    readdir: (path) => entriesOf(at(path)),
    freaddir: (fd) => entriesOf(`/proc/self/fd/${fd}/.`),
    dispose: onDispose,
  };
}

/** Node and Python set both times or none; UTIME_OMIT needs the call itself. */
const utimensat = `
def stamp(a): return (0, UTIME_OMIT) if a == b'omit' else divmod(int(a), 10**9)
def main(): utimensat(hexed(args[0]), stamp(args[1]), stamp(args[2]))
`;

const renameWithFlag = `
def main(): renameat2(hexed(args[0]), hexed(args[1]), int(args[2]))
`;

function statOf(stats: fs.BigIntStats): TargetStat {
  return {
    ino: Number(stats.ino),
    sizeBytes: Number(stats.size),
    mode: Number(stats.mode),
    nlink: Number(stats.nlink),
    atimeNs: stats.atimeNs,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
  };
}

function entriesOf(path: string | Buffer): readonly TargetEntry[] {
  const options = { withFileTypes: true, encoding: 'buffer' } as unknown as { withFileTypes: true };
  return fs.readdirSync(path, options).map((entry) => ({
    name: byteStringFromBuffer(entry.name as unknown as Buffer),
    fileType: typeOf(entry),
  }));
}

function typeOf(entry: fs.Dirent): number {
  if (entry.isDirectory()) return fs.constants.S_IFDIR;
  if (entry.isSymbolicLink()) return fs.constants.S_IFLNK;
  return entry.isFIFO() ? fs.constants.S_IFIFO : fs.constants.S_IFREG;
}
