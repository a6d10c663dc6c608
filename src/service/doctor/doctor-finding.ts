/** What a check of `doctor` is, and what it finds. */
import type { ControlClient } from '../control/control-client.js';
import type { XcachePaths } from '../../host/paths.js';

/** `note`: nothing is wrong with it. */
export type CheckState = 'ok' | 'note' | 'warn' | 'fail';

/** One line of the report. */
export interface DoctorFinding {
  readonly check: string;
  readonly state: CheckState;
  /** What is so. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Whether `--fix` has mended it. */
  readonly isFixed: boolean;
}

export interface DoctorResult {
  readonly version: 1;
  readonly findings: readonly DoctorFinding[];
}

/** What a check found. */
export interface Finding {
  readonly state: CheckState;
  readonly message: string;
  readonly hint?: string;
  /** Mends it, where that can do no harm; resolves with what was done. */
  readonly fix?: () => Promise<string>;
}

export interface Check {
  readonly name: string;
  readonly run: () => Promise<Finding>;
}

export interface DoctorOptions {
  readonly paths: XcachePaths;
  /** Connects to the service and starts it where none runs; for fixes alone. */
  readonly connect: () => Promise<ControlClient>;
  /** The working directory of the user, whose workspace is asked about. */
  readonly cwd: string;
  readonly isFixing: boolean;
}
