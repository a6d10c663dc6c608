/** Processes that build scripts have left running. Reads /proc only. */
import { readdirSync } from 'node:fs';
import type { ByteString } from '../base/byte-string.js';
import { isCargoProgram, programOf, readProcessStat } from './process-tree.js';
import { isCompiler, scriptOutDir } from './script-tree.js';

/** One that was gone at its turn may have left a child that the list does not have. */
const roundsMax = 3;

export interface LeftProcess {
  readonly pid: number;
  readonly program: string;
  /** OUT_DIR of the script in whose environment it runs, as cargo named it. */
  readonly outDir: ByteString;
}

/**
 * Processes in the environment of any build script that were started at `sinceTicks` or later; those
 * of other users are seen by root alone. Programs below `mountPoint` that have threads are left out:
 * they may wait for whoever asks.
 */
export function findLeftProcesses(sinceTicks: number, mountPoint: string): readonly LeftProcess[] {
  const looked = new Set<string>();
  const found: LeftProcess[] = [];
  for (let round = 0; round < roundsMax; round += 1) {
    let isComplete = true;
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name) || looked.has(name)) continue;
      const pid = Number(name);
      const stat = readProcessStat(pid);
      if (stat === undefined) {
        isComplete = false;
        continue;
      }
      looked.add(name);
      if (Number(stat.startTicks) < sinceTicks) continue;
      const program = programOf(pid);
      if (isCargoProgram(program) || isCompiler(program)) continue;
      if (stat.threadCount > 1 && program.startsWith(`${mountPoint}/`)) continue;
      const outDir = scriptOutDir(pid);
      if (outDir !== undefined) found.push({ pid, program, outDir });
    }
    if (isComplete) break;
  }
  return found;
}
