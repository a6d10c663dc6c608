/** What can be told of a view that is not open without opening it, which would write to it. */
import { loadJournal } from './journal.js';
import { replayJournal } from './replay.js';

/**
 * Digests of all backing files that the journal names: those that opening the view may need, also of
 * an adoption that was interrupted. Empty where there is no journal; throws as opening does for a
 * newer version.
 */
export function loadBackingDigests(journalPath: string): readonly string[] {
  const { entries, adoptions } = replayJournal(loadJournal(journalPath).records);
  const digests = new Set<string>();
  for (const { entry } of entries.values()) {
    if (entry.kind === 'file') digests.add(entry.extent.digest);
  }
  for (const adoption of adoptions.values()) {
    for (const entry of adoption.entries) {
      if (entry.kind === 'file') digests.add(entry.extent.digest);
    }
  }
  return [...digests];
}
