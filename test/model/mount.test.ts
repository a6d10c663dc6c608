/**
 * Random operations of several processes on real mounts, each done on a plain directory, too. A
 * failure prints its seed and the last operations; `XCACHE_MODEL_SEED=… npm run model` runs the same
 * sequences again (what the processes share depends on who comes first).
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { byteStringFromText } from '../../src/base/byte-string.js';
import { hostTarget } from '../conformance/host-target.js';
import { DriverHost, noMounts, type HostShape } from '../support/driver-host.js';
import { createTempDirectory } from '../support/tmp.js';
import { chooseSeed, mountOperations } from './budget.js';
import { treeOf, type TreeEntry } from './oracle.js';

const run = promisify(execFile);
const program = fileURLToPath(new URL('mount-worker.py', import.meta.url));
const workers = 4;
const timeoutMs = 3_600_000;

interface Report {
  readonly operations: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failure?: string;
  readonly log?: readonly string[];
}

interface Sides {
  readonly mount: string;
  readonly plain: string;
  readonly lock: string;
}

async function runWorker(sides: Sides, worker: number, seed: number): Promise<Report> {
  const { mount, plain, lock } = sides;
  const operations = Math.ceil(mountOperations / workers);
  const args = [program, mount, plain, lock, String(worker), String(seed), String(operations)];
  const options = { cwd: '/', timeout: timeoutMs, maxBuffer: 1 << 26 };
  const { stdout } = await run('python3', args, options);
  return JSON.parse(stdout) as Report;
}

/** Everything below a directory, as a process sees it that was not there before. */
async function lookAt(directory: string): Promise<ReadonlyMap<string, TreeEntry>> {
  const target = hostTarget(directory, () => undefined);
  const root = byteStringFromText('');
  expect(await target.readdir(root)).not.toEqual([]);
  return await treeOf(target, () => undefined);
}

async function runModel(shape: HostShape): Promise<void> {
  const seed = chooseSeed();
  await using directory = await createTempDirectory();
  const plain = `${directory.path}/plain`;
  const lock = `${directory.path}/lock`;
  writeFileSync(lock, '');
  const started = Date.now();
  {
    await using host = await DriverHost.start({ driver: 'direct', shape, directory });
    const sides = { mount: host.viewRoot, plain, lock };
    for (const side of [host.viewRoot, plain]) {
      for (const name of ['w0', 'w1', 'w2', 'w3', 'shared']) {
        mkdirSync(`${side}/${name}`, { recursive: true });
      }
    }
    const all = Array.from({ length: workers }, (_, worker) => runWorker(sides, worker, seed));
    const reports = await Promise.all(all);
    const done = reports.reduce((sum, { operations }) => sum + operations, 0);
    console.log(`${shape}: seed ${seed}, ${done} operations, ${Date.now() - started} ms`);
    for (const { failure, log } of reports) {
      expect(failure, `seed ${seed}\n${log?.join('\n') ?? ''}`).toBeUndefined();
    }
    expect(host.messages.filter(({ kind }) => kind === 'fault')).toEqual([]);
    await host.ask('unmount');
    // It checks the invariants of the tables before it ends.
    expect(await host.message('loop-ended')).toMatchObject({ end: 'unmounted' });
  }
  await using again = await DriverHost.start({ driver: 'direct', shape, directory });
  expect(await lookAt(again.viewRoot)).toEqual(await lookAt(plain));
  await again.ask('unmount');
}

describe.skipIf(noMounts !== undefined)(`a real mount ${noMounts ?? ''}`, () => {
  test.each<HostShape>(['overlay', 'served', 'tree'])(
    'looks like a plain directory to several processes, whatever they do (%s)',
    { timeout: timeoutMs },
    runModel,
  );
});
