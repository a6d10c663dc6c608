/**
 * Whether a unit may be stored and served at all, as far as that follows from its name and flags.
 * What its sources, inputs, environment and dependencies say is judged elsewhere (rules 6 to 14).
 */
import type { UnitKind } from './fingerprint-name.js';

/** Stable words; they appear in `--json` output and in logs. */
export type RefusalReason =
  'binary' | 'test' | 'example' | 'benchmark' | 'documentation' | 'flags-read-files';

export interface Refusal {
  readonly reason: RefusalReason;
  /** For people, without a full stop. */
  readonly message: string;
}

const kindMessages: Readonly<Record<Exclude<RefusalReason, 'flags-read-files'>, string>> = {
  binary: 'programs stay in their workspace',
  test: 'tests stay in their workspace',
  example: 'examples stay in their workspace',
  benchmark: 'benchmarks stay in their workspace',
  documentation: 'documentation is one shared directory and stays in its workspace',
};

/**
 * In scope (undefined): libraries, proc-macros, build-script programs and runs (rule 5). `rustflags`
 * are those of the fingerprint.
 */
export function refuseUnit(kind: UnitKind, rustflags: readonly string[]): Refusal | undefined {
  const reason = refusalOfKind(kind);
  if (reason !== undefined) return { reason, message: kindMessages[reason] };
  const flag = flagThatReadsFiles(rustflags);
  if (flag === undefined) return;
  return { reason: 'flags-read-files', message: `${flag} reads files that cargo does not track` };
}

/** Whether the unit's code depends on the processor of the machine that built it (rule 9). */
export function dependsOnCpu(rustflags: readonly string[]): boolean {
  return joinedFlags(rustflags).some((flag) => isNativeCpu.test(flag));
}

const isNativeCpu = /^-[CZ](?:target|tune)[-_]cpu=native$/;
const linker = /^-C(?:linker|linker[-_]plugin[-_]lto)=/;

/**
 * The first flag whose text says too little about what the compiler makes: it reads files or programs
 * that cargo does not track, or the machine. For flags that show in no fingerprint, where a unit
 * cannot be compared by them.
 */
export function machineDependentFlag(rustflags: readonly string[]): string | undefined {
  const flags = joinedFlags(rustflags);
  return flags.find((flag) => isOfFiles(flag) || isNativeCpu.test(flag) || linker.test(flag));
}

function refusalOfKind(kind: UnitKind): keyof typeof kindMessages | undefined {
  if (kind === 'lib' || kind === 'build-script' || kind === 'run-build-script') return;
  if (kind.startsWith('doc-')) return 'documentation';
  if (kind === 'bin' || kind === 'run-bin') return 'binary';
  if (kind === 'example') return 'example';
  if (kind === 'bench') return 'benchmark';
  return 'test';
}

/** The first flag of which cargo hashes the text, but not the files behind it. */
function flagThatReadsFiles(rustflags: readonly string[]): string | undefined {
  return joinedFlags(rustflags).find(isOfFiles);
}

function isOfFiles(flag: string): boolean {
  if (readsFiles.test(flag)) return true;
  const words = linkerArguments.exec(flag)?.[1]?.split(/[\s,]+/) ?? [];
  return words.some((word, index) => {
    const before = words[index - 1] ?? '';
    return !harmlessArgument.test(word) && !takesText.test(before) && isOfLinkedFile.test(word);
  });
}

const linkerArguments = /^-(?:C|Z(?:pre|post)[-_])link[-_]args?=([^]*)$/;
/** A linker is compared as a program; the others are texts that go into what is linked. */
const harmlessArgument =
  /^-{1,2}(?:fuse-ld=|rpath=|dynamic-linker=|soname=|B(?:static|dynamic|symbolic|group)|Wl$)/;
const takesText = /^-{1,2}(?:z|rpath|dynamic-linker|soname)$/;
/** A path, a file without one, a name that is searched for, or an option whose next word is one. */
const isOfLinkedFile =
  /^@|\/|^[^-].*\.|^-[lLTBRF]|^-{1,2}(?:version-script|dynamic-list|script|just-symbols|retain-symbols-file|specs?|sysroot|isysroot|framework|plugin|fplugin|symbol-ordering-file|default-script|library|library-path|include-path)\b/;

const readsFiles =
  /^(?:@|--extern[= ]|--sysroot[= ]|-[Ll]|-C(?:profile[-_]use|incremental)=|-Z(?:profile[-_]sample[-_]use|codegen[-_]backend|llvm[-_]plugins)=)/;

/** Flags with the value of `-C`, `-Z`, `-L` and `-l` joined to them: `-C opt-level=3` as `-Copt-level=3`. */
function joinedFlags(rustflags: readonly string[]): readonly string[] {
  return rustflags
    .join('\x1f')
    .replace(/(^|\x1f)--codegen[\x1f=]/g, '$1-C')
    .replace(/(^|\x1f)(-[CZLl])\x1f/g, '$1$2')
    .replace(/(^|\x1f)(--extern|--sysroot)\x1f/g, '$1$2=')
    .split('\x1f');
}
