/** Several file systems in one mount. */
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { byteStringFromText } from '../../src/base/byte-string.js';
import { InProcessDriver } from '../support/in-process-driver.js';
import { openOverlay, type Overlay } from '../../src/fs/overlay.js';
import { WorkspaceTree } from '../../src/fs/workspace-tree.js';

const b = byteStringFromText;
const noFlags = { noReplace: false, exchange: false };

describe('the tree of workspaces', () => {
  let directory: string;
  let tree: WorkspaceTree;
  let driver: InProcessDriver;
  const overlays = new Map<string, Overlay>();
  const known = new Set<string>();
  const removed: string[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'xcache-tree-'));
    tree = new WorkspaceTree({
      placeName: b('@build'),
      open: (path, inoBase, isNew) => {
        if (!isNew && !known.has(path)) return undefined;
        known.add(path);
        const overlay = openView(path, inoBase);
        overlays.set(path, overlay);
        return overlay;
      },
      removed: (path) => {
        removed.push(path);
        known.delete(path);
        overlays.get(path)?.close();
        overlays.delete(path);
      },
      diskDirectory: directory,
    });
    driver = new InProcessDriver(tree);
  });

  afterEach(() => {
    for (const overlay of overlays.values()) overlay.close();
    overlays.clear();
    known.clear();
    removed.length = 0;
    rmSync(directory, { recursive: true });
  });

  function openView(path: string, inoBase: number): Overlay {
    const name = path.replaceAll('/', '_');
    return openOverlay({
      upperDirectory: join(directory, name, 'upper'),
      journalPath: join(directory, name, 'journal'),
      lower: { isVolatile: () => false, resolve: () => [], backingPath: () => '/dev/null' },
      observer: {
        attached: () => undefined,
        changed: () => undefined,
        attributesChanged: () => undefined,
        appeared: () => undefined,
        removed: () => undefined,
        detached: () => undefined,
        rootEmptied: () => undefined,
      },
      inoBase,
    });
  }

  function makeWorkspace(path: string): void {
    let sofar = '';
    for (const part of path.split('/')) {
      sofar = sofar === '' ? part : `${sofar}/${part}`;
      try {
        driver.mkdir(b(sofar), 0o755);
      } catch (error) {
        expect((error as { code: string }).code).toBe('EEXIST');
      }
    }
    driver.mkdir(b(`${path}/@build`), 0o755);
  }

  function write(path: string, text: string): void {
    const fd = driver.open(b(path), constants.O_RDWR | constants.O_CREAT);
    driver.write(fd, Buffer.from(text), 0);
    driver.close(fd);
  }

  function read(path: string): string {
    const fd = driver.open(b(path), constants.O_RDONLY);
    const buffer = Buffer.alloc(100);
    const length = driver.read(fd, buffer, 0);
    driver.close(fd);
    return buffer.toString('utf8', 0, length);
  }

  const names = (path: string): string[] =>
    driver
      .readdir(b(path))
      .map(({ name }) => name as string)
      .filter((name) => name !== '.' && name !== '..')
      .sort();

  it('keeps the files of each workspace apart, under different inode numbers', () => {
    makeWorkspace('home/u/a');
    makeWorkspace('home/u/b');
    write('home/u/a/@build/file', 'of a');
    write('home/u/b/@build/file', 'of b');
    expect(read('home/u/a/@build/file')).toBe('of a');
    expect(read('home/u/b/@build/file')).toBe('of b');
    const inos = ['home/u/a/@build/file', 'home/u/b/@build/file', 'home/u/a/@build'].map(
      (path) => driver.stat(b(path)).ino,
    );
    expect(new Set(inos).size).toBe(3);
    expect(names('home/u')).toEqual(['a', 'b']);
    expect(names('home/u/a')).toEqual(['@build']);
    for (const overlay of overlays.values()) overlay.assertInvariants();
  });

  it('takes a directory that is renamed to the place, as cargo makes it', () => {
    driver.mkdir(b('ws'), 0o755);
    driver.mkdir(b('ws/@buildXyZ12'), 0o755);
    expect(driver.stat(b('ws/@buildXyZ12')).isTransient).toBe(true);
    driver.rename(b('ws/@buildXyZ12'), b('ws/@build'), noFlags);
    expect(names('ws')).toEqual(['@build']);
    write('ws/@build/x', 'x');
    expect(known.has('/ws')).toBe(true);
    driver.mkdir(b('ws/@buildLater'), 0o755);
    expect(() => driver.rename(b('ws/@buildLater'), b('ws/@build'), noFlags)).toThrow('ENOTEMPTY');
  });

  it('shows known workspaces before anybody made a directory', () => {
    known.add('/srv/grün');
    tree.announce('/srv/grün');
    expect(names('srv')).toEqual([b('grün')]);
    expect(driver.stat(b('srv/grün/@build')).nlink).toBeGreaterThan(0);
  });

  it('removes an empty place and makes a new one there', () => {
    makeWorkspace('ws');
    write('ws/@build/x', 'x');
    expect(() => driver.rmdir(b('ws/@build'))).toThrow('ENOTEMPTY');
    driver.unlink(b('ws/@build/x'));
    const before = driver.stat(b('ws/@build')).ino;
    driver.rmdir(b('ws/@build'));
    expect(removed).toEqual(['/ws']);
    expect(names('ws')).toEqual([]);
    driver.mkdir(b('ws/@build'), 0o755);
    expect(driver.stat(b('ws/@build')).ino).not.toBe(before);
    driver.rmdir(b('ws/@build'));
    driver.rmdir(b('ws'));
    expect(names('')).toEqual([]);
  });

  it('has nothing but directories beside the places, and no links between them', () => {
    makeWorkspace('a');
    makeWorkspace('b');
    write('a/@build/x', 'x');
    expect(() => write('a/file', '')).toThrow('EPERM');
    expect(() => driver.symlink(Buffer.from('x'), b('a/link'))).toThrow('EPERM');
    expect(() => driver.rename(b('a/@build/x'), b('b/@build/x'), noFlags)).toThrow('EXDEV');
    expect(() => driver.link(b('a/@build/x'), b('b/@build/x'))).toThrow('EXDEV');
    expect(() => driver.rename(b('a'), b('c'), noFlags)).toThrow('EPERM');
    expect(() => driver.rmdir(b('a'))).toThrow('ENOTEMPTY');
  });

  it('says that inodes of a closed file system are stale, and finds it again by name', () => {
    makeWorkspace('ws');
    write('ws/@build/x', 'kept');
    const fd = driver.open(b('ws/@build/x'), constants.O_RDONLY);
    tree.close('/ws');
    overlays.get('/ws')?.close();
    expect(() => driver.fstat(fd)).toThrow('ESTALE');
    expect(read('ws/@build/x')).toBe('kept');
  });
});
