import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { createTempDirectory } from '../support/tmp.js';

describe('files of the host', () => {
  it('are read, through links and with dot-dot components', async () => {
    await using temporary = await createTempDirectory();
    const root = temporary.path;
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'a/b/file'), 'text');
    symlinkSync('a/b', join(root, 'link'));
    symlinkSync(join(root, 'link/file'), join(root, 'far'));
    const files = new HostFiles(() => []);
    expect(files.readText(join(root, 'far'), 100)).toBe('text');
    expect(files.readText(`${root}/a/../link/file`, 100)).toBe('text');
    expect(files.realPath(join(root, 'far'))).toBe(files.realPath(join(root, 'a/b/file')));
    expect(files.stat(join(root, 'missing'))).toBeUndefined();
    expect(files.read(join(root, 'a/b/file'), 3)).toBeUndefined();
  });

  it('are never touched below a mount of ours, whichever links lead there', async () => {
    await using temporary = await createTempDirectory();
    const root = new HostFiles(() => []).realPath(temporary.path) ?? '';
    mkdirSync(join(root, 'target/debug'), { recursive: true });
    writeFileSync(join(root, 'target/debug/file'), 'text');
    symlinkSync('target', join(root, 'direct'));
    symlinkSync('../target/debug', join(root, 'target/up'));
    symlinkSync(join(root, 'direct/debug/file'), join(root, 'file'));
    const files = new HostFiles(() => [join(root, 'target')]);
    for (const path of ['target', 'target/debug/file', 'direct', 'direct/debug/file', 'file']) {
      expect(files.stat(join(root, path)), path).toBeUndefined();
      expect(files.read(join(root, path), 100), path).toBeUndefined();
    }
    expect(files.isBelowOwnMount(join(root, 'target2'))).toBe(false);
  });

  it('are found where a link leads by now, in each question', async () => {
    await using temporary = await createTempDirectory();
    const root = temporary.path;
    for (const name of ['old', 'new']) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'file'), name);
    }
    symlinkSync('old', join(root, 'link'));
    const files = new HostFiles(() => []);
    const change = (name: string): void => {
      rmSync(join(root, 'link'));
      symlinkSync(name, join(root, 'link'));
    };
    expect(files.readText(join(root, 'link/file'), 100)).toBe('old');
    change('new');
    files.beginQuestion();
    expect(files.readText(join(root, 'link/file'), 100)).toBe('new');
    change('old');
    // A question is over when the event loop goes on, also if the next one does not say so.
    await Promise.resolve();
    expect(files.readText(join(root, 'link/file'), 100)).toBe('old');
  });

  it('are there, missing or unknown', async () => {
    await using temporary = await createTempDirectory();
    const root = temporary.path;
    mkdirSync(join(root, 'mount/below'), { recursive: true });
    writeFileSync(join(root, 'file'), 'text');
    symlinkSync('nothing', join(root, 'dangling'));
    symlinkSync('loop', join(root, 'loop'));
    symlinkSync('mount/below', join(root, 'into'));
    const real = new HostFiles(() => []).realPath(root) ?? '';
    const files = new HostFiles(() => [join(real, 'mount')]);
    const kindOf = (name: string): string => files.look(join(root, name)).kind;
    for (const name of ['file', '.']) expect(kindOf(name), name).toBe('there');
    for (const name of ['no', 'no/file', 'file/below', 'dangling', 'dangling/below']) {
      expect(kindOf(name), name).toBe('missing');
    }
    for (const name of ['loop', 'loop/below', 'into', 'into/file', 'mount', 'mount/no']) {
      expect(kindOf(name), name).toBe('unknown');
    }
    expect(kindOf('x'.repeat(300))).toBe('unknown');
    expect(files.look('/')).toMatchObject({ kind: 'there', real: '/' });
  });

  it('are as young as a link on the way, and a missing one as the directory without it', async () => {
    await using temporary = await createTempDirectory();
    const root = temporary.path;
    mkdirSync(join(root, 'a'));
    writeFileSync(join(root, 'a/file'), 'text');
    symlinkSync('a', join(root, 'link'));
    const files = new HostFiles(() => []);
    const { ctimeNs } = lstatSync(join(root, 'link'), { bigint: true });
    expect(files.look(join(root, 'a/file'))).toMatchObject({ wayNs: 0n });
    expect(files.look(join(root, 'link/file'))).toMatchObject({ wayNs: ctimeNs });
    rmSync(join(root, 'a/file'));
    files.beginQuestion();
    const directory = lstatSync(join(root, 'a'), { bigint: true });
    expect(files.look(join(root, 'a/file/deep'))).toMatchObject({
      kind: 'missing',
      wayNs: directory.ctimeNs,
    });
  });

  it('that are replaced or no files are not read', async () => {
    await using temporary = await createTempDirectory();
    const path = join(temporary.path, 'file');
    writeFileSync(path, 'text');
    const files = new HostFiles(() => []);
    const place = files.look(path);
    if (place.kind !== 'there') throw new Error(place.kind);
    expect(files.readPlace(place, 100)).toMatchObject({ kind: 'read' });
    writeFileSync(join(temporary.path, 'other'), 'text');
    renameSync(join(temporary.path, 'other'), path);
    expect(files.readPlace(place, 100)).toMatchObject({ kind: 'unknown' });
    const fifo = join(temporary.path, 'fifo');
    execFileSync('mkfifo', [fifo]);
    expect(files.read(fifo, 100)).toBeUndefined();
  });

  it('end in a loop of links without an answer', async () => {
    await using temporary = await createTempDirectory();
    symlinkSync('b', join(temporary.path, 'a'));
    symlinkSync('a', join(temporary.path, 'b'));
    expect(new HostFiles(() => []).stat(join(temporary.path, 'a'))).toBeUndefined();
  });
});

it('a path that is not absolute is unknown, and asks nothing of the host', () => {
  const files = new HostFiles(() => []);
  for (const path of ['', '.', 'src/lib.rs', './Cargo.toml']) {
    expect(files.look(path).kind).toBe('unknown');
    expect(files.stat(path)).toBeUndefined();
  }
});
