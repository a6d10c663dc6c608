/** The `.pc` files that the run of a build script may have asked pkg-config about. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import {
  mentionsPkgConfig,
  pkgConfigDirectories,
  pkgConfigPrograms,
  splitPath,
  usualPkgConfigPath,
} from '../../cargo/pkg-config.js';
import { fileIdentity } from '../host/host-files.js';
import { findProgram } from '../host/toolchain.js';
import type { DraftContext, WantedInputs } from './draft-base.js';
import { librariesBehind } from './macro-mentions.js';
import type { StoredUnit } from './unit-record.js';

/** Source files that are searched; a longer one counts as one that mentions it. */
const sourceBytesMax = 8 << 20;

/** It prints one line from its own text; a wrapper that takes longer is not waited for. */
const answerWithinMs = 2_000;

/** Programs remembered: a machine has one or two. */
const programsMax = 100;

/** By identity of the program: its own path. */
const knownPaths = new Map<string, readonly string[]>();

/** By unit: whether its sources mention pkg-config. */
const knownMentions = new WeakMap<StoredUnit, boolean>();

/** One set with all files on pkg-config's path, if the script may start it; else none. */
export async function pkgConfigInputs(
  script: StoredUnit,
  context: DraftContext,
): Promise<readonly WantedInputs[]> {
  if (!mayUsePkgConfig(script, context)) return [];
  const { variables } = context.environment;
  const ownPath: string[] = [];
  for (const name of pkgConfigPrograms(variables)) ownPath.push(...(await pathOf(name, context)));
  const { packageRoot } = script.facts;
  const paths = pkgConfigDirectories(variables, ownPath, packageRoot);
  return paths.length === 0 ? [] : [{ kind: 'pkg-config', root: '', paths }];
}

function mayUsePkgConfig(script: StoredUnit, context: DraftContext): boolean {
  const direct = script.facts.dependencies.flatMap(({ unitKey }) => {
    const unit = context.units.get(unitKey);
    return unit?.state === 'stored' ? [unit] : [];
  });
  return [script, ...librariesBehind(direct, context.units)].some((unit) =>
    mentionedBy(unit, context),
  );
}

function mentionedBy(unit: StoredUnit, { host }: DraftContext): boolean {
  const known = knownMentions.get(unit);
  if (known !== undefined) return known;
  const found = unit.facts.inputs.some(
    ({ kind, root, paths }) =>
      kind === 'files' &&
      paths.some((path) => {
        const source = host.read(resolve(root, path), sourceBytesMax);
        // Gone since: it may have mentioned anything.
        return source === undefined || mentionsPkgConfig(source.toString('latin1'));
      }),
  );
  knownMentions.set(unit, found);
  return found;
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
