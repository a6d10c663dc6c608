/** How long the bytes of a unit have been in a view, after the view was mounted again. */
import type { VirtualPath } from '../base/byte-string.js';
import type { UnitFacts } from '../units/unit-facts.js';
import type { ViewHost } from './serving/view-host.js';

/**
 * Since when the bytes of an attached unit are here: cargo's first write to it, or the time that a
 * served one shows.
 */
export async function sinceWhen(host: ViewHost, facts: UnitFacts): Promise<bigint> {
  const { profilePath, package: name, unitHash } = facts;
  const path =
    facts.layout === 'classic'
      ? `${profilePath}/.fingerprint/${name}-${unitHash}`
      : `${profilePath}/build/${name}/${unitHash}/fingerprint`;
  const entries = await host.call('snapshot', path as VirtualPath);
  const times = entries.flatMap(({ kind, mtimeNs }) => (kind === 'file' ? [mtimeNs] : []));
  return times.reduce((a, b) => (a < b ? a : b), times[0] ?? 0n);
}
