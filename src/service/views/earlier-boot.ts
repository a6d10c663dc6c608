/**
 * What was built before the machine was started anew. Cargo syncs nothing, so a power cut may have
 * left a unit with a whole fingerprint and torn files. Its workspace would go on with it under any
 * cargo; the store must not hand it to others. Units are stored seconds after they are built, so
 * what a start of the machine finds unstored is little.
 */
import { currentBoot } from '../host/process-tree.js';
import type { UnknownEnvironment } from '../host/session-environment.js';
import type { ViewRecord } from './view-directory.js';
import { mixedEnvironments } from './view-sessions.js';

const earlierBoot: UnknownEnvironment = {
  kind: 'unknown',
  reason: 'earlier-boot',
  detail: 'it was built before the machine was started, and may have lost bytes',
};

export interface JudgedRecord {
  readonly record: ViewRecord;
  /** Stands for the session that built what is in the view; undefined where nothing speaks against it. */
  readonly before: UnknownEnvironment | undefined;
}

/** The record as it is to be kept: what was in the view stays private in later mounts too. */
export function judgeBoot(record: ViewRecord, boot: string = currentBoot()): JudgedRecord {
  if (record.boot === undefined || record.boot === boot) {
    return { record: { ...record, boot }, before: undefined };
  }
  return { record: { ...record, boot, environment: mixedEnvironments }, before: earlierBoot };
}
