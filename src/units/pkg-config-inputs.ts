/** The `.pc` files that the run of a build script may have asked pkg-config about. */
import { execFile } from 'node:child_process';
import {
  pkgConfigDirectories,
  pkgConfigPrograms,
  splitPath,
  usualPkgConfigPath,
} from '../cargo/pkg-config.js';
import { fileIdentity } from '../host/host-files.js';
import { findProgram } from '../host/toolchain.js';
import type { DraftContext, WantedInputs } from './draft-base.js';
import type { StoredUnit } from './unit-record.js';

/** It prints one line from its own text; a wrapper that takes longer is not waited for. */
const answerWithinMs = 2_000;

/** Programs remembered: a machine has one or two. */
const programsMax = 100;

/** By identity of the program: its own path. */
const knownPaths = new Map<string, readonly string[]>();

/**
 * One set with all files on the path of the pkg-config that the script may start, if there is one.
 * `further`: directories that the script itself may put on the path.
 */
export async function pkgConfigInputs(
  script: StoredUnit,
  context: DraftContext,
  further: readonly string[] = [],
): Promise<readonly WantedInputs[]> {
  const { variables } = context.environment;
  const ownPath: string[] = [];
  for (const name of pkgConfigPrograms(variables)) ownPath.push(...(await pathOf(name, context)));
  const { packageRoot } = script.facts;
  const usual = pkgConfigDirectories(variables, ownPath, packageRoot);
  const paths = [...new Set([...usual, ...further])];
  return paths.length === 0 ? [] : [{ kind: 'pkg-config', root: '', paths }];
}

/** Empty if there is no such program. */
async function pathOf(
  name: string,
  { environment, host }: DraftContext,
): Promise<readonly string[]> {
  const { variables, workingDirectory } = environment;
  const program = findProgram(name, variables['PATH'] ?? '', workingDirectory, host);
  const place = program === undefined ? undefined : host.look(program);
  if (place?.kind !== 'there') return [];
  const key = `${place.real}:${fileIdentity(place.stats)}`;
  const known = knownPaths.get(key);
  if (known !== undefined) return known;
  // By its own name, because some programs look at the one that they were started by.
  const answer = splitPath((await askForPath(program ?? place.real)) ?? '');
  const path = answer.length > 0 ? answer : usualPkgConfigPath;
  if (knownPaths.size >= programsMax) knownPaths.clear();
  knownPaths.set(key, path);
  return path;
}

/** Undefined if it does not answer in time. Never started by a path of ours: `findProgram` sees to it. */
async function askForPath(program: string): Promise<string | undefined> {
  return await new Promise((answer) => {
    const options = {
      cwd: '/',
      // Nothing of the user's, so that the answer is the program's own.
      env: { PATH: '/usr/bin:/bin' },
      timeout: answerWithinMs,
      killSignal: 'SIGKILL',
      maxBuffer: 64 << 10,
    } as const;
    const child = execFile(
      program,
      ['--variable', 'pc_path', 'pkg-config'],
      options,
      (error, stdout) => {
        answer(error === null ? stdout : undefined);
      },
    );
    child.stdin?.end();
  });
}
