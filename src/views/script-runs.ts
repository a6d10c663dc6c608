/**
 * Runs of build scripts that did more than the store could hand out: those that changed the build-dir
 * outside of OUT_DIR, and those that left processes behind, which may still do so.
 */
import { byteStringFromText, byteStringToText } from '../base/byte-string.js';
import type { HostFiles } from '../host/host-files.js';
import { findLeftProcesses, type LeftProcess } from '../host/left-processes.js';
import type { NamedUnit } from '../units/unit-files.js';
import { unitPlaces } from '../units/unit-paths.js';

export class ScriptRuns {
  readonly #mountPoint: string;
  readonly #host: Pick<HostFiles, 'isBelowOwnMount'>;
  /** By unit key: what the serving thread has seen. */
  readonly #seen = new Map<string, string>();
  #left: { readonly sinceTicks: number; readonly processes: readonly LeftProcess[] } | undefined;

  constructor(mountPoint: string, host: Pick<HostFiles, 'isBelowOwnMount'>) {
    this.#mountPoint = mountPoint;
    this.#host = host;
  }

  /** What the view's journal says at a mount, in place of what was known. */
  recall(sideEffects: readonly (readonly [string, string])[]): void {
    this.#seen.clear();
    for (const [unitKey, message] of sideEffects) this.#seen.set(unitKey, message);
  }

  /** Without a message, the run starts anew or is gone. */
  set(unitKey: string, message: string | undefined): void {
    if (message === undefined) this.#seen.delete(unitKey);
    else this.#seen.set(unitKey, message);
  }

  /** A unit was written to its end: which processes run is to be looked up again. */
  written(): void {
    this.#left = undefined;
  }

  clear(): void {
    this.#seen.clear();
  }

  /**
   * Why the finished run is more than its files; undefined where nothing is known against it.
   * `builder`: key of the session that it was run in, which is older than what it started.
   */
  sideEffectOf(unit: NamedUnit, builder: string | undefined): string | undefined {
    const sinceTicks = Number(builder?.split(':')[1] ?? 0);
    return this.#seen.get(unit.unitKey) ?? this.#leftProcess(unit, sinceTicks);
  }

  #leftProcess(unit: NamedUnit, sinceTicks: number): string | undefined {
    const { outDir } = unitPlaces(unit);
    const root = byteStringFromText(this.#mountPoint);
    for (const left of this.#leftProcesses(sinceTicks)) {
      if (!left.outDir.endsWith(`/${outDir}`)) continue;
      const place = left.outDir.slice(0, -outDir.length - 1);
      // The same script may run for another workspace at this moment.
      if (place !== root && this.#host.isBelowOwnMount(byteStringToText(left.outDir))) continue;
      const name = left.program.slice(left.program.lastIndexOf('/') + 1);
      return `a process that its script started still runs: ${name} (process ${left.pid})`;
    }
    return undefined;
  }

  #leftProcesses(sinceTicks: number): readonly LeftProcess[] {
    if (this.#left === undefined || this.#left.sinceTicks > sinceTicks) {
      const processes = findLeftProcesses(sinceTicks, this.#mountPoint);
      this.#left = { sinceTicks, processes };
    }
    return this.#left.processes;
  }
}
