/** Who keeps a directory busy. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeMountUsers, findMountUsers } from '../../src/host/mount-users.js';

test('a process with its working directory in a place is named, until it leaves', async () => {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'xcache-users-')));
  const child = spawn('cat', [], { cwd: place, stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    child.stdin.write('there');
    await once(child.stdout, 'data');
    const users = await findMountUsers(place);
    expect(users).toEqual([{ pid: child.pid, command: 'cat' }]);
    expect(describeMountUsers(users)).toBe(`cat (process ${child.pid})`);
    expect(await findMountUsers(`${place}-beside`)).toEqual([]);
  } finally {
    child.stdin.end();
    await once(child, 'exit');
    rmSync(place, { recursive: true });
  }
  expect(await findMountUsers(place)).toEqual([]);
});

test('nobody to be seen is another process', () => {
  expect(describeMountUsers([])).toBe('another process');
});
