/**
 * Units that a person, or a comparison with what was compiled anew, has rejected: they are never
 * served and never stored again. Kept in a file beside the store, because an index that is lost is
 * made again from the units alone, and must not bring them back.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { saveFile } from '../base/atomic-file.js';
import { isErrno, XcacheError } from '../base/errors.js';
import type { UnitFacts } from './unit-facts.js';

/** One rejected unit: how it was made and what came of it, and what people call it. */
export interface RejectedUnit {
  readonly identity: string;
  readonly outputs: string;
  readonly package: string;
  readonly packageVersion: string | null;
  readonly kind: string;
  readonly profilePath: string;
  readonly unitHash: string;
  readonly rejectedMs: number;
  /** `user`: by `xcache reject`; `verification`: what was compiled anew differed. */
  readonly by: 'user' | 'verification';
}

const fileSchema = v.strictObject({
  version: v.literal(1),
  units: v.array(
    v.strictObject({
      identity: v.string(),
      outputs: v.string(),
      package: v.string(),
      packageVersion: v.nullable(v.string()),
      kind: v.string(),
      profilePath: v.string(),
      unitHash: v.string(),
      rejectedMs: v.number(),
      by: v.picklist(['user', 'verification']),
    }),
  ),
});

/**
 * Reads the file, which may be missing. Throws `XC_STORE_CORRUPT` for one that cannot be read or
 * understood: without it rejected units would be served again.
 */
export async function openRejections(path: string): Promise<Rejections> {
  return new Rejections(path, await loadRejected(path));
}

export class Rejections {
  readonly #path: string;
  readonly #units = new Map<string, RejectedUnit>();
  #saving: Promise<void> = Promise.resolve();

  /** `openRejections` makes one. */
  constructor(path: string, units: readonly RejectedUnit[]) {
    this.#path = path;
    for (const unit of units) this.#units.set(keyOf(unit), unit);
  }

  has(unit: Pick<UnitFacts, 'identity' | 'outputs'>): boolean {
    return this.#units.size > 0 && this.#units.has(keyOf(unit));
  }

  /** Oldest first. */
  all(): readonly RejectedUnit[] {
    return [...this.#units.values()];
  }

  /** In force from the call on, durable at return. */
  async add(
    units: readonly UnitFacts[],
    why: Pick<RejectedUnit, 'rejectedMs' | 'by'>,
  ): Promise<void> {
    for (const facts of units) {
      const { identity, outputs, packageVersion, kind, profilePath, unitHash } = facts;
      const unit = { identity, outputs, package: facts.package, packageVersion };
      this.#units.set(keyOf(facts), { ...unit, kind, profilePath, unitHash, ...why });
    }
    await this.#save();
  }

  /** Takes rejections back; returns those that went. Durable at return. */
  async remove(isMeant: (unit: RejectedUnit) => boolean): Promise<readonly RejectedUnit[]> {
    const gone = this.all().filter(isMeant);
    for (const unit of gone) this.#units.delete(keyOf(unit));
    if (gone.length > 0) await this.#save();
    return gone;
  }

  /** One write after the other, each with the state of its start. */
  async #save(): Promise<void> {
    this.#saving = this.#saving.catch(() => undefined).then(async () => await this.#write());
    await this.#saving;
  }

  async #write(): Promise<void> {
    const text = `${JSON.stringify({ version: 1, units: this.all() }, undefined, 1)}\n`;
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await saveFile(this.#path, text);
  }
}

function keyOf({ identity, outputs }: Pick<UnitFacts, 'identity' | 'outputs'>): string {
  return `${identity} ${outputs}`;
}

async function loadRejected(path: string): Promise<readonly RejectedUnit[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw unreadable(path, error);
  }
  try {
    return v.parse(fileSchema, JSON.parse(text)).units;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): XcacheError {
  return new XcacheError('XC_STORE_CORRUPT', `the list of rejected units cannot be read: ${path}`, {
    cause,
    hint: 'mend or remove the file; without it rejected units would be served again',
  });
}
