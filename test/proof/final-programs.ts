/** The programs that a build ends in: kept, run, and compared with those of another build. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { compareBinaries } from '../../bench/compare-binaries.js';
import type { CargoRun } from '../support/cargo-run.js';
import type { Workspace } from '../support/workspace.js';

/** The final program of the workspace, or one of its test programs. */
export interface FinalProgram {
  /** Relative to the target directory: the same in every build of one setting. */
  readonly place: string;
  /** Where its bytes are. */
  readonly path: string;
  readonly isTest: boolean;
  /** What it printed when it was run where cargo put it. */
  readonly output: string;
}

interface ProgramMessage {
  readonly executable?: string | null;
  readonly profile?: { readonly test: boolean };
}

/** Programs that cargo named in its messages, each run once; a test that fails throws. */
export function runPrograms(
  workspace: Workspace,
  runs: readonly CargoRun[],
): readonly FinalProgram[] {
  const programs = new Map<string, FinalProgram>();
  for (const line of runs.flatMap(({ stdout }) => stdout.split('\n'))) {
    if (!line.startsWith('{')) continue;
    const { executable, profile } = JSON.parse(line) as ProgramMessage;
    if (typeof executable !== 'string') continue;
    const place = relative(workspace.target, executable);
    const isTest = profile?.test === true;
    if (programs.has(place)) continue;
    const output = runProgram(executable, workspace, isTest ? ['--test-threads=1'] : []);
    programs.set(place, { place, path: executable, isTest, output: withoutDuration(output) });
  }
  return [...programs.values()];
}

/** Copies programs out of a target that will go. */
export function keepPrograms(
  programs: readonly FinalProgram[],
  directory: string,
): readonly FinalProgram[] {
  mkdirSync(directory);
  return programs.map((program, index) => {
    const path = join(directory, `${index}-${basename(program.place)}`);
    copyFileSync(program.path, path);
    return { ...program, path };
  });
}

export interface ProgramComparison {
  /** What differs beside the given paths; empty for the same programs. */
  readonly differences: readonly string[];
  /** How often the other paths stand in the programs of the right side. */
  readonly occurrences: number;
}

/** Compares by place; the programs of the right side may name `otherPaths` instead of `path`. */
export function comparePrograms(
  left: readonly FinalProgram[],
  right: readonly FinalProgram[],
  replaced: { readonly path: string; readonly otherPaths: readonly string[] },
): ProgramComparison {
  const places = (programs: readonly FinalProgram[]): string =>
    programs.map(({ place }) => place).join(', ');
  if (places(left) !== places(right) || left.length === 0) {
    return { differences: [`programs: ${places(left)} and ${places(right)}`], occurrences: 0 };
  }
  const differences: string[] = [];
  let occurrences = 0;
  for (const [index, program] of left.entries()) {
    const other = right[index] ?? program;
    if (program.output !== other.output) {
      differences.push(`${program.place} printed ${other.output}, natively ${program.output}`);
    }
    const comparison = compareBinaries(program.path, other.path, replaced);
    occurrences += comparison.occurrences;
    if (comparison.areEqualAfterReplacement) continue;
    const sections = comparison.sections.map(
      ({ section, differingBytes }) => `${section} (${differingBytes ?? 'other size'})`,
    );
    differences.push(`${program.place} differs in ${sections.join(', ')}`);
  }
  return { differences, occurrences };
}

function runProgram(program: string, workspace: Workspace, args: readonly string[]): string {
  const run = spawnSync(program, args, {
    cwd: workspace.path,
    env: workspace.world.env,
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    throw new Error(`${program}: ${run.status} ${run.signal} ${run.stdout} ${run.stderr}`);
  }
  return run.stdout.trim();
}

/** The closing line of a test program ends in the seconds it took. */
function withoutDuration(text: string): string {
  return text.replace(/; finished in [0-9.]+s$/m, '');
}
