/** What the views of a service have in common. */
import type { Logger } from '../base/log.js';
import type { Store } from '../store/store.js';
import type { Digest } from '../store/manifest.js';
import type { Rejections } from '../units/rejections.js';
import type { UnitVerification } from '../units/unit-verification.js';
import type { DecisionLog } from '../units/decisions.js';
import type { HostFiles } from '../host/host-files.js';
import type { InputVerifier } from '../units/input-verifier.js';
import type { EnvironmentReader } from '../host/session-environment.js';
import type { SessionLedger } from './session-summary.js';

/** What all views share. */
export interface ViewServices {
  readonly store: Store;
  readonly stateDirectory: string;
  readonly blobsDirectory: string;
  readonly reader: EnvironmentReader;
  readonly inputs: InputVerifier;
  readonly host: HostFiles;
  readonly rejections: Rejections;
  readonly verification: UnitVerification;
  /** The part of the units that could be served and are compiled to be compared: 0 to 1. */
  readonly verifySample: number;
  /** A stored unit has lost bytes: nobody shall find it again. */
  readonly damaged: (id: Digest) => void;
  readonly decisions: DecisionLog;
  readonly sessions: SessionLedger;
  readonly log: Logger;
  /** Set while the disk is full. */
  readonly isPaused: () => boolean;
  readonly pause: (reason: string) => void;
  /** The mount is gone without `close` of its view. */
  readonly lost: (mountPoint: string, error: string | undefined) => void;
  /** Somebody removed everything in the view, as `cargo clean` does. */
  readonly emptied: (mountPoint: string) => void;
}
