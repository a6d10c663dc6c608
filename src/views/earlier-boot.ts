/**
 * What was built before the machine was started anew. Cargo syncs nothing, so a power cut may have
 * left a unit with a whole fingerprint and torn files. Its workspace would go on with it under any
 * cargo; the store must not hand it to others. Units are stored seconds after they are built, so
 * what a start of the machine finds unstored is little.
 */
import type { UnknownEnvironment } from '../host/session-environment.js';

/** Stands for the session that built such a unit, in all mounts that follow. */
export const earlierBoot: UnknownEnvironment = {
  kind: 'unknown',
  reason: 'earlier-boot',
  detail: 'it was built before the machine was started, and may have lost bytes',
};
