/**
 * Whether macros of other crates may have put a path variable into a crate (rule 11). `env!` that a
 * macro wrote is in rustc's list of variables, but not in the crate's sources; a procedural macro
 * may also read the variable while it runs, which is in no list at all.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mentionsBeyondIncludes } from '../cargo/variable-mentions.js';
import type { HostFiles } from '../host/host-files.js';
import type { UnitFacts } from './unit-facts.js';
import type { StoredUnit, UnitTable } from './unit-record.js';

/** Units remembered; a large workspace has a few thousand. */
const knownMax = 20_000;

interface MentionQuestion {
  readonly variable: string;
  /** Whether a procedural macro may call the unit's functions while it runs. */
  readonly isRunByMacros: boolean;
}

export class MacroMentions {
  /** `<manifest> <variable> <by macros>` → whether the unit's sources mention it. */
  readonly #known = new Map<string, boolean>();

  /** The package whose macros may use one of the variables; undefined where none can. */
  async find(
    libraries: readonly StoredUnit[],
    variables: readonly string[],
    context: { readonly host: HostFiles; readonly units: UnitTable },
  ): Promise<string | undefined> {
    const run = librariesBehind(libraries.filter(isProcMacro), context.units);
    const runByMacros = new Set(run.map(({ unitKey }) => unitKey));
    for (const unit of libraries) {
      const isRunByMacros = runByMacros.has(unit.unitKey);
      for (const variable of variables) {
        const question = { variable, isRunByMacros };
        if (await this.#mentions(unit, question, context)) return unit.facts.package;
      }
    }
    return undefined;
  }

  async #mentions(
    { id, facts }: StoredUnit,
    question: MentionQuestion,
    context: { readonly host: HostFiles },
  ): Promise<boolean> {
    const key = `${id} ${question.variable} ${question.isRunByMacros}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    let found = false;
    for (const path of sourcesOf(facts)) {
      found ||= await fileMentions(path, question, context);
    }
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }
}

/** All libraries and macros that a unit was built with, however far away. */
export function librariesBehind(
  stored: readonly StoredUnit[],
  units: UnitTable,
): readonly StoredUnit[] {
  const found = new Map<string, StoredUnit>();
  const pending = [...stored];
  for (let unit = pending.pop(); unit !== undefined; unit = pending.pop()) {
    if (unit.facts.kind !== 'lib' || found.has(unit.unitKey)) continue;
    found.set(unit.unitKey, unit);
    for (const { unitKey } of unit.facts.dependencies) {
      const next = units.get(unitKey);
      if (next?.state === 'stored') pending.push(next);
    }
  }
  return [...found.values()];
}

/** Only a procedural macro is a linked library. */
export function isProcMacro({ facts }: StoredUnit): boolean {
  return facts.kind === 'lib' && facts.tools !== null;
}

function sourcesOf(facts: UnitFacts): readonly string[] {
  return facts.inputs.flatMap(({ kind, root, paths }) => {
    if (kind !== 'files') return [];
    // Texts that documentation includes are no code.
    return paths.filter((path) => !/\.(?:md|txt)$/.test(path)).map((path) => join(root, path));
  });
}

async function fileMentions(
  path: string,
  { variable, isRunByMacros }: MentionQuestion,
  { host }: { readonly host: HostFiles },
): Promise<boolean> {
  if (host.isBelowOwnMount(path)) return true;
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch {
    // Gone since: it may have mentioned anything.
    return true;
  }
  if (!bytes.includes(variable)) return false;
  return mentionsBeyondIncludes(bytes.toString('utf8'), variable, isRunByMacros);
}
