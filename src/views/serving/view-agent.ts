/**
 * Joins the file system of one view with cargo's knowledge, in the thread that serves the view: it
 * says which missing names may be units, asks the resolver once per cargo session and unit, keeps
 * tombstones, and reports finished and spoiled units.
 */
import type { ByteName, VirtualPath } from '../../base/byte-string.js';
import { joinVirtualPath } from '../../base/byte-string.js';
import {
  isFingerprintJson,
  isPackageDirectory,
  isUnitName,
  parseUnitPath,
  type UnitPath,
} from '../../cargo/layout.js';
import type { Caller, Ino } from '../../fs/file-system.js';
import type { Attachment, ChangeObserver, LowerEntry, LowerLayer } from '../../fs/lower.js';
import { deviceOf, exclusiveHolders } from '../../host/lock-holder.js';
import { cargoProcessAt, findCargoProcess, type CargoProcess } from '../../host/process-tree.js';
import { ScriptTree } from '../../host/script-tree.js';
import { BuilderNotes } from './builder-notes.js';
import { RecentCallers } from './recent-callers.js';
import { SideEffects } from './side-effects.js';
import type { Adoption } from '../../fs/view-control.js';
import type { OfferedUnit } from '../../units/offered-unit.js';
import type { ResolveAnswer, ResolveQuestion, ViewEvent } from './view-messages.js';

/** What the agent needs of the file system it serves; bound once that is open. */
export interface AgentFileSystem {
  /** The clock that stamps ordinary writes, nanoseconds. */
  clockNs(): bigint;
  /** Keeps (or, with null, removes) a small value in the view's journal. */
  note(key: string, value: string | null): void;
  notes(): ReadonlyMap<string, string>;
  names(directory: VirtualPath): readonly ByteName[];
  snapshot(path: VirtualPath): readonly { readonly ino: Ino }[];
  /** Takes away the entries of an attachment that a re-run of its maker must not see. */
  dropTransient(attachment: string): void;
}

export interface ViewAgentOptions {
  /** Real path of the mount, which is only looked up in the kernel's tables. */
  readonly mountPoint: string;
  /** Absolute path of the view's root: the mount itself, or a directory in it. */
  readonly root: string;
  readonly ask: (question: ResolveQuestion) => ResolveAnswer;
  readonly report: (event: ViewEvent) => void;
  readonly backingPath: (digest: string) => string;
  /**
   * Takes the emptied mount out of the tree, so that whoever emptied it can remove the directory
   * too (`cargo clean` does); returns whether that worked.
   */
  readonly detach: () => boolean;
}

const tombstonePrefix = 'tombstone:';

/** Decisions remembered per view; a large workspace has a few thousand units. */
const decisionsMax = 50_000;

export class ViewAgent implements LowerLayer, ChangeObserver {
  readonly #options: ViewAgentOptions;
  #fileSystem: AgentFileSystem | undefined;
  /** Unit key → cargo session in which it was asked for: once per session, whatever the answer. */
  readonly #asked = new Map<string, CargoProcess>();
  /** Units that somebody deleted here; not served again until built (cargo-rules rule 20). */
  readonly #tombstones = new Set<string>();
  readonly #spoiled = new Set<string>();
  /** The latest answer, until it is in the tree. */
  #offered: readonly OfferedUnit[] = [];
  /** Units of which a file has changed since their fingerprint JSON was written. */
  readonly #changed = new Set<string>();
  readonly #callers = new RecentCallers(findCargoProcess, () => performance.now());
  readonly #scripts = new ScriptTree(() => performance.now());
  #builders: BuilderNotes | undefined;
  #sideEffects: SideEffects | undefined;
  #device: string | undefined;

  constructor(options: ViewAgentOptions) {
    this.#options = options;
  }

  /** Must be called once, before the first request is served. */
  bind(fileSystem: AgentFileSystem): void {
    this.#fileSystem = fileSystem;
    for (const key of fileSystem.notes().keys()) {
      if (key.startsWith(tombstonePrefix)) this.#tombstones.add(key.slice(tombstonePrefix.length));
    }
    const { root, report } = this.#options;
    const builders = new BuilderNotes(fileSystem, root);
    const sideEffects = new SideEffects({
      root,
      keeper: fileSystem,
      scriptsAt: (pid) => this.#scripts.scriptsAt(pid),
      report: (unitKey, message) => report({ kind: 'side-effect', unitKey, message }),
    });
    this.#builders = builders;
    this.#sideEffects = sideEffects;
    report({ kind: 'recalled', builders: builders.all(), sideEffects: sideEffects.all() });
  }

  isVolatile(directory: VirtualPath, name: ByteName): boolean {
    if (!isUnitName(directory, name)) return false;
    const unit = parseUnitPath(joinVirtualPath(directory, name));
    return unit === undefined || !this.#isPresent(unit);
  }

  backingPath(digest: string): string {
    return this.#options.backingPath(digest);
  }

  resolve(directory: VirtualPath, name: ByteName, caller: Caller): readonly Attachment[] {
    const path = joinVirtualPath(directory, name);
    const unit = parseUnitPath(path);
    const subject = unit ?? isPackageDirectory(path);
    // Nobody looks for a unit by the name of a temporary; rustc makes one per code generation unit.
    if (subject === undefined || isCompilerTemporary(path)) return [];
    const cargo = this.#cargoBehind(caller, subject.profilePath);
    if (cargo === undefined) return [];
    if (!this.#isFirstQuestion(unit?.unitKey ?? path, cargo)) return [];
    if (unit !== undefined && this.#tombstones.has(unit.unitKey)) return [];
    // Before anything is verified: an input that changes from now on is newer than the unit
    // (cargo-rules rule 17).
    const stampNs = this.#bound().clockNs();
    const answer = this.#options.ask({
      cargo,
      layout: unit?.layout ?? 'per-unit',
      profilePath: subject.profilePath,
      unitHash: unit?.unitHash,
      packageName: subject.packageName,
      stampNs,
    });
    switch (answer.kind) {
      case 'miss':
        return [];
      case 'package-directory':
        return [packageDirectory(path, stampNs)];
      case 'units':
        for (const offer of answer.units) this.#changed.delete(offer.unitKey);
        this.#offered = answer.units;
        return this.#withoutTombstones(answer.units).map((offer) => stamped(offer, stampNs));
    }
  }

  attached(ids: readonly string[], refused: readonly string[]): void {
    for (const id of ids) this.#spoiled.delete(id);
    const served = new Set(ids);
    for (const { id, unitKey } of this.#offered) {
      if (!served.has(id)) continue;
      this.#builders?.forget(unitKey);
      this.#sideEffects?.forget(unitKey);
    }
    this.#offered = [];
    this.#options.report({ kind: 'attached', ids, refused });
  }

  /** A unit that was built here to its end is served from the store from now on. */
  adopted({ attachment, files }: Adoption): void {
    this.#spoiled.delete(attachment);
    const [first] = files;
    const unit = first && parseUnitPath(first.path);
    if (unit === undefined) return;
    this.#forgetTombstone(unit.unitKey);
    this.#builders?.forget(unit.unitKey);
  }

  changed(path: VirtualPath, caller: Caller | undefined): void {
    if (caller !== undefined) this.#sideEffects?.seen(path, caller, 'wrote');
    const finished = isFingerprintJson(path);
    if (finished === undefined) {
      const unit = parseUnitPath(path);
      if (unit !== undefined) this.#noteChange(unit.unitKey);
      return;
    }
    this.#changed.delete(finished.unitKey);
    const cargo = this.#builderOf(finished);
    this.#builders?.written(finished.unitKey, cargo);
    if (isRunJson(path)) this.#sideEffects?.ended(finished.unitKey);
    this.#options.report({ kind: 'unit-written', path, cargo });
  }

  attributesChanged(path: VirtualPath, caller: Caller): void {
    this.#sideEffects?.seen(path, caller, 'wrote');
  }

  appeared(path: VirtualPath, caller: Caller): void {
    if (isFingerprintJson(path) !== undefined) this.changed(path, caller);
    else this.#sideEffects?.seen(path, caller, 'wrote');
  }

  removed(
    path: VirtualPath,
    _wasLower: boolean,
    attachment: string | undefined,
    caller: Caller,
  ): void {
    this.#sideEffects?.seen(path, caller, 'removed');
    const unit = parseUnitPath(path);
    if (attachment !== undefined) this.#spoil(attachment);
    if (unit !== undefined) this.#noteChange(unit.unitKey);
    if (unit === undefined) this.#forgetTombstonesBelow(path);
    else if (!isCompilerTemporary(path)) this.#bury(unit.unitKey);
  }

  /**
   * A served file is written to. Cargo truncates a run's hash file or rewrites its timestamp before
   * it runs the script again, which must not find the OUT_DIR of another place (rule 13).
   */
  detached(path: VirtualPath, attachment: string): void {
    if (!isOutput(path)) this.#bound().dropTransient(attachment);
    this.#spoil(attachment);
    const unit = parseUnitPath(path);
    if (unit !== undefined) this.#noteChange(unit.unitKey);
  }

  rootEmptied(): void {
    this.#forgetTombstonesBelow('' as VirtualPath);
    this.#builders?.forgetAll();
    this.#asked.clear();
    this.#changed.clear();
    this.#options.report({ kind: 'root-emptied', isDetached: this.#options.detach() });
  }

  #bound(): AgentFileSystem {
    if (this.#fileSystem === undefined) throw new Error('the agent is not bound to a file system');
    return this.#fileSystem;
  }

  /** A unit with a fingerprint is here already: built, being rebuilt or served. */
  #isPresent(unit: UnitPath): boolean {
    if (unit.packageName === undefined) return false;
    const { profilePath, packageName, unitHash } = unit;
    const directory =
      unit.layout === 'classic'
        ? `${profilePath}/.fingerprint/${packageName}-${unitHash}`
        : `${profilePath}/build/${packageName}/${unitHash}/fingerprint`;
    // Leftovers of a build that was interrupted have none.
    return this.#bound()
      .names(directory as VirtualPath)
      .some((name) => name.endsWith('.json'));
  }

  #isFirstQuestion(subject: string, cargo: CargoProcess): boolean {
    const last = this.#asked.get(subject);
    if (last?.pid === cargo.pid && last.startTicks === cargo.startTicks) return false;
    if (this.#asked.size >= decisionsMax) this.#asked.clear();
    this.#asked.set(subject, cargo);
    return true;
  }

  /** The cargo process for which a request is made. */
  #cargoBehind({ pid }: Caller, profilePath: VirtualPath): CargoProcess | undefined {
    if (pid > 0) return this.#callers.find(pid);
    // fuse-native does not pass the caller on: then it is whoever holds the profile's lock.
    const holders = this.#lockHolders(profilePath).flatMap(
      (holder) => cargoProcessAt(holder) ?? [],
    );
    return holders.length === 1 ? holders[0] : undefined;
  }

  /**
   * The cargo process that writes the unit's fingerprint now: the one that holds the profile's lock.
   * Where nobody is seen to hold it, the one that asked for the unit last, if that is still there.
   */
  #builderOf({ unitKey, profilePath }: UnitPath): CargoProcess | undefined {
    const holders = this.#lockHolders(profilePath).flatMap((pid) => cargoProcessAt(pid) ?? []);
    if (holders.length > 0) return holders.length === 1 ? holders[0] : undefined;
    const asker = this.#asked.get(unitKey);
    const found = asker && cargoProcessAt(asker.pid);
    return found?.startTicks === asker?.startTicks ? found : undefined;
  }

  #lockHolders(profilePath: VirtualPath): readonly number[] {
    const fileSystem = this.#bound();
    this.#device ??= deviceOf(this.#options.mountPoint);
    if (this.#device === undefined) return [];
    // .cargo-lock, and from cargo 1.96 on .cargo-build-lock (cargo-rules §7.4).
    const inodes = fileSystem
      .names(profilePath)
      .filter((name) => name.startsWith('.cargo-'))
      .flatMap((name) => fileSystem.snapshot(joinVirtualPath(profilePath, name)))
      .map(({ ino }) => ino);
    return exclusiveHolders(this.#device, new Set(inodes));
  }

  #noteChange(unitKey: string): void {
    this.#builders?.forget(unitKey);
    if (this.#changed.has(unitKey)) return;
    this.#changed.add(unitKey);
    this.#options.report({ kind: 'unit-changed', unitKey });
  }

  #spoil(attachment: string): void {
    if (this.#spoiled.has(attachment)) return;
    this.#spoiled.add(attachment);
    this.#options.report({ kind: 'spoiled', id: attachment });
  }

  #withoutTombstones(units: readonly OfferedUnit[]): readonly OfferedUnit[] {
    const dropped = new Set<string>();
    return units.filter((offer) => {
      const keep =
        !this.#tombstones.has(offer.unitKey) && !offer.requires.some((id) => dropped.has(id));
      if (!keep) dropped.add(offer.id);
      return keep;
    });
  }

  #bury(unitKey: string): void {
    if (this.#tombstones.has(unitKey)) return;
    this.#tombstones.add(unitKey);
    this.#bound().note(tombstonePrefix + unitKey, '1');
  }

  #forgetTombstone(unitKey: string): void {
    if (this.#tombstones.delete(unitKey)) this.#bound().note(tombstonePrefix + unitKey, null);
  }

  /** Removing a profile directory or the whole target means "start over", not "rebuild this unit". */
  #forgetTombstonesBelow(path: VirtualPath): void {
    this.#sideEffects?.forgetBelow(path);
    for (const unitKey of this.#tombstones) {
      const profilePath = unitKey.slice(0, unitKey.indexOf('#'));
      if (path === '' || profilePath === path || profilePath.startsWith(`${path}/`)) {
        this.#forgetTombstone(unitKey);
      }
    }
  }
}

function packageDirectory(path: VirtualPath, mtimeNs: bigint): Attachment {
  const directory: LowerEntry = { kind: 'directory', path, mode: 0o755, mtimeNs };
  return { id: `directory:${path}`, requires: [], entries: [directory] };
}

function stamped(offer: OfferedUnit, mtimeNs: bigint): Attachment {
  return {
    id: offer.id,
    requires: offer.requires,
    entries: offer.entries.map((entry) => ({ ...entry, mtimeNs })),
  };
}

/** Whether a fingerprint JSON is that of a build-script run. */
function isRunJson(path: VirtualPath): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith('run-build-script-');
}

/** rustc's object files come and go during every compilation. */
function isCompilerTemporary(path: VirtualPath): boolean {
  return path.includes('.rcgu.') || path.endsWith('.tmp');
}

/** Whether a path lies in a build script's OUT_DIR. */
function isOutput(path: VirtualPath): boolean {
  return /\/build\/[^/]+(?:\/[0-9a-f]{16})?\/out\//.test(path);
}
