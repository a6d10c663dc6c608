/** What a conformance test has at hand, and the few steps that many of them share. */
import { constants } from 'node:fs';
import { expect } from 'vitest';
import type { ByteString } from '../../src/base/byte-string.js';
import type { Awaitable, ConformanceTarget, TargetPath } from './target.js';

export interface Scene {
  readonly fs: ConformanceTarget;
  /** The test's own empty directory. */
  readonly directory: TargetPath;
  /** The same on this machine, where there is a kernel. */
  readonly hostDirectory: string | undefined;
  /** A path in the test's directory. */
  readonly at: (name: string) => TargetPath;
  /** The same for names that are not text. */
  readonly atBytes: (name: ByteString) => TargetPath;
}

const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC } = constants;

/** Creates or replaces a file. */
export async function put(
  { fs }: Scene,
  path: TargetPath,
  content: string | Buffer = '',
): Promise<void> {
  const fd = await fs.open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644);
  await fs.write(fd, Buffer.from(content), 0);
  await fs.close(fd);
}

/** The whole content of a file, as text. */
export async function get({ fs }: Scene, path: TargetPath): Promise<string> {
  const fd = await fs.open(path, O_RDONLY);
  try {
    return await readAll(fs, fd);
  } finally {
    await fs.close(fd);
  }
}

export async function readAll(fs: ConformanceTarget, fd: number): Promise<string> {
  const { sizeBytes } = await fs.fstat(fd);
  const bytes = await fs.read(fd, sizeBytes, 0);
  return bytes.toString('utf8');
}

/** The names in a directory, sorted. */
export async function list({ fs }: Scene, path: TargetPath): Promise<readonly string[]> {
  const entries = await fs.readdir(path);
  return entries.map(({ name }) => name as string).sort();
}

/** Opens, runs and closes. */
export async function withOpen(
  { fs }: Scene,
  path: TargetPath,
  use: (fd: number) => Awaitable<void>,
  flags: number = O_RDWR,
): Promise<void> {
  const fd = await fs.open(path, flags);
  try {
    await use(fd);
  } finally {
    await fs.close(fd);
  }
}

export async function expectErrno(code: string, act: () => Awaitable<unknown>): Promise<void> {
  let caught: unknown;
  try {
    await act();
  } catch (error) {
    caught = error;
  }
  expect(caught, `${code} was expected`).toMatchObject({ code });
}

/** Waits for the clock of this machine to move on: time stamps are as coarse as a tick. */
export async function nextTick(): Promise<void> {
  const start = Date.now();
  while (Date.now() - start < 12) await new Promise((resolve) => setImmediate(resolve));
}
