import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { HostFiles } from '../../src/service/host/host-files.js';
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

  it('are found where a link leads by now, though the clock was set back', async () => {
    await using temporary = await createTempDirectory();
    const root = temporary.path;
    for (const name of ['old', 'new']) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'file'), name);
    }
    symlinkSync('old', join(root, 'link'));
    const files = new HostFiles(() => []);
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    try {
      expect(files.readText(join(root, 'link/file'), 100)).toBe('old');
      rmSync(join(root, 'link'));
      symlinkSync('new', join(root, 'link'));
      vi.advanceTimersByTime(10_000);
      vi.setSystemTime(Date.now() - 3_600_000);
      expect(files.readText(join(root, 'link/file'), 100)).toBe('new');
    } finally {
      vi.useRealTimers();
    }
  });

  it('end in a loop of links without an answer', async () => {
    await using temporary = await createTempDirectory();
    symlinkSync('b', join(temporary.path, 'a'));
    symlinkSync('a', join(temporary.path, 'b'));
    expect(new HostFiles(() => []).stat(join(temporary.path, 'a'))).toBeUndefined();
  });
});
