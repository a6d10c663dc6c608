/** Texts that people and the system write: configurations and the table of mounts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { XcacheError } from '../../src/base/errors.js';
import { parseMountTable } from '../../src/host/mount-table.js';
import { loadCargoConfig } from '../../src/host/cargo-config.js';
import {
  insertBuildDir,
  parseBuildDir,
  removeBuildDir,
} from '../../src/service/setup/cargo-config-edit.js';
import { loadConfig } from '../../src/service/config.js';
import { loadServiceRecord } from '../../src/service/control/service-lock.js';
import { loadViewRecords } from '../../src/views/view-directory.js';
import { fuzz } from './fuzz.js';
import { mutated, mutatedText } from './mutations.js';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'xcache-fuzz-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

const configs = [
  '[gc]\nautomatic = true\nmax-size = "20GiB"\nmax-age = "30d"\n[service]\nlog-level = "info"\n[mount]\ndriver = "direct"\n',
  '# a\ngc.max-size = """\n5%"""\n"gc".\'max-age\' = \'1w\'\n',
];
const cargoConfigs = [
  '[build]\nrustc-wrapper = "w"\nbuild-dir = "/x/{workspace-root}"\n[env]\nA = { value = "b", relative = true }\n',
  'build = { jobs = 2, "build-dir" = \'t\' } # x\r\n[target.x]\r\nlinker = """\r\na"""\r\n',
  '# >>> xcache >>>\n# was: build-dir = "mine"\nbuild.build-dir = "/mnt/{workspace-root}"\n# <<< xcache <<<\n[net]\noffline = true\n',
  'build.jobs = 1\nbuild.build-dir = "own"\n[[x]]\ny = [\n1,\n]',
];
const mountTables = [
  '22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n40 22 0:39 / /home/a\\040b/target rw,nosuid shared:5 master:1 - fuse.xcache xcache rw,user_id=0\n41 22 0:40 / /d\\134x ro - tmpfs tmp\\011fs rw\n',
];

function isOf(error: unknown, code: string): boolean {
  if (error instanceof XcacheError && error.code === code) return true;
  throw error;
}

describe('a text that people or the system write', () => {
  fuzz('config.toml', {
    inputs: mutatedText(configs),
    check: async (text) => {
      const file = join(directory, 'config.toml');
      writeFileSync(file, text);
      try {
        const { config } = await loadConfig(file, {});
        expect(typeof config.gc.isAutomatic).toBe('boolean');
      } catch (error) {
        isOf(error, 'XC_CONFIG');
      }
    },
  });

  fuzz('variables of the configuration', {
    inputs: fc.dictionary(
      fc.constantFrom(
        'XCACHE_GC_MAX_SIZE',
        'XCACHE_GC_MAX_AGE',
        'XCACHE_LOG',
        'XCACHE_GC_AUTOMATIC',
      ),
      mutatedText(['20GiB', '5%', '30d', 'info', 'auto', '1']),
    ),
    check: async (env) => {
      try {
        const { config } = await loadConfig(join(directory, 'none'), env);
        for (const limit of [config.gc.maxSizeBytes, config.gc.maxAgeMs]) {
          if (limit !== undefined) expect(limit).toBeGreaterThanOrEqual(0);
        }
      } catch (error) {
        isOf(error, 'XC_CONFIG');
      }
    },
  });

  fuzz("cargo's configuration", {
    inputs: mutatedText(cargoConfigs),
    check: (text) => {
      const files = {
        stat: (path: string) => (path === '/w/.cargo/config.toml' ? {} : undefined),
        readText: () => text,
        realPath: (path: string) => path,
      };
      const found = loadCargoConfig('/w', '/home/.cargo', files as never);
      if (!('unreadable' in found)) expect(found.env).toBeInstanceOf(Map);
    },
  });

  fuzz("edit of cargo's configuration", {
    inputs: fc.tuple(mutatedText(cargoConfigs), fc.boolean()),
    check: ([text, mayReplace]) => {
      const value = '/mnt/{workspace-root}';
      const isOurs = (each: string): boolean => each.startsWith('/mnt/');
      try {
        const before = parseBuildDir(text);
        const outcome = insertBuildDir(text, { value, isOurs, mayReplace });
        if (outcome.kind !== 'changed') return;
        expect(parseBuildDir(outcome.text)).toBe(value);
        const back = removeBuildDir(outcome.text, isOurs);
        if (back.kind === 'delete' || text.includes('xcache')) return;
        const restored = back.kind === 'changed' ? back.text : outcome.text;
        if (before === undefined || !isOurs(before)) expect(restored).toBe(text);
      } catch (error) {
        isOf(error, 'XC_CARGO_CONFIG');
      }
    },
  });

  fuzz('table of mounts', {
    inputs: mutated(mountTables.map((text) => Buffer.from(text))),
    check: (bytes) => {
      for (const { mountPoint } of parseMountTable(bytes)) {
        expect(mountPoint.length).toBeLessThanOrEqual(bytes.length);
      }
    },
  });

  fuzz('records beside the store', {
    inputs: mutatedText([
      '{"version":1,"mountPoint":"/w/target","driver":"direct","mode":"fast","isMounted":true,"createdMs":1,"environment":""}\n',
      '{"pid":4711,"socketPath":"/run/x"}\n',
    ]),
    check: async (text) => {
      const view = join(directory, 'views/0123456789abcdef');
      mkdirSync(view, { recursive: true });
      writeFileSync(join(view, 'view.json'), text);
      writeFileSync(join(directory, 'pid'), text);
      await loadServiceRecord(join(directory, 'pid'));
      for (const record of await loadViewRecords(join(directory, 'views'))) {
        expect(record.version).toBe(1);
      }
    },
  });
});
