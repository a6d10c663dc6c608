import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { workerEntryUrl } from '../../src/base/worker-entry.js';
import { hashBytes } from '../../src/store/digest.js';
import { HashPool } from '../../src/store/hash-pool.js';
import { createTempDirectory } from '../support/tmp.js';
import { isStoreBuilt } from './child-store.js';

const missingEntry = new URL('file:///nowhere/hash-worker.js');
const entry = workerEntryUrl(
  pathToFileURL(join(process.cwd(), 'src/store/x.ts')).href,
  'hash-worker',
);

/** Both ways of hashing: in a worker, and in this thread where there is none. */
const entries = isStoreBuilt ? [entry, missingEntry] : [missingEntry];

afterEach(() => {
  vi.useRealTimers();
});

describe.each(entries)('hashing with the worker %s', (workerEntry) => {
  it('gives the digest and size of each file in its order', async () => {
    await using root = await createTempDirectory();
    await using pool = new HashPool(2, workerEntry);
    const contents = [0, 1, 4096, (1 << 20) + 1, 3 << 20].map((size) => Buffer.alloc(size, size));
    const requests = [];
    for (const [at, content] of contents.entries()) {
      // Names that are not UTF-8 come as bytes.
      const path = Buffer.concat([Buffer.from(`${root.path}/${at}`), Buffer.from([0xff])]);
      await writeFile(path, content);
      requests.push({ path, sync: at % 2 === 0 });
    }
    for (let round = 0; round < 10; round += 1) {
      expect(await pool.hash(requests)).toEqual(
        contents.map((content) => ({ digest: hashBytes(content), sizeBytes: content.length })),
      );
    }
  });

  it('fails for what is not a regular file, and goes on afterwards', async () => {
    await using root = await createTempDirectory();
    await using pool = new HashPool(1, workerEntry);
    const [file, link, fifo] = ['file', 'link', 'fifo'].map((name) => join(root.path, name));
    await writeFile(file!, 'abc');
    await symlink('file', link!);
    await mkdir(join(root.path, 'directory'));
    spawnSync('mkfifo', [fifo!]);
    const good = { path: file!, sync: false };
    for (const [name, code] of [
      ['missing', 'ENOENT'],
      ['link', 'ELOOP'],
      ['directory', 'EINVAL'],
      ['fifo', 'EINVAL'],
    ] as const) {
      const bad = { path: join(root.path, name), sync: false };
      await expect(pool.hash([good, bad])).rejects.toMatchObject({ code });
      expect(await pool.tryHash([bad, good])).toEqual([
        expect.objectContaining({ code }),
        { digest: hashBytes(Buffer.from('abc')), sizeBytes: 3 },
      ]);
    }
  });

  it('is over after the pool was closed', async () => {
    const pool = new HashPool(1, workerEntry);
    await pool.close();
    await pool.close();
    await expect(pool.hash([])).rejects.toThrow('closed');
  });
});

describe.runIf(isStoreBuilt)('the hash workers', () => {
  it('start with the first job and end when nothing comes for a while', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using pool = new HashPool(1, entry);
    expect(pool.threadCount).toBe(0);
    await pool.hash([{ path: import.meta.filename, sync: false }]);
    expect(pool.threadCount).toBe(1);
    await vi.advanceTimersByTimeAsync(9_000);
    await pool.hash([{ path: import.meta.filename, sync: false }]);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(pool.threadCount).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(pool.threadCount).toBe(0);
  });

  it('are replaced when one dies, and its jobs fail', async () => {
    await using root = await createTempDirectory();
    const dying = join(root.path, 'dying.mjs');
    await writeFile(
      dying,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', () => process.exit(1));`,
    );
    await using pool = new HashPool(1, pathToFileURL(dying));
    for (let round = 0; round < 2; round += 1) {
      await expect(pool.hash([{ path: 'x', sync: false }])).rejects.toThrow('ended');
      expect(pool.threadCount).toBe(0);
    }
  });

  it('do not keep a process alive', async () => {
    const script = `
      const { HashPool } = await import(${JSON.stringify(new URL('./hash-pool.js', entry).href)});
      await new HashPool().hash([{ path: process.execPath, sync: false }]);
      console.log('hashed');
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });
});

describe('the entry of a worker', () => {
  it('lies beside the compiled module', () => {
    expect(workerEntryUrl('file:///p/dist/store/pool.js', 'worker').href).toBe(
      'file:///p/dist/store/worker.js',
    );
  });

  it('lies in the built tree for a module that runs from source', () => {
    expect(workerEntryUrl('file:///p/src/a/src/store/pool.ts', 'worker').href).toBe(
      'file:///p/src/a/dist/store/worker.js',
    );
  });
});
