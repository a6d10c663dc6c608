import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isDeadMount, detachDeadMount, probeMount } from '../../src/fuse/mount/mount-health.js';
import { findMount } from '../../src/host/mount-table.js';
import { DriverHost, noMounts } from '../support/driver-host.js';
import { createTempDirectory } from '../support/tmp.js';

const run = promisify(execFile);

/** Whether a process can look the name up; in a process of its own, as cargo would be. */
async function exists(path: string): Promise<boolean> {
  return await run('stat', ['--', path]).then(
    () => true,
    () => false,
  );
}

/** A process that stays inside the mount until the test ends. */
async function startGuest(directory: string): Promise<void> {
  const guest = spawn('sh', ['-c', 'echo in; read line'], { cwd: directory });
  onTestFinished(() => {
    guest.stdin.end();
  });
  await once(guest.stdout, 'data');
}

/** A thread that has just answered is not asleep yet, and needs no message. */
async function wakeAsleep(host: DriverHost): Promise<string | undefined> {
  for (let count = 1; ; count += 1) {
    const { outcome } = await host.ask('wake');
    if (outcome !== 'awake') return outcome;
    await host.message('woken', count);
  }
}

describe.skipIf(noMounts !== undefined)(`the driver direct ${noMounts ?? ''}`, () => {
  test('what is written through the mount is in the upper directory', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    writeFileSync(join(host.mountPoint, 'a'), 'content');
    expect(readFileSync(join(host.directory.path, 'upper/a'), 'utf8')).toBe('content');
  });

  test('the kernel does not ask twice for a name that is not there', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await exists(join(host.mountPoint, 'absent'));
    const before = await host.count('lookup');
    await exists(join(host.mountPoint, 'absent'));
    expect(await host.count('lookup')).toBe(before);
  });

  test('a name whose absence is volatile is asked for again, and found once it is there', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    const path = join(host.mountPoint, 'volatile-unit');
    expect(await exists(path)).toBe(false);
    await host.ask('reveal');
    expect(readlinkSync(path)).toBe('elsewhere');
  });

  test('opening a file again costs no message', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    const path = join(host.mountPoint, 'a');
    writeFileSync(path, 'content');
    // The first one reads the data, the second asks for the time of access that this left.
    for (let round = 0; round < 2; round += 1) readFileSync(path);
    const before = (await host.ask('counts')).counts;
    for (let round = 0; round < 10; round += 1) readFileSync(path);
    expect((await host.ask('counts')).counts).toEqual(before);
  });

  test('listing a directory does not look at its files', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    for (let index = 0; index < 50; index += 1) {
      writeFileSync(join(host.mountPoint, `file-${index}`), '');
    }
    const before = await host.count('lookup');
    expect(readdirSync(host.mountPoint)).toHaveLength(50);
    expect(await host.count('lookup')).toBe(before);
  });

  test('rewinding a directory shows what has changed since it was opened', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    const program =
      'opendir D, $ARGV[0]; @a = readdir D; open F, ">", "$ARGV[0]/new"; close F;' +
      'rewinddir D; @b = readdir D; print scalar(@a), " ", scalar(@b)';
    expect(execFileSync('perl', ['-e', program, host.mountPoint], { encoding: 'utf8' })).toBe(
      '2 3',
    );
  });

  test('cargo builds, rebuilds after a touch, and runs what it built', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    const crate = join(host.directory.path, 'crate');
    mkdirSync(join(crate, 'src'), { recursive: true });
    writeFileSync(
      join(crate, 'Cargo.toml'),
      '[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\n',
    );
    writeFileSync(join(crate, 'src/main.rs'), 'fn main() { println!("built") }\n');
    const env = { ...process.env, CARGO_TARGET_DIR: host.mountPoint };
    const cargo = async (): Promise<{ stdout: string; stderr: string }> =>
      await run('cargo', ['run', '--offline'], { cwd: crate, env });
    expect((await cargo()).stdout).toBe('built\n');
    expect((await cargo()).stderr).not.toContain('Compiling');
    writeFileSync(join(crate, 'src/main.rs'), 'fn main() { println!("again") }\n');
    expect((await cargo()).stdout).toBe('again\n');
  });
});

describe.skipIf(noMounts !== undefined)(`the thread that serves a mount ${noMounts ?? ''}`, () => {
  test('is woken by a process that enters the mount while the kernel holds no node', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    expect(await wakeAsleep(host)).toBe('entered');
    await host.message('woken');
  });

  test('is woken by messages of the kernel from then on', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    expect((await host.ask('hold')).outcome).toBe('true');
    expect(await wakeAsleep(host)).toBe('notified');
    await host.message('woken');
  });

  test('notices every wake-up while it is busy', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    const busy = run('sh', ['-c', 'i=0; while [ $i -lt 500 ]; do : > f$i; i=$((i+1)); done'], {
      cwd: host.mountPoint,
    });
    for (let round = 1; round <= 200; round += 1) {
      const woken = host.messages.filter(({ kind }) => kind === 'woken').length;
      await host.ask('wake');
      await host.message('woken', woken + 1);
    }
    await busy;
  });

  test('does not show the file that it is woken through', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await host.ask('hold');
    expect(readdirSync(host.mountPoint)).toEqual([]);
  });

  test('ends when its mount is unmounted', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await host.ask('unmount');
    expect((await host.message('loop-ended')).end).toBe('unmounted');
  });

  test('serves on where an unmount is refused because the mount is in use', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await startGuest(host.mountPoint);
    await expect(host.ask('unmount')).rejects.toMatchObject({ code: 'XC_UNMOUNT_BUSY' });
    writeFileSync(join(host.mountPoint, 'a'), '');
  });

  test('stops on demand although the detached mount is in use', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await host.ask('hold');
    await startGuest(host.mountPoint);
    await host.ask('detach');
    await host.ask('stop');
    expect((await host.message('loop-ended')).end).toBe('stopped');
  });
});

describe.skipIf(noMounts !== undefined)(`a process that serves a mount ${noMounts ?? ''}`, () => {
  for (const [manner, command, code] of [
    ['exits', 'exit', 7],
    ['throws', 'throw', 1],
    ['leaves a rejection unhandled', 'reject', 1],
  ] as const) {
    test(`leaves no mount behind when it ${manner}, even in use`, async () => {
      await using host = await DriverHost.start({ driver: 'direct' });
      await startGuest(host.mountPoint);
      host.tell(command);
      // Only root can end the connection of a mount that somebody is in.
      const isRoot = process.geteuid?.() === 0;
      const end = isRoot ? { code, signal: null } : { code: null, signal: 'SIGKILL' };
      expect(await host.exit()).toEqual(end);
      expect(findMount(host.mountPoint)).toBeUndefined();
    });
  }

  test('ends although a mount that it has detached is in use', async () => {
    await using host = await DriverHost.start({ driver: 'direct' });
    await startGuest(host.mountPoint);
    await host.ask('detach');
    host.tell('exit');
    expect(await host.exit()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('leaves a dead mount when it is killed, which can be detached and mounted again', async () => {
    await using directory = await createTempDirectory();
    {
      await using host = await DriverHost.start({ driver: 'direct', directory });
      writeFileSync(join(host.mountPoint, 'a'), 'kept');
      expect(await probeMount(host.mountPoint)).toBe('alive');
      await host.kill('SIGKILL');
      expect(await isDeadMount(host.mountPoint)).toBe(true);
      await detachDeadMount(host.mountPoint);
      expect(findMount(host.mountPoint)).toBeUndefined();
    }
    await using next = await DriverHost.start({ driver: 'direct', directory });
    expect(readFileSync(join(next.mountPoint, 'a'), 'utf8')).toBe('kept');
  });
});
