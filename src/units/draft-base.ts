/** What the drafts of compilations and of build-script runs have in common. */
import type { VirtualPath } from '../base/byte-string.js';
import type { HostFiles } from '../host/host-files.js';
import { describeSet, type InputVerifier, type UnreadSet } from './input-verifier.js';
import type { MacroMentions } from './macro-mentions.js';
import type { SessionEnvironment } from '../host/session-environment.js';
import type { InputSet, UnitDependency, UnitFacts } from './unit-facts.js';
import type { UnitFiles } from './unit-files.js';
import type { StoredUnit, UnitTable } from './unit-record.js';

/** Everything about a unit that is to be stored, but the digests of its files. */
export interface UnitDraft {
  readonly kind: 'draft';
  readonly files: UnitFiles;
  /** What it was built in. */
  readonly environment: SessionEnvironment;
  readonly dependencies: readonly UnitDependency[];
  readonly origin: UnitFacts['origin'];
  readonly packageRoot: string;
  /** As cargo saw it. */
  readonly buildDir: string;
  readonly startedNs: bigint;
  readonly finishedNs: bigint;
  readonly inputs: readonly InputSet[];
  readonly variables: UnitFacts['variables'];
  readonly steering: UnitFacts['steering'];
  readonly tools: UnitFacts['tools'];
  readonly settings: UnitFacts['settings'];
  readonly boundBecause: string | null;
  readonly rewrites: readonly string[];
}

/** The unit is complete and stays where it is. */
export interface PrivateVerdict {
  readonly kind: 'private';
  /** Stable word. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
}

/** The unit cannot be judged before another unit is; named by its fingerprint. */
export interface WaitingVerdict {
  readonly kind: 'waiting';
  readonly fingerprint: string;
}

export interface DraftContext {
  readonly environment: SessionEnvironment;
  readonly units: UnitTable;
  readonly inputs: InputVerifier;
  readonly host: HostFiles;
  readonly macros: MacroMentions;
  readonly blobPath: (digest: string) => string;
  /** The bytes of a file in the view; undefined where it is not there. */
  readonly readViewFile: (path: VirtualPath) => Promise<Buffer | undefined>;
}

/** Facts that both kinds of drafts start from. */
export interface DraftBase {
  readonly files: UnitFiles;
  readonly environment: SessionEnvironment;
  readonly stored: readonly StoredUnit[];
  readonly dependencies: readonly UnitDependency[];
  readonly startedNs: bigint;
  readonly finishedNs: bigint;
}

export function isPrivate(reason: string, message: string): PrivateVerdict {
  return { kind: 'private', reason, message };
}

/**
 * For a name that is missing where others come and go: the time of its directory says nothing about
 * the run.
 */
export const atAnyTime: bigint = 2n ** 62n;

/** A set of inputs that is to be recorded. */
export interface WantedInputs extends UnreadSet {
  /** Private if something of it changed later; the start of the unit by default. */
  readonly notAfterNs?: bigint;
  /** Left out if it is too large: other sets name what was declared. */
  readonly isOptional?: boolean;
}

/** Fails if an input cannot be read or has changed after the unit was started. */
export function recordInputs(
  sets: readonly WantedInputs[],
  base: DraftBase,
  context: DraftContext,
): readonly InputSet[] | PrivateVerdict {
  const recorded: InputSet[] = [];
  for (const set of sets) {
    const input = context.inputs.record(set, set.notAfterNs ?? base.startedNs);
    if (input.kind !== 'unrecorded') recorded.push(input);
    else if (!input.isTooLarge) {
      return isPrivate('input-changed', `an input may have changed: ${input.why}`);
    } else if (set.isOptional !== true) {
      return isPrivate('too-many-inputs', `${describeSet(set)} is too large: ${input.why}`);
    }
  }
  return recorded;
}

/** Paths of `paths` that lie below `directory`, relative to it. */
export function relativeTo(directory: string, path: string): string | undefined {
  return path.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : undefined;
}
