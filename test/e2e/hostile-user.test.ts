/**
 * Another user of the machine who exchanges directories for symlinks, over and over, while a service
 * of root works beside them. Root may write everywhere, so whatever it follows is lost.
 * `XCACHE_HOSTILE_ROUNDS` sets how often each command is tried.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noOrdinaryUsers, UserWorld, type OrdinaryUser } from '../support/ordinary-user.js';
import { detachMount, mountsBelow, waitUntil } from '../support/processes.js';
import { createWorld, type World } from '../support/world.js';
import { listing } from './lifecycle-support.js';

const rounds = Number(process.env['XCACHE_HOSTILE_ROUNDS'] ?? '1');

/** Exchanges `place` for a symlink to `aim` and back until `stop` is there, then puts it back. */
const exchanging = `
const { existsSync, lstatSync, renameSync, symlinkSync, unlinkSync, writeFileSync } = require('node:fs');
const [place, aim, began, stop] = process.argv.slice(1);
const own = place + '.own';
const attempt = (action) => { try { action(); return true; } catch { return false; } };
let exchanged = 0;
while (!existsSync(stop)) {
  attempt(() => renameSync(place, own));
  if (attempt(() => symlinkSync(aim, place))) exchanged += 1;
  if (exchanged === 1) writeFileSync(began, '');
  for (let time = 0; time < 50; time += 1) attempt(() => lstatSync(place));
  attempt(() => unlinkSync(place));
  attempt(() => renameSync(own, place));
  for (let time = 0; time < 50; time += 1) attempt(() => lstatSync(place));
}
console.log(exchanged);
`;

/** Its disposal ends it too, for a test that failed. */
interface Exchange extends AsyncDisposable {
  /** Waits until the first exchange. */
  readonly begun: () => Promise<void>;
  /** Ends it, with everything in its place; returns how many exchanges there were. */
  readonly end: () => Promise<number>;
}

let exchanges = 0;

function exchange(user: OrdinaryUser, place: string, aim: string): Exchange {
  exchanges += 1;
  const [began, stop] = ['began', 'stop'].map((name) => join(user.home, `${name}-${exchanges}`));
  if (began === undefined || stop === undefined) throw new Error('two names give two paths');
  const running = user.run([process.execPath, '-e', exchanging, place, aim, began, stop]);
  const end = async (): Promise<number> => {
    writeFileSync(stop, '');
    const { stdout, stderr } = await running;
    if (stderr !== '') throw new Error(stderr);
    return Number(stdout);
  };
  return {
    begun: async () => {
      await waitUntil('the first exchange', () => isThere(began));
    },
    end,
    [Symbol.asyncDispose]: async () => {
      await end();
    },
  };
}

function isThere(path: string): boolean {
  return spawnSync('test', ['-e', path]).status === 0;
}

/** What must never change, with a `target` that a followed symlink would lead to. */
function createSecret(world: World, name: string): string {
  const secret = join(world.path, name);
  mkdirSync(join(secret, 'target/debug/deps'), { recursive: true });
  mkdirSync(join(secret, 'debug'));
  for (const path of ['kept', 'target/kept', 'target/debug/deps/kept', 'debug/kept']) {
    writeFileSync(join(secret, path), path);
  }
  return secret;
}

function filesOf(directory: string): Record<string, string> {
  const names = listing(directory).filter((line) => line.includes(' f '));
  return Object.fromEntries(
    names.map((line) => {
      const [name = ''] = line.split(' ');
      return [name, readFileSync(join(directory, name), 'utf8')];
    }),
  );
}

/** Runs `action` and requires that it touched nothing of `secret`. */
async function sparing(secret: string, action: () => Promise<unknown>): Promise<void> {
  const before = [listing(secret), filesOf(secret)];
  await action();
  const led = mountsBelow(secret);
  led.forEach(detachMount);
  expect(led).toEqual([]);
  expect([listing(secret), filesOf(secret)]).toEqual(before);
}

describe.skipIf(noOrdinaryUsers !== undefined)(`another user ${noOrdinaryUsers ?? ''}`, () => {
  test('who exchanges the way to a mount point leads the service nowhere', async () => {
    await using users = await UserWorld.create();
    const mallory = await users.user();
    await using world = await createWorld();
    const secret = createSecret(world, 'secret');
    const shared = join(users.path, 'shared');
    const target = join(shared, 'ws/target');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'mine'), 'mine');
    chmodSync(shared, 0o777);
    await using exchanged = exchange(mallory, join(shared, 'ws'), secret);
    await exchanged.begun();
    await sparing(secret, async () => {
      for (let round = 0; round < rounds; round += 1) {
        for (const words of [['mount'], ['unmount', '--materialize'], ['forget', '--yes']]) {
          const { exitCode, stdout } = await world.xcache(...words, target);
          expect({ words, exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: '' });
        }
      }
    });
    expect(await exchanged.end()).toBeGreaterThan(0);
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
    expect((await world.xcache('mount', target)).stderr).toContain(
      `${shared} is writable for other users`,
    );
    chmodSync(shared, 0o755);
    expect(await world.xcacheJson('mount', target)).toMatchObject({ adoptedFiles: 1 });
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
  });

  test('who keeps a directory open in a target that is taken over gets nothing moved or removed', async () => {
    await using users = await UserWorld.create();
    const mallory = await users.user();
    await using world = await createWorld();
    const secret = createSecret(world, 'secret');
    const target = join(users.path, 'ws/target');
    mkdirSync(join(target, 'open/debug'), { recursive: true });
    writeFileSync(join(target, 'mine'), 'mine');
    chmodSync(join(target, 'open'), 0o777);
    await using exchanged = exchange(mallory, join(target, 'open/debug'), join(secret, 'debug'));
    await exchanged.begun();
    await sparing(secret, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const { stderr } = await world.xcache('mount', target);
        expect(stderr).toContain(`${join(target, 'open')} is writable for other users`);
        await world.xcache('unmount', target, '--materialize');
        await world.xcache('forget', '--yes', target);
      }
    });
    expect(await exchanged.end()).toBeGreaterThan(0);
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('mine');
    chmodSync(join(target, 'open'), 0o755);
    expect(await world.xcacheJson('mount', target)).toMatchObject({ adoptedFiles: 1 });
  });

  test.each(['XDG_STATE_HOME', 'XDG_RUNTIME_DIR', 'XDG_CACHE_HOME'])(
    'cannot exchange what a service has below %s',
    async (variable) => {
      await using users = await UserWorld.create();
      const mallory = await users.user();
      const open = join(users.path, 'open');
      mkdirSync(open);
      chmodSync(open, 0o777);
      await using world = await createWorld({ env: { XCACHE_HOME: '' } });
      const secret = createSecret(world, 'secret');
      mkdirSync(join(open, 'mine'), { mode: 0o700 });
      Object.assign(world.env, { HOME: world.path, [variable]: join(open, 'mine') });
      await using exchanged = exchange(mallory, join(open, 'mine'), secret);
      await exchanged.begun();
      await sparing(secret, async () => {
        for (let round = 0; round < rounds; round += 1) {
          const { exitCode, stderr } = await world.xcache('service', 'start');
          expect(exitCode).not.toBe(0);
          expect(stderr).toContain(`${open} is writable for other users`);
        }
      });
      expect(await exchanged.end()).toBeGreaterThan(0);
    },
  );
});
