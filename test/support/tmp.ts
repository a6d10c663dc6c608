import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of a test's own (0700, no symlinks in its path), removed with all it holds. */
export interface TempDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Makes an empty one below the system's temporary directory, or below `parent`. */
export async function createTempDirectory(parent: string = tmpdir()): Promise<TempDirectory> {
  const path = await realpath(await mkdtemp(join(parent, 'xcache-test-')));
  return {
    path,
    async [Symbol.asyncDispose](): Promise<void> {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
