/** Runs a script over the built store in a process of its own, to lock it out or to kill it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const built = join(process.env['XCACHE_DIST'] ?? join(import.meta.dirname, '../../dist'), 'store');

/** False in a tree that was never built (`npm test` builds it). */
export const isStoreBuilt: boolean = existsSync(join(built, 'store.js'));

export interface ChildOutcome {
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
}

const prelude = `
const { openStore } = await import(${JSON.stringify(pathToFileURL(join(built, 'store.js')).href)});
const gc = {
  ...(await import(${JSON.stringify(pathToFileURL(join(built, 'gc.js')).href)})),
  ...(await import(${JSON.stringify(pathToFileURL(join(built, 'gc-plan.js')).href)})),
};
const { silentLog: log } = await import(${JSON.stringify(pathToFileURL(join(built, 'store-log.js')).href)});
const [directory, argument] = process.argv.slice(1);
`;

/**
 * Runs `script`, which finds `openStore`, `gc`, `log`, `directory` and `argument`; `prefix` are
 * words before the program, such as those of a tracer.
 */
export async function runInChild(
  script: string,
  directory: string,
  argument = '',
  prefix: readonly string[] = [],
): Promise<ChildOutcome> {
  const node = [process.execPath, '--input-type=module', '-e', prelude + script, directory];
  const words = [...prefix, ...node, argument];
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { signal, stdout };
}
