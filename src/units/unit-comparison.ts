/**
 * Compares a stored unit with the same unit compiled anew: the proof of the promise that what is
 * served is what cargo would have built. Looks at what a dependent can see, file by file.
 */
import { parseRustcDepFile } from '../cargo/rustc-dep-file.js';
import type { ManifestEntry, ManifestFile } from '../store/manifest.js';
import { countsAsOutput } from './unit-paths.js';
import type { UnitFacts } from './unit-facts.js';

/** One of the two units. */
export interface ComparedUnit {
  readonly facts: UnitFacts;
  readonly entries: readonly ManifestEntry[];
}

/**
 * `equal`: the same but for times, and for the path of the build-dir. `differs`: `detail` names the
 * first file. `incomparable`: the bytes may rightly differ; `detail` says why.
 */
export interface Comparison {
  readonly kind: 'equal' | 'differs' | 'incomparable';
  readonly detail: string;
}

export type ReadEntry = (entry: ManifestFile) => Promise<Buffer>;

/** Never throws for what the files hold; reads at most one file of each unit at a time. */
export async function compareUnits(
  stored: ComparedUnit,
  built: ComparedUnit,
  read: ReadEntry,
): Promise<Comparison> {
  if (stored.facts.outputs === built.facts.outputs) return { kind: 'equal', detail: '' };
  if (stored.facts.identity !== built.facts.identity) {
    return { kind: 'incomparable', detail: 'it was made from other things than the stored one' };
  }
  const other = differingDependency(stored.facts, built.facts);
  if (other !== undefined) {
    return { kind: 'incomparable', detail: `it was built with other bytes of ${other}` };
  }
  const before = outputsOf(stored);
  const after = outputsOf(built);
  const lonely = [...before.keys(), ...after.keys()].find(
    (path) => !before.has(path) || !after.has(path),
  );
  if (lonely !== undefined) return { kind: 'differs', detail: lonely };
  let incomparable: string | undefined;
  for (const [path, entry] of before) {
    const other = after.get(path);
    if (other === undefined) continue;
    const verdict = await compareEntries([stored, entry], [built, other], read);
    if (verdict === 'equal') continue;
    if (verdict === 'differs' && !(await areToldPlaces(stored, built, read))) {
      return { kind: 'differs', detail: path };
    }
    incomparable ??= path;
  }
  return incomparable === undefined
    ? { kind: 'equal', detail: '' }
    : { kind: 'incomparable', detail: `${incomparable} was made with the path of the build-dir` };
}

/** The place of a dependency whose bytes are not the same on both sides. */
function differingDependency(a: UnitFacts, b: UnitFacts): string | undefined {
  const outputs = new Map(b.dependencies.map((each) => [each.unitKey, each.outputs]));
  return a.dependencies.find((each) => outputs.get(each.unitKey) !== each.outputs)?.unitKey;
}

/**
 * Whether the compiler was told two build-dirs, by a variable or by the name of a file in OUT_DIR. It
 * puts them into the hash of a crate, also where no path stands in its outputs.
 */
async function areToldPlaces(
  stored: ComparedUnit,
  built: ComparedUnit,
  read: ReadEntry,
): Promise<boolean> {
  if (stored.facts.buildDir === built.facts.buildDir) return false;
  return (await isToldPlace(stored, read)) && (await isToldPlace(built, read));
}

async function isToldPlace({ facts, entries }: ComparedUnit, read: ReadEntry): Promise<boolean> {
  if (facts.kind === 'run-build-script') return false;
  const place = latin1(facts.buildDir);
  for (const entry of entries) {
    if (entry.kind !== 'file' || !entry.path.endsWith('.d')) continue;
    const file = parseRustcDepFile((await read(entry)).toString('latin1'));
    const told = [...(file?.sources ?? []), ...(file?.env ?? []).map(([, value]) => value ?? '')];
    if (told.some((text) => text.includes(place))) return true;
  }
  return false;
}

function outputsOf({ facts, entries }: ComparedUnit): ReadonlyMap<string, ManifestEntry> {
  const counted = entries.filter(
    (entry) => entry.kind !== 'directory' && countsAsOutput(entry.path, facts),
  );
  return new Map(counted.map((entry) => [entry.path, entry]));
}

type Side = readonly [unit: ComparedUnit, entry: ManifestEntry];

async function compareEntries(
  [stored, before]: Side,
  [built, after]: Side,
  read: ReadEntry,
): Promise<Comparison['kind']> {
  if (before.kind !== 'file' || after.kind !== 'file') {
    return before.kind === after.kind ? 'equal' : 'differs';
  }
  if (before.blob === after.blob && before.offset === after.offset) return 'equal';
  const one = await read(before);
  const other = await read(after);
  if (one.equals(other)) return 'equal';
  const neutral = (bytes: Buffer, { facts }: ComparedUnit): string =>
    withoutTimes(bytes.toString('latin1').split(latin1(facts.buildDir)).join('<build-dir>'));
  if (neutral(one, stored) === neutral(other, built)) return 'equal';
  // Lengths and hashes of a path are all over compiled code, and in no place that could be named.
  const isElsewhere = stored.facts.buildDir !== built.facts.buildDir;
  const namesPlace = one.includes(stored.facts.buildDir) || other.includes(built.facts.buildDir);
  return isElsewhere && namesPlace ? 'incomparable' : 'differs';
}

/** Seconds, milliseconds and nanoseconds since the epoch, dates, clock times, times in `ar` headers. */
function withoutTimes(text: string): string {
  return text
    .replace(/(?<=[^\n]{16})\d{1,12} +\d{1,6} +\d{1,6} +[0-7]{3,8} +(?=\d+ +`\n)/g, '<header>')
    .replace(/(?<!\d)1\d{9}(?:\d{3}|\d{6}|\d{9})?(?!\d)/g, '<time>')
    .replace(/(?<!\d)20\d\d-\d\d-\d\d(?!\d)/g, '<date>')
    .replace(/(?<!\d)\d\d:\d\d:\d\d(?:\.\d+)?(?!\d)/g, '<clock>');
}

/** Paths are bytes; texts that may hold any bytes are compared as one character per byte. */
function latin1(path: string): string {
  return Buffer.from(path).toString('latin1');
}
