/**
 * Whether a unit may be stored and served at all, as far as that follows from what it is. What its
 * inputs, environment and dependencies say is judged elsewhere (rules 6 to 12).
 */
import type { UnitKind } from './fingerprint-name.js';
import type { UnitHash } from './layout.js';
import type { SourceOrigin } from './source-origin.js';

export interface UnitFacts {
  /** Undefined where the name of the fingerprint is unknown. */
  readonly kind: UnitKind | undefined;
  /** Undefined for units whose directory carries no hash (rule 5). */
  readonly unitHash: UnitHash | undefined;
  readonly origin: SourceOrigin | 'unknown';
  /** As in the fingerprint; they apply to this unit. */
  readonly rustflags: readonly string[];
  /** What stood between cargo and rustc; `transparent` hands rustc's output through unchanged. */
  readonly wrapper: 'none' | 'transparent' | 'unknown';
}

/** Stable words; they appear in `--json` output and in logs. */
export type RefusalReason =
  | 'unknown-kind'
  | 'no-unit-hash'
  | 'binary'
  | 'test'
  | 'example'
  | 'benchmark'
  | 'documentation'
  | 'path-package'
  | 'unknown-source'
  | 'unknown-wrapper'
  | 'flags-read-files';

export type Shareability =
  | { readonly share: true }
  | { readonly share: false; readonly reason: RefusalReason; readonly detail: string };

/** In scope: libraries, proc-macros, build-script programs and runs of packages that nobody edits. */
export function judgeShareability(facts: UnitFacts): Shareability {
  const reason = refusalOf(facts);
  if (reason === undefined) return { share: true };
  const flag =
    reason === 'flags-read-files' ? `: ${flagThatReadsFiles(facts.rustflags) ?? ''}` : '';
  return { share: false, reason, detail: describeReason(reason) + flag };
}

/** One sentence for people, without a full stop. */
export function describeReason(reason: RefusalReason): string {
  return sentences[reason];
}

/** Whether the unit's code depends on the processor of the machine that built it (rule 9). */
export function dependsOnCpu(rustflags: readonly string[]): boolean {
  return joinedFlags(rustflags).some((flag) => /^-[CZ](?:target|tune)[-_]cpu=native$/.test(flag));
}

const sentences: Readonly<Record<RefusalReason, string>> = {
  'unknown-kind': 'this version does not know this kind of unit',
  'no-unit-hash': 'its files carry no hash, so variants overwrite each other',
  binary: 'programs stay in their workspace',
  test: 'tests stay in their workspace',
  example: 'examples stay in their workspace',
  benchmark: 'benchmarks stay in their workspace',
  documentation: 'documentation is one shared directory and stays in its workspace',
  'path-package': 'packages given by path may change at any time and stay in their workspace',
  'unknown-source': 'it is not known where its sources come from',
  'unknown-wrapper': 'a program that this version does not know stood before rustc',
  'flags-read-files': 'a compiler flag reads files that cargo does not track',
};

function refusalOf(facts: UnitFacts): RefusalReason | undefined {
  if (facts.kind === undefined) return 'unknown-kind';
  const kindRefusal = refusalOfKind(facts.kind);
  if (kindRefusal !== undefined) return kindRefusal;
  if (facts.unitHash === undefined) return 'no-unit-hash';
  if (facts.origin === 'path') return 'path-package';
  if (facts.origin === 'unknown') return 'unknown-source';
  if (facts.wrapper === 'unknown') return 'unknown-wrapper';
  return flagThatReadsFiles(facts.rustflags) === undefined ? undefined : 'flags-read-files';
}

function refusalOfKind(kind: UnitKind): RefusalReason | undefined {
  if (kind === 'lib' || kind === 'build-script' || kind === 'run-build-script') return undefined;
  if (kind.startsWith('doc-')) return 'documentation';
  if (kind.startsWith('test-') || kind === 'integration-test') return 'test';
  if (kind === 'bin') return 'binary';
  if (kind === 'example') return 'example';
  if (kind === 'bench') return 'benchmark';
  return 'unknown-kind';
}

/** The first flag of which cargo hashes the text, but not the files behind it. */
export function flagThatReadsFiles(rustflags: readonly string[]): string | undefined {
  return joinedFlags(rustflags).find((flag) => readsFiles.test(flag));
}

const readsFiles =
  /^(?:@|--extern[= ]|--sysroot[= ]|-L|-C(?:profile[-_]use|incremental)=|-Z(?:profile[-_]sample[-_]use|codegen[-_]backend|llvm[-_]plugins)=)/;

/** Flags with the value of `-C`, `-Z` and `-L` joined to them: `-C opt-level=3` as `-Copt-level=3`. */
function joinedFlags(rustflags: readonly string[]): readonly string[] {
  return rustflags
    .join('\x1f')
    .replace(/(^|\x1f)--codegen[\x1f=]/g, '$1-C')
    .replace(/(^|\x1f)(-[CZL])\x1f/g, '$1$2')
    .replace(/(^|\x1f)(--extern|--sysroot)\x1f/g, '$1$2=')
    .split('\x1f');
}
