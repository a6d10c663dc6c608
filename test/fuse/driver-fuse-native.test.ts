import {
  existsSync,
  lutimesSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isDeadMount } from '../../src/fuse/mount/mount-health.js';
import { findMount } from '../../src/host/mount-table.js';
import { DriverHost, noMounts } from '../support/driver-host.js';
import { createTempDirectory } from '../support/tmp.js';

const modes = ['fast', 'safe'] as const;

describe.skipIf(noMounts !== undefined)(`the driver fuse-native ${noMounts ?? ''}`, () => {
  for (const driver of modes) {
    test(`finds a name once it is there in mode ${driver}`, async () => {
      await using host = await DriverHost.start({ driver });
      const path = join(host.mountPoint, 'volatile-unit');
      expect(existsSync(path)).toBe(false);
      await host.ask('reveal');
      expect(readlinkSync(path)).toBe('elsewhere');
    });

    test(`sets access and modification time apart in mode ${driver}, to the millisecond`, async () => {
      await using host = await DriverHost.start({ driver });
      const path = join(host.mountPoint, 'a');
      writeFileSync(path, '');
      lutimesSync(path, 1_600_000_000.5, 1_700_000_000.25);
      const { atimeMs, mtimeMs } = statSync(path);
      expect([atimeMs, mtimeMs]).toEqual([1_600_000_000_500, 1_700_000_000_250]);
    });

    test(`leaves no mount behind when its process exits in mode ${driver}`, async () => {
      await using host = await DriverHost.start({ driver });
      host.tell('exit');
      expect(await host.exit()).toEqual({ code: 7, signal: null });
      expect(findMount(host.mountPoint)).toBeUndefined();
    });

    test(`keeps what was written when it is killed in mode ${driver}`, async () => {
      await using directory = await createTempDirectory();
      {
        await using host = await DriverHost.start({ driver, directory });
        writeFileSync(join(host.mountPoint, 'a'), 'kept');
        await host.kill('SIGKILL');
        expect(await isDeadMount(host.mountPoint)).toBe(true);
      }
      await using next = await DriverHost.start({ driver, directory });
      expect(readFileSync(join(next.mountPoint, 'a'), 'utf8')).toBe('kept');
    });
  }

  test('mounts on a path that a shell would take apart', async () => {
    await using parent = await createTempDirectory();
    const odd = { ...parent, path: `${parent.path}/$HOME \`id\`, "x"` };
    await using host = await DriverHost.start({ driver: 'fast', directory: odd });
    writeFileSync(join(host.mountPoint, 'a'), '');
    await host.ask('unmount');
    expect(findMount(host.mountPoint)).toBeUndefined();
  });
});
