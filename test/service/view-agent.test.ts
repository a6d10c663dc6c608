import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ByteName, VirtualPath } from '../../src/base/byte-string.js';
import { ViewAgent } from '../../src/service/view-agent.js';
import { createTempDirectory } from '../support/tmp.js';

const unitHash = '0123456789abcdef';

/** A process that the agent takes for cargo: it goes by the name of the program. */
async function startCargo(directory: string): Promise<{ pid: number } & AsyncDisposable> {
  const program = join(directory, 'cargo');
  copyFileSync('/bin/sleep', program);
  chmodSync(program, 0o755);
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

describe('the agent of a view', () => {
  test('rule 17: a unit shows a time from before its inputs were looked at', async () => {
    await using directory = await createTempDirectory();
    await using cargo = await startCargo(directory.path);
    let nowNs = 1_000n;
    let askedWithNs: bigint | undefined;
    const agent = new ViewAgent({
      mountPoint: directory.path,
      // Looking at the inputs takes a while, in which they may change.
      ask: ({ stampNs }) => {
        askedWithNs = stampNs;
        nowNs += 500n;
        const path = `debug/deps/libdemo-${unitHash}.rlib` as VirtualPath;
        const extent = { digest: 'a'.repeat(64), offset: 0, sizeBytes: 0 };
        const entry = { kind: 'file', path, mode: 0o644, extent } as const;
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
    const caller = { pid: cargo.pid, uid: 0, gid: 0 };
    const name = `libdemo-${unitHash}.rlib` as ByteName;
    const [attachment] = agent.resolve('debug/deps' as VirtualPath, name, caller);
    expect(attachment?.entries.map(({ mtimeNs }) => mtimeNs)).toEqual([1_000n]);
    expect(askedWithNs).toBe(1_000n);
  });
});
