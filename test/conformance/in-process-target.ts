/** The in-process driver as a target. */
import fs from 'node:fs';
import type { InProcessDriver } from '../support/in-process-driver.js';
import type { Attr, DirectoryEntry } from '../../src/fs/file-system.js';
import type { ConformanceTarget, TargetEntry } from './target.js';

export function inProcessTarget(driver: InProcessDriver, onDispose: () => void): ConformanceTarget {
  return {
    hostRoot: undefined,
    open: (path, flags, mode) => driver.open(path, flags, mode),
    close: (fd) => {
      driver.close(fd);
    },
    read: (fd, lengthBytes, position) => {
      const buffer = Buffer.alloc(lengthBytes);
      return buffer.subarray(0, driver.read(fd, buffer, position));
    },
    write: (fd, bytes, position) => {
      driver.write(fd, bytes, position);
    },
    ftruncate: (fd, sizeBytes) => {
      driver.fsetattr(fd, { sizeBytes });
    },
    fstat: (fd) => driver.fstat(fd),
    fchmod: (fd, mode) => {
      driver.fsetattr(fd, { mode });
    },
    fsync: (fd) => {
      driver.fsync(fd);
    },
    stat: (path) => driver.stat(path),
    lstat: (path) => driver.lstat(path),
    chmod: (path, mode) => {
      driver.setattr(path, { mode });
    },
    truncate: (path, sizeBytes) => {
      driver.setattr(path, { sizeBytes });
    },
    utimens: (path, atimeNs, mtimeNs) => {
      driver.lsetattr(path, {
        ...(atimeNs === undefined ? {} : { atime: atimeNs }),
        ...(mtimeNs === undefined ? {} : { mtime: mtimeNs }),
      });
    },
    mkdir: (path, mode) => {
      driver.mkdir(path, mode);
    },
    rmdir: (path) => {
      driver.rmdir(path);
    },
    unlink: (path) => {
      driver.unlink(path);
    },
    rename: (from, to, flag) => {
      driver.rename(from, to, {
        noReplace: flag === 'noreplace',
        exchange: flag === 'exchange',
      });
    },
    link: (existing, path) => {
      driver.link(existing, path);
    },
    symlink: (target, path) => {
      driver.symlink(target, path);
    },
    readlink: (path) => driver.readlink(path),
    mkfifo: (path) => {
      driver.mknod(path, fs.constants.S_IFIFO | 0o644);
    },
    readdir: (path) => withoutDots(driver.readdir(path)),
    freaddir: (fd) => withoutDots(driver.freaddir(fd)),
    dispose: onDispose,
  } satisfies ConformanceTarget & { fstat: (fd: number) => Attr };
}

function withoutDots(entries: readonly DirectoryEntry[]): readonly TargetEntry[] {
  return entries.filter(({ name }) => name !== '.' && name !== '..');
}
