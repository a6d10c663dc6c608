// One set-up at a time: two commands on a fresh clone must not install over each other.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Waits until no other set-up of this tree runs, and returns the function that lets the next one in.
 *
 * flock(2) belongs to the open file that flock(1) shares with this process, so the lock outlives
 * flock(1), ends with this process however it ends, and can never be stale. Where flock(1) is
 * missing (macOS) the set-up runs without a lock.
 */
export function lockSetup(root, say) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  const fd = openSync(join(root, 'dist/.setup-lock'), 'a', 0o600);
  const flock = (flags) =>
    spawnSync('flock', [...flags, '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (flock(['-n']).status === 1) {
    say('another xcache command is setting this tree up; waiting for it');
    flock([]);
  }
  return () => closeSync(fd);
}
