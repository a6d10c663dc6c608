/** What sources mention, as a value: empty, and merged (`source-mentions.ts`). */
import type { Climb } from './climbing-paths.js';

/** What one source, or all sources of several units, mention. */
export interface SourceMentions {
  /** Arguments of `env::var` and the like: names of variables for sure. */
  readonly variables: ReadonlySet<string>;
  /** Arguments of `Command::new`: names of programs for sure. */
  readonly programs: ReadonlySet<string>;
  /** String literals that may be the name of a variable or program. */
  readonly names: ReadonlySet<string>;
  /** Words without quotes that may become one: `e!(NAME)` where `e` has `stringify!`. */
  readonly words: ReadonlySet<string>;
  /** It reads variables while it runs; `env!` is read by the compiler and tracked by cargo. */
  readonly touchesEnvironment: boolean;
  /**
   * Names of variables with `*` for what is not known of them, where it puts names together or looks
   * through all variables: `format!("{name}_DIR")`, `starts_with("MYCFG_")`.
   */
  readonly variablePatterns: ReadonlySet<string>;
  /** It looks through all variables. */
  readonly listsVariables: boolean;
  /** It reads a variable whose name is not a literal. */
  readonly readsComputedVariable: boolean;
  /** Of those, one whose name its sources do not tell either, together (`computed-names.ts`). */
  readonly computesNames: boolean;
  readonly startsPrograms: boolean;
  /** It starts a program whose name is not a literal, and that is not plainly the compiler or cargo. */
  readonly hasComputedCommand: boolean;
  /** It looks for programs itself: by the `which` crate, or along PATH. */
  readonly probesPath: 'no' | 'by-hand' | 'by-crate';
  /** It reads files, or asks whether there are any. */
  readonly readsFiles: boolean;
  /** It may go from its package to what lies beside it. */
  readonly looksBeside: boolean;
  /** It asks how many processors there are. */
  readonly countsProcessors: boolean;
  /** It asks for the directory for temporary files. */
  readonly readsTemporary: boolean;
  /** It names `std::process`, libc or a crate that starts programs: its `Command` is not clap's. */
  readonly namesProcess: boolean;
  /** It reads the words that it was started with. */
  readonly readsArguments: boolean;
  /** It may come from OUT_DIR, or from where it runs itself, to what is above the build-dir. */
  readonly looksAbove: Climb;
  /** A name by which it may find files outside of any package: a path, HOME, `.env`. */
  readonly outsideName: string | undefined;
  readonly usesPkgConfig: boolean;
  readonly definesMacros: boolean;
}

export const emptyMentions: SourceMentions = {
  variables: new Set(),
  programs: new Set(),
  names: new Set(),
  words: new Set(),
  variablePatterns: new Set(),
  listsVariables: false,
  touchesEnvironment: false,
  readsComputedVariable: false,
  computesNames: false,
  startsPrograms: false,
  hasComputedCommand: false,
  probesPath: 'no',
  readsFiles: false,
  looksBeside: false,
  countsProcessors: false,
  readsArguments: false,
  readsTemporary: false,
  namesProcess: false,
  looksAbove: 'no',
  outsideName: undefined,
  usesPkgConfig: false,
  definesMacros: false,
};

/** All that any of them mentions. */
export function mergeMentions(all: readonly SourceMentions[]): SourceMentions {
  const union = (pick: (mentions: SourceMentions) => ReadonlySet<string>): ReadonlySet<string> => {
    const merged = new Set<string>();
    for (const mentions of all) for (const name of pick(mentions)) merged.add(name);
    return merged;
  };
  const any = (pick: (mentions: SourceMentions) => boolean): boolean => all.some(pick);
  return {
    variables: union(({ variables }) => variables),
    programs: union(({ programs }) => programs),
    names: union(({ names }) => names),
    words: union(({ words }) => words),
    variablePatterns: union(({ variablePatterns }) => variablePatterns),
    listsVariables: any((each) => each.listsVariables),
    touchesEnvironment: any((each) => each.touchesEnvironment),
    readsComputedVariable: any((each) => each.readsComputedVariable),
    computesNames: any((each) => each.computesNames),
    startsPrograms: any((each) => each.startsPrograms),
    hasComputedCommand: any((each) => each.hasComputedCommand),
    probesPath: any((each) => each.probesPath === 'by-crate')
      ? 'by-crate'
      : any((each) => each.probesPath === 'by-hand')
        ? 'by-hand'
        : 'no',
    readsFiles: any((each) => each.readsFiles),
    looksBeside: any((each) => each.looksBeside),
    countsProcessors: any((each) => each.countsProcessors),
    readsTemporary: any((each) => each.readsTemporary),
    namesProcess: any((each) => each.namesProcess),
    readsArguments: any((each) => each.readsArguments),
    looksAbove: any((each) => each.looksAbove === 'plainly')
      ? 'plainly'
      : any((each) => each.looksAbove === 'perhaps')
        ? 'perhaps'
        : 'no',
    outsideName: all.find(({ outsideName }) => outsideName !== undefined)?.outsideName,
    usesPkgConfig: any((each) => each.usesPkgConfig),
    definesMacros: any((each) => each.definesMacros),
  };
}
