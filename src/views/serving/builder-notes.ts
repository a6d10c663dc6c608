/**
 * In which environment the units of a view were built that the store does not have, written into the
 * view's journal: after a kill of the service nobody can be asked any more.
 */
import { builderDigest } from '../../host/builder-digest.js';
import { currentBoot, type CargoProcess } from '../../host/process-tree.js';

const notePrefix = 'builder:';

/** Units written down; what is above is not known after a kill, and stays private. */
const notesMax = 50_000;

/** Cargo processes whose digest is remembered. */
const processesMax = 32;

/** What a note says: the machine's start, and `builderDigest` of the cargo process. */
export interface BuilderNote {
  readonly boot: string;
  readonly digest: string;
}

export interface NoteKeeper {
  note(key: string, value: string | null): void;
  notes(): ReadonlyMap<string, string>;
}

export class BuilderNotes {
  readonly #keeper: NoteKeeper;
  readonly #root: string;
  readonly #boot = currentBoot();
  /** By unit key. */
  readonly #notes = new Map<string, string>();
  /** By process. */
  readonly #digests = new Map<string, string>();

  /** `root`: absolute path of the view. */
  constructor(keeper: NoteKeeper, root: string) {
    this.#keeper = keeper;
    this.#root = root;
    for (const [key, value] of keeper.notes()) {
      if (key.startsWith(notePrefix)) this.#notes.set(key.slice(notePrefix.length), value);
    }
  }

  /** The notes that can be read. */
  all(): readonly (readonly [string, BuilderNote])[] {
    return [...this.#notes].flatMap(([unitKey, value]) => {
      const [boot, digest] = value.split(' ');
      return boot === undefined || digest === undefined ? [] : [[unitKey, { boot, digest }]];
    });
  }

  /** The unit's fingerprint JSON is written by this process; undefined where nobody knows by whom. */
  written(unitKey: string, cargo: CargoProcess | undefined): void {
    const digest = cargo && this.#digestOf(cargo);
    const isFull = this.#notes.size >= notesMax && !this.#notes.has(unitKey);
    if (digest === undefined || isFull) {
      this.forget(unitKey);
      return;
    }
    const value = `${this.#boot} ${digest}`;
    if (this.#notes.get(unitKey) === value) return;
    this.#notes.set(unitKey, value);
    this.#keeper.note(notePrefix + unitKey, value);
  }

  /** The unit is in the store, is built anew, or is gone. */
  forget(unitKey: string): void {
    if (this.#notes.delete(unitKey)) this.#keeper.note(notePrefix + unitKey, null);
  }

  forgetAll(): void {
    for (const unitKey of [...this.#notes.keys()]) this.forget(unitKey);
  }

  #digestOf({ pid, startTicks }: CargoProcess): string | undefined {
    const key = `${pid}:${startTicks}`;
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    const digest = builderDigest(pid, this.#root);
    if (digest === undefined) return undefined;
    if (this.#digests.size >= processesMax) this.#digests.clear();
    this.#digests.set(key, digest);
    return digest;
  }
}
