/** What the views of a service have in common. */
import type { Logger } from '../../base/log.js';
import type { Store } from '../../store/store.js';
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
