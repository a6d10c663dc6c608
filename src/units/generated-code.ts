/**
 * Whether what was compiled from sources in OUT_DIR tells where they lay: `file!()`, the place of a
 * panic. Object code is searched for the path, debug information apart. What generic code and
 * constants will say stands in the library's metadata, which names every source in any case, so the
 * sources are asked for it.
 */
import { parseArchive } from '../cargo/archive-members.js';
import { searchObjectCode } from '../cargo/object-code.js';
import { tokenizeRust } from '../cargo/rust-lexer.js';
import type { VirtualPath } from '../base/byte-string.js';
import type { DraftBase, DraftContext } from './draft-base.js';
import { readEntry } from './unit-files.js';

/** Larger ones are not looked into. */
const artifactBytesMax = 256 << 20;

interface GeneratedCode {
  readonly base: DraftBase;
  /** Absolute, as rustc names sources in it: text. */
  readonly buildDir: string;
  /** Below the build-dir. */
  readonly generated: readonly VirtualPath[];
}

/** A clause that says what binds the unit to its build-dir; undefined if nothing does. */
export async function placeInCode(
  code: GeneratedCode,
  context: DraftContext,
): Promise<string | undefined> {
  const { base, buildDir, generated } = code;
  const rust: { path: string; text: string }[] = [];
  for (const path of generated) {
    if (!path.endsWith('.rs')) continue;
    const bytes = await context.readViewFile(path);
    if (bytes === undefined) return `${path} cannot be read`;
    rust.push({ path, text: bytes.toString('utf8') });
  }
  const asking = rust.find(({ text }) => asksForPlace(text));
  if (asking !== undefined) return `${asking.path} asks for its own place`;
  const running = rust.filter(({ text }) => /\bfn\b/.test(text));
  if (running.length === 0) return undefined;
  const needles = running.map(({ path }) => Buffer.from(`${buildDir}/${path}`));
  for (const entry of base.files.entries) {
    if (entry.kind !== 'file' || !/\.(?:rlib|so)$/.test(entry.path)) continue;
    if (entry.sizeBytes > artifactBytesMax) return `${entry.path} is too large to look into`;
    const where = namedIn(await readEntry(entry, context.blobPath), needles);
    if (where !== undefined) return `${entry.path} names a source in OUT_DIR (${where})`;
  }
  return undefined;
}

/** `file!()`, or a function that is told where it is called. */
function asksForPlace(source: string): boolean {
  const { tokens } = tokenizeRust(source);
  return tokens.some(({ kind, text }, at) => {
    if (kind !== 'word') return false;
    const isMacro = tokens[at + 1]?.text === '!';
    return (text === 'file' && isMacro) || text === 'Location' || text === 'track_caller';
  });
}

/** The metadata of a library is no code. */
function namedIn(bytes: Buffer, needles: readonly Buffer[]): string | undefined {
  const parts = parseArchive(bytes)?.filter(({ name }) => name.endsWith('.o'));
  const codes = parts?.map(({ start, end }) => bytes.subarray(start, end)) ?? [bytes];
  for (const code of codes) {
    const found = searchObjectCode(code, (part) => needles.some((each) => part.includes(each)));
    if (found !== undefined && found.verdict !== 'unnamed') return found.where;
  }
  return undefined;
}
