/**
 * What build scripts do in the build-dir outside of their OUT_DIR. The store would hand out the run
 * without it, so such a run is not stored. Kept in the view's journal until the script runs again.
 */
import { byteStringFromText, byteStringToText } from '../../base/byte-string.js';
import type { ByteString, VirtualPath } from '../../base/byte-string.js';
import { isPackageDirectory, parseUnitPath } from '../../cargo/layout.js';
import type { Caller } from '../../fs/file-system.js';
import type { ScriptMark } from '../../host/script-tree.js';
import { namedUnit, type NamedUnit } from '../../units/unit-files.js';
import { unitPlaces } from '../../units/unit-paths.js';
import type { NoteKeeper } from './builder-notes.js';

const notePrefix = 'side-effect:';

export interface SideEffectsOptions {
  /** Absolute path of the view's root, as the kernel names it. */
  readonly root: string;
  readonly keeper: NoteKeeper;
  /** The scripts that a process belongs to; undefined where that cannot be told. */
  readonly scriptsAt: (pid: number) => readonly ScriptMark[] | undefined;
  /** Hears of the first side effect of a run, and with undefined that the script runs anew. */
  readonly report: (unitKey: string, message: string | undefined) => void;
}

export class SideEffects {
  readonly #options: SideEffectsOptions;
  readonly #rootPrefix: ByteString;
  /** By the unit key of the run: what is said of it. */
  readonly #messages = new Map<string, string>();
  /** Runs that were seen to start in this mount, by unit key. */
  readonly #started = new Map<string, StartedRun>();

  constructor(options: SideEffectsOptions) {
    this.#options = options;
    this.#rootPrefix = byteStringFromText(`${options.root}/`);
    for (const [key, message] of options.keeper.notes()) {
      if (key.startsWith(notePrefix)) this.#messages.set(key.slice(notePrefix.length), message);
    }
  }

  /** Unit key and message of each run that had one. */
  all(): readonly (readonly [string, string])[] {
    return [...this.#messages];
  }

  /** Somebody has made, written or changed (or removed) what is at `path`. */
  seen(path: VirtualPath, { pid }: Caller, verb: 'wrote' | 'removed'): void {
    const scripts = pid > 0 ? this.#options.scriptsAt(pid) : undefined;
    if (scripts === undefined) {
      this.#seenOfUnknown(path, verb);
      return;
    }
    if (scripts.length === 0) {
      this.#seenOfCargo(path, verb);
      return;
    }
    for (const script of scripts) {
      const runs = this.#runsOf(script);
      if (runs.some((run) => isWithin(path, unitPlaces(run).outDir))) continue;
      for (const { unitKey } of runs) {
        this.#add(unitKey, `its script ${verb} ${byteStringToText(path)} outside of OUT_DIR`);
      }
    }
  }

  /** The fingerprint JSON of the run was written. */
  ended(unitKey: string): void {
    const run = this.#started.get(unitKey);
    if (run === undefined)
      this.#add(unitKey, 'it is not known what its script wrote before the mount');
    else run.isRunning = false;
  }

  /** The run is gone, or another one is served in its place. */
  forget(unitKey: string): void {
    this.#started.delete(unitKey);
    if (!this.#messages.delete(unitKey)) return;
    this.#options.keeper.note(notePrefix + unitKey, null);
    this.#options.report(unitKey, undefined);
  }

  /** A profile directory, or with '' everything, is gone. */
  forgetBelow(path: VirtualPath): void {
    for (const runs of [this.#messages, this.#started]) {
      for (const unitKey of runs.keys()) {
        const profilePath = unitKey.slice(0, unitKey.indexOf('#'));
        if (path === '' || isWithin(profilePath, path)) this.forget(unitKey);
      }
    }
  }

  #seenOfCargo(path: VirtualPath, verb: 'wrote' | 'removed'): void {
    const unit = verb === 'wrote' ? startedRun(path) : undefined;
    if (unit !== undefined) {
      this.forget(unit.unitKey);
      this.#started.set(unit.unitKey, { unit, isRunning: true });
    }
    if (verb === 'removed' && this.#messages.size > 0) {
      const removed = parseUnitPath(path);
      if (removed !== undefined && path.endsWith(removed.unitHash)) this.forget(removed.unitKey);
    }
  }

  /**
   * Without the caller (the driver fuse-native, a process that is gone, what was written through a
   * mapping) each script that runs may be the one, unless cargo and compilers write there.
   */
  #seenOfUnknown(path: VirtualPath, verb: 'wrote' | 'removed'): void {
    if (startedRun(path) !== undefined) {
      this.#seenOfCargo(path, verb);
      return;
    }
    if (isUsualPlace(path)) return;
    for (const [unitKey, { isRunning }] of this.#started) {
      if (!isRunning) continue;
      const text = byteStringToText(path);
      this.#add(unitKey, `while its script ran, a process that is not known ${verb} ${text}`);
    }
  }

  #add(unitKey: string, message: string): void {
    if (this.#messages.has(unitKey)) return;
    this.#messages.set(unitKey, message);
    this.#options.keeper.note(notePrefix + unitKey, message);
    this.#options.report(unitKey, message);
  }

  /**
   * The runs that a script may be one of. Its program is that of a package, of which mostly one run
   * goes on at a time. Cargo may name the build-dir by a path with symlinks in it.
   */
  #runsOf({ kind, path }: ScriptMark): readonly NamedUnit[] {
    const isHere = path.startsWith(this.#rootPrefix);
    const unit = isHere ? namedUnit(path.slice(this.#rootPrefix.length) as VirtualPath) : undefined;
    if (kind === 'out-dir' && unit !== undefined) return [unit];
    const packageName = unit?.packageName ?? packageOfProgram.exec(path)?.[1];
    const runs = [...this.#started.values()].filter((run) =>
      kind === 'out-dir'
        ? path.endsWith(`/${unitPlaces(run.unit).outDir}`)
        : run.unit.packageName === packageName,
    );
    const running = runs.filter(({ isRunning }) => isRunning);
    return (running.length > 0 ? running : runs).map((run) => run.unit);
  }
}

interface StartedRun {
  readonly unit: NamedUnit;
  /** Until its fingerprint JSON is written. */
  isRunning: boolean;
}

/** `…/build/<package>-H/build-script-build`, or `…/build/<package>/H/out/build_script_build`. */
const packageOfProgram = /\/build\/([^/]+?)(?:-[0-9a-f]{16}|\/[0-9a-f]{16}\/[^/]+)\/[^/]+$/;

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** The run that cargo is about to start: it writes this file first (`custom_build.rs`). */
function startedRun(path: VirtualPath): NamedUnit | undefined {
  return runStartPattern.test(path) ? namedUnit(path) : undefined;
}

const runStartPattern = /\/build\/[^/]+\/(?:[0-9a-f]{16}\/run\/)?invoked\.timestamp$/;

/** Where cargo and rustc write by themselves, apart from what cargo puts beside the programs. */
function isUsualPlace(path: VirtualPath): boolean {
  return (
    parseUnitPath(path) !== undefined ||
    isPackageDirectory(path) !== undefined ||
    usualPattern.test(path)
  );
}

const usualPattern =
  /^(?:\.(?:rustc_info|rustdoc_fingerprint|future-incompat-report)\.json|CACHEDIR\.TAG|(?:doc|cargo-timings)(?:\/.*)?|(?:[^/]+\/){0,2}(?:\.cargo-[^/]*|(?:incremental|\.fingerprint)(?:\/.*)?|deps|build|examples|(?:deps|examples)\/(?:rustc|rmeta)[^/.]*(?:\/.*)?))$/;
