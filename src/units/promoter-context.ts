/** What a promoter needs of its view and of the service. */
import type { Store } from '../store/store.js';
import type { Digest } from '../store/manifest.js';
import type { HostFiles } from '../host/host-files.js';
import type { InputVerifier } from './input-verifier.js';
import type { Rejections } from './rejections.js';
import type { UnitDraft } from './draft-base.js';
import type { SessionEnvironment, UnknownEnvironment } from '../host/session-environment.js';
import type { UnitFacts } from './unit-facts.js';
import type { NamedUnit, UnitFiles } from './unit-files.js';
import type { UnitTable } from './unit-record.js';
import type { CallView } from './view-access.js';

export interface PromoterContext {
  readonly store: Store;
  readonly units: UnitTable;
  readonly inputs: InputVerifier;
  readonly host: HostFiles;
  readonly rejections: Rejections;
  /** A stored unit has lost bytes: nobody shall find it again. */
  readonly damaged: (id: Digest) => void;
  readonly journalPath: string;
  readonly blobPath: (digest: string) => string;
  readonly call: CallView;
  /** The session that built the unit; undefined while none is known yet. */
  readonly environmentOf: (unitKey: string) => SessionEnvironment | UnknownEnvironment | undefined;
  /** Why the run of a build script is more than its files, so that others must run it too. */
  readonly sideEffectOf: (unit: NamedUnit) => string | undefined;
  /** Whether a file of the unit was written or removed after the unit was complete. */
  readonly isChanged: (unitKey: string) => boolean;
  readonly isPaused: () => boolean;
  /** The unit's files are about to be exchanged for stored ones; `promoted` follows. */
  readonly adopting: (id: string) => void;
  /** The unit is served from the store from now on. */
  readonly promoted: (draft: UnitDraft, id: string, facts: UnitFacts, wasKnown: boolean) => void;
  /** The unit is complete and stays in the upper layer. */
  readonly keptPrivate: (files: UnitFiles, reason: string, message: string) => void;
  /** A fault of ours or of the disk; the units stay in the upper layer. */
  readonly failed: (error: unknown, units: readonly NamedUnit[]) => void;
}
