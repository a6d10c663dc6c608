import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ByteName, VirtualPath } from '../../src/base/byte-string.js';
import { ViewAgent } from '../../src/views/serving/view-agent.js';
import { createTempDirectory } from '../support/tmp.js';

const libraryName = 'libdemo-0123456789abcdef.rlib' as ByteName;
const libraryPath = `debug/deps/${libraryName}` as VirtualPath;

/** A process that the agent takes for cargo: it goes by the name of the program. */
async function startCargo(directory: string): Promise<{ pid: number } & AsyncDisposable> {
  const program = join(directory, 'cargo');
  if (!existsSync(program)) copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose](): Promise<void> {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** An agent whose clock goes on by 500 ns with each question, and the times of its questions. */
function createAgent(mountPoint: string): { agent: ViewAgent; askedWithNs: bigint[] } {
  let nowNs = 1_000n;
  const askedWithNs: bigint[] = [];
  const agent = new ViewAgent({
    mountPoint,
    root: mountPoint,
    // Looking at the inputs takes a while, in which they may change.
    ask: ({ stampNs }) => {
      askedWithNs.push(stampNs);
      nowNs += 500n;
      const extent = { digest: 'a'.repeat(64), offset: 0, sizeBytes: 0 };
      const entry = { kind: 'file', path: libraryPath, mode: 0o644, extent } as const;
      const unit = { id: 'a', unitKey: 'debug#classic#x', requires: [], entries: [entry] };
      return { kind: 'units', units: [unit] };
    },
    report: () => undefined,
    backingPath: (digest) => digest,
    detach: () => true,
  });
  agent.bind({
    clockNs: () => nowNs,
    note: () => undefined,
    notes: () => new Map(),
    names: () => [],
    snapshot: () => [],
    dropTransient: () => undefined,
  });
  return { agent, askedWithNs };
}

function timesShownTo(agent: ViewAgent, { pid }: { readonly pid: number }): readonly bigint[] {
  const caller = { pid, uid: 0, gid: 0 };
  const attachments = agent.resolve('debug/deps' as VirtualPath, libraryName, caller);
  return attachments.flatMap(({ entries }) => entries.map(({ mtimeNs }) => mtimeNs));
}

describe('the agent of a view', () => {
  test('rule 17: a unit shows a time from before its inputs were looked at', async () => {
    await using directory = await createTempDirectory();
    await using cargo = await startCargo(directory.path);
    const { agent, askedWithNs } = createAgent(directory.path);
    expect(timesShownTo(agent, cargo)).toEqual([1_000n]);
    expect(askedWithNs).toEqual([1_000n]);
  });

  test('rule 3: one cargo process gets one answer about a unit, the next one asks anew', async () => {
    await using directory = await createTempDirectory();
    await using cargo = await startCargo(directory.path);
    const { agent, askedWithNs } = createAgent(directory.path);
    expect(timesShownTo(agent, cargo)).toEqual([1_000n]);
    expect(timesShownTo(agent, cargo)).toEqual([]);
    await using next = await startCargo(directory.path);
    expect(timesShownTo(agent, next)).toEqual([1_500n]);
    expect(timesShownTo(agent, next)).toEqual([]);
    expect(askedWithNs).toEqual([1_000n, 1_500n]);
  });

  test('rule 18: a unit that comes again shows the time of its coming, whatever it replaces', async () => {
    await using directory = await createTempDirectory();
    const { agent } = createAgent(directory.path);
    for (const expectedNs of [1_000n, 1_500n, 2_000n]) {
      await using cargo = await startCargo(directory.path);
      expect(timesShownTo(agent, cargo)).toEqual([expectedNs]);
    }
  });
});
