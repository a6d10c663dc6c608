/** The variables that a build script may read without telling cargo (rule 12). */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { scriptVariables } from '../../cargo/variable-mentions.js';
import type { DraftContext } from './draft-base.js';
import type { UnitFacts } from './unit-facts.js';

/**
 * Names that the script's own sources mention, with their values in the session that ran it, null for
 * "not set"; sorted. Undefined where a source cannot be read any more.
 */
export async function undeclaredVariables(
  script: UnitFacts,
  { environment, host }: DraftContext,
): Promise<[string, string | null][] | undefined> {
  const { variables } = environment;
  const names = new Set<string>();
  for (const { kind, root, paths } of script.inputs) {
    if (kind !== 'files') continue;
    for (const path of paths) {
      const source = await readSource(resolve(root, path), host);
      if (source === undefined) return undefined;
      for (const name of scriptVariables(source, (each) => variables[each] !== undefined)) {
        names.add(name);
      }
    }
  }
  return [...names].sort().map((name) => [name, variables[name] ?? null]);
}

async function readSource(path: string, host: DraftContext['host']): Promise<string | undefined> {
  if (host.isBelowOwnMount(path)) return undefined;
  try {
    return await readFile(path, 'latin1');
  } catch {
    // Gone since it was compiled: it may have mentioned anything.
    return undefined;
  }
}
