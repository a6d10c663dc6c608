/**
 * What the texts of a package use that the run of its build script may hand to a shell, an
 * interpreter or a build system: scripts, makefiles, descriptions for CMake. They are read anew for
 * each run that is stored, because a directory may have changed since the script was compiled.
 */
import { join } from 'node:path';
import { isReadForShow } from '../cargo/variable-values.js';
import { isRunnableText, textUses, type TextUses } from '../cargo/text-uses.js';
import type { HostFiles, ListedEntry, Place } from '../host/host-files.js';
import { isPrivate, type DraftContext, type PrivateVerdict } from './draft-base.js';

/** Larger files are data, or sources that a generator wrote. */
const fileBytesMax = 1 << 20;
const textBytesMax = 16 << 20;
/** Files of one package; LLVM has more, and is nothing that can be judged. */
const entriesMax = 50_000;
/** Names that count for one unit: each is compared in each session. */
const variablesMax = 2_000;
const commandsMax = 2_000;
const depthMax = 40;

/** Private where the package has more texts, or more names in them, than can be compared. */
export async function shippedTexts(
  packageRoot: string,
  { host }: Pick<DraftContext, 'host'>,
): Promise<TextUses | PrivateVerdict> {
  const reader = new PackageTexts(host);
  await reader.read(packageRoot);
  const uses = merged(reader.uses);
  const failure =
    reader.failure ??
    tooMany(uses.variables, variablesMax, 'variables') ??
    tooMany(uses.commands, commandsMax, 'programs');
  if (failure === undefined) return uses;
  return isPrivate(
    'unreadable-texts',
    `what its build script may run cannot be judged: ${failure}`,
  );
}

function tooMany(names: ReadonlySet<string>, max: number, what: string): string | undefined {
  return names.size <= max ? undefined : `its texts name ${names.size} ${what}`;
}

/** None: the script hands no text to anybody. */
export const noTextUses: TextUses = { variables: new Set(), words: new Set(), commands: new Set() };

function merged(all: readonly TextUses[]): TextUses {
  const union = (pick: (uses: TextUses) => ReadonlySet<string>): Set<string> => {
    const names = new Set<string>();
    for (const uses of all) for (const name of pick(uses)) names.add(name);
    return names;
  };
  const variables = [...union((uses) => uses.variables)].filter((name) => !isReadForShow(name));
  return {
    variables: new Set(variables),
    words: union((uses) => uses.words),
    commands: union((uses) => uses.commands),
  };
}

class PackageTexts {
  readonly #host: HostFiles;
  readonly uses: TextUses[] = [];
  failure: string | undefined;
  #entriesLeft = entriesMax;
  #bytesLeft = textBytesMax;

  constructor(host: HostFiles) {
    this.#host = host;
  }

  async read(directory: string, depth = 0): Promise<void> {
    const place = this.#host.look(directory);
    if (place.kind !== 'there' || this.failure !== undefined || depth > depthMax) return;
    const entries = this.#host.list(place);
    if ('kind' in entries) {
      this.failure = entries.why;
      return;
    }
    const isTarget = entries.some(({ name }) => name === 'CACHEDIR.TAG');
    if (isTarget && depth > 0) return;
    // A large package must not keep other builds waiting.
    await new Promise((resolve) => setImmediate(resolve));
    for (const entry of entries) {
      this.#entriesLeft -= 1;
      if (this.#entriesLeft < 0) this.failure = `it has more than ${entriesMax} files`;
      if (this.failure !== undefined) return;
      if (entry.kind === 'directory') {
        if (entry.name !== '.git') await this.read(join(directory, entry.name), depth + 1);
      } else this.#readFile(directory, entry);
    }
  }

  #readFile(directory: string, { name }: ListedEntry): void {
    const place = this.#host.look(join(directory, name));
    if (place.kind !== 'there' || !place.stats.isFile()) return;
    const isExecutable = (place.stats.mode & 0o111n) !== 0n;
    const isRun = isRunnableText(name, isExecutable, '');
    if (!isRun && !isWithoutEnding(name)) return;
    const text = this.#text(place);
    if (text === undefined) return;
    if (isRun || isRunnableText(name, false, text.slice(0, 2))) {
      this.uses.push(textUses(name, text));
    }
  }

  /** Undefined for what is no text. */
  #text(place: Place): string | undefined {
    if (place.stats.size > fileBytesMax) return undefined;
    const file = this.#host.readPlace(place, fileBytesMax);
    if (file.kind !== 'read') {
      this.failure = file.why;
      return undefined;
    }
    if (file.bytes.includes(0)) return undefined;
    this.#bytesLeft -= file.bytes.length;
    if (this.#bytesLeft < 0) this.failure = `it has more than ${textBytesMax >> 20} MiB of texts`;
    return file.bytes.toString('latin1');
  }
}

/** Its first line has to tell whether a program runs it. */
function isWithoutEnding(name: string): boolean {
  return !name.includes('.');
}
