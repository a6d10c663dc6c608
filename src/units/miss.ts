/** Why a stored unit is not served. */

/** Why a unit is not served; each word has its sentence in `describeMiss`. */
export type MissReason =
  | 'unknown-unit'
  | 'unreadable-manifest'
  | 'foreign-files'
  | 'bytes-missing'
  | 'bound-to-path'
  | 'variable-differs'
  | 'environment-differs'
  | 'tool-differs'
  | 'processor-differs'
  | 'input-changed'
  | 'dependency-differs'
  | 'dependency-private'
  | 'dependency-unavailable'
  | 'other-source'
  | 'rejected'
  | 'too-many-variants'
  | 'verifying';

export interface Miss {
  readonly reason: MissReason;
  readonly detail: string;
}

/** A sentence for `xcache explain`. */
export function describeMiss(miss: Miss): string {
  return `${missSentences[miss.reason]} (${miss.detail})`;
}

const missSentences: Readonly<Record<MissReason, string>> = {
  'unknown-unit': 'no equal unit is in the store',
  'unreadable-manifest': 'the stored unit was written by another version of xcache',
  'foreign-files': 'the stored unit holds what is not its own',
  'bytes-missing': 'the stored unit is damaged',
  'bound-to-path': 'the stored unit holds the path of the build-dir it was built in',
  'variable-differs': 'a variable that the unit depends on has another value',
  'environment-differs': 'a variable that steers native builds has another value',
  'tool-differs': 'a program that the unit was built with is another one here',
  'processor-differs': 'the unit was built for the processor of another machine',
  'input-changed': 'a source or declared input has other bytes now',
  'dependency-differs': 'a dependency is present here with other bytes',
  'dependency-private': 'a dependency was built here and is not shared',
  'dependency-unavailable': 'a dependency is not in the store as it was when this was built',
  'other-source': 'the stored unit was compiled from sources at another place',
  rejected: 'the stored unit was rejected',
  'too-many-variants': 'the store has more variants of it than can be tried',
  verifying: 'it is compiled to be compared with the stored unit',
};
