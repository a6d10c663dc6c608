/** The files of a stored unit that name the build-dir they were made in, for another build-dir. */
import { posix } from 'node:path';
import { specialCharacters } from '../cargo/path-mentions.js';
import type { Extent } from '../fs/lower.js';
import type { Digest, Manifest, ManifestFile } from '../store/manifest.js';
import type { Miss } from './miss.js';
import { rewriteFile } from './output-rewriting.js';
import { latin1 } from './own-places.js';
import type { UnitFacts } from './unit-facts.js';

/** What the store must be able to do for it; blocking, because the kernel waits. */
export interface RewritingStore {
  readBlobSync(digest: Digest, offset: number, sizeBytes: number): Buffer;
  putBytesSync(bytes: Uint8Array): Digest;
}

/** By path below the build-dir. */
export interface RewrittenFiles {
  readonly extents: ReadonlyMap<string, Extent>;
  /** Targets of links. */
  readonly targets: ReadonlyMap<string, string>;
}

/** Why the unit cannot be served in this build-dir, whatever else holds there. */
export function placeMisfit(facts: UnitFacts, buildDir: string): Miss | undefined {
  if (facts.buildDir === buildDir) return undefined;
  const { boundBecause } = facts;
  if (boundBecause !== null) {
    return { reason: 'bound-to-path', detail: `${boundBecause}; ${facts.buildDir}` };
  }
  if (!facts.rewrites.some((path) => path.includes('/out/'))) return undefined;
  // Make, the shell and CMake have notations of their own for some characters. Those that were
  // written as they are need none.
  const known = specialCharacters(facts.buildDir);
  const foreign = [...specialCharacters(buildDir)].find((character) => !known.has(character));
  if (foreign === undefined) return undefined;
  return {
    reason: 'bound-to-path',
    detail: `its text files name ${facts.buildDir}, and ${buildDir} has the character ${foreign}`,
  };
}

/** Stores all texts that are to be written anew, together: none where the unit was made. */
export function rewriteFiles(
  { entries }: Manifest,
  facts: UnitFacts,
  buildDir: string,
  store: RewritingStore,
): RewrittenFiles {
  const extents = new Map<string, Extent>();
  const targets = new Map<string, string>();
  if (facts.rewrites.length === 0) return { extents, targets };
  const paths = new Set(facts.rewrites);
  const texts: Buffer[] = [];
  const places = new Map<string, Omit<Extent, 'digest'>>();
  const placeOf = new Map<string, Omit<Extent, 'digest'>>();
  let offset = 0;
  for (const entry of entries) {
    if (!paths.has(entry.path)) continue;
    if (entry.kind === 'symlink') {
      const target = posix.join(posix.dirname(entry.path), entry.target);
      targets.set(entry.path, `${latin1(buildDir)}/${target}`);
    }
    if (entry.kind !== 'file' || facts.buildDir === buildDir) continue;
    // Several names of one file have the same bytes.
    const from = JSON.stringify([entry.blob, entry.offset, entry.sizeBytes]);
    const known = places.get(from);
    if (known !== undefined) {
      placeOf.set(entry.path, known);
      continue;
    }
    const text = rewriteFile(entry.path, read(entry, store), facts, buildDir);
    const place = { offset, sizeBytes: text.length };
    places.set(from, place);
    placeOf.set(entry.path, place);
    texts.push(text);
    offset += text.length;
  }
  if (texts.length === 0) return { extents, targets };
  const digest = store.putBytesSync(Buffer.concat(texts));
  for (const [path, place] of placeOf) extents.set(path, { digest, ...place });
  return { extents, targets };
}

function read({ blob, offset, sizeBytes }: ManifestFile, store: RewritingStore): Buffer {
  return store.readBlobSync(blob, offset, sizeBytes);
}
