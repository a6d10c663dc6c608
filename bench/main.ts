/** `npm run bench`: measures xcache against plain cargo, a shared target directory and sccache. */
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';

import { BenchContext, fileSystemName } from './bench-context.js';
import { createCorpus, type Corpus } from './corpus.js';
import { parseOptions, usage, type Options, type ScenarioName } from './options.js';
import { describePageReclaim } from './page-reclaim.js';
import { formatTable, writeReadmeTable, type Report, type Row } from './report.js';
import { endRunningCommand, runCaptured } from './run-command.js';
import { compareBytes } from './scenario-bytes.js';
import { measureColdBuild } from './scenario-cold.js';
import { measureDisk } from './scenario-disk.js';
import {
  measureFuseNative,
  measureNoopBuild,
  measureTouchedBuild,
} from './scenario-incremental.js';
import { measureMemory } from './scenario-memory.js';
import { measureRemount } from './scenario-remount.js';
import { measureSecondWorkspace } from './scenario-second.js';
import { measureVariants } from './scenario-variants.js';
import { SccacheServer, sccacheHint } from './sccache-server.js';
import { detachAllBelow } from './xcache-client.js';

const root = resolve(import.meta.dirname, '../..');

/** In the order of running: `memory` wants the stores of those before it, `remount` kills one. */
const scenarios: Record<ScenarioName, (context: BenchContext) => Promise<void>> = {
  noop: measureNoopBuild,
  touch: measureTouchedBuild,
  'fuse-native': measureFuseNative,
  second: measureSecondWorkspace,
  cold: measureColdBuild,
  disk: measureDisk,
  memory: measureMemory,
  remount: measureRemount,
  bytes: compareBytes,
  variants: measureVariants,
};

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') return options;
  const startedAt = new Date();
  const work = realpathSync(mkdtempSync(join(options.workParent, 'xcache-bench-')));
  console.error(`working in ${work}`);
  const cleanUp = createCleanUp(work, options);
  try {
    const corpus = createCorpus(
      join(root, 'bench/corpus'),
      work,
      options.isQuick ? 'small' : 'full',
    );
    cleanUp.corpus = corpus;
    const context = new BenchContext(options, work, corpus, announce);
    cleanUp.context = context;
    await runScenarios(context);
    const report = createReport(context, startedAt);
    publish(report, options);
    return report.rows.some((row) => row.verdict === 'FAIL') ? 1 : 0;
  } finally {
    cleanUp.run();
  }
}

function readOptions(): Options | number {
  try {
    const options = parseOptions(process.argv.slice(2), root);
    if (options !== 'help') return options;
    console.log(usage);
    return 0;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
}

interface CleanUp {
  corpus: Corpus | undefined;
  context: BenchContext | undefined;
  run(): void;
}

/** Ends services and mounts and removes the working directory, also when interrupted. */
function createCleanUp(work: string, options: Options): CleanUp {
  const cleanUp: CleanUp = {
    corpus: undefined,
    context: undefined,
    run() {
      endRunningCommand();
      cleanUp.context?.dispose();
      cleanUp.corpus?.dispose();
      detachAllBelow(work);
      if (!options.keepsWork) {
        // A compiler that was killed a moment ago may still have closed no file.
        rmSync(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
      }
    },
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      cleanUp.run();
      process.exit(130);
    });
  }
  return cleanUp;
}

/** A scenario that throws becomes a failed row; the others still run. */
async function runScenarios(context: BenchContext): Promise<void> {
  for (const [name, measure] of Object.entries(scenarios)) {
    if (!context.options.scenarios.has(name as ScenarioName)) continue;
    console.error(`-- ${name}`);
    try {
      await measure(context);
    } catch (error) {
      const measured =
        error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error);
      const what = `${name}: ended with an error`;
      context.addRow({ scenario: name, what, against: '–', bar: '–', measured, verdict: 'FAIL' });
    }
  }
}

function announce(row: Row): void {
  console.error(`${row.verdict.padEnd(5)} ${row.what} [${row.bar}] ${row.measured}`);
}

function createReport(context: BenchContext, startedAt: Date): Report {
  const { options, corpus, work } = context;
  return {
    version: 1,
    startedAt: startedAt.toISOString(),
    minutes: Math.round((Date.now() - startedAt.getTime()) / 6_000) / 10,
    environment: {
      corpus: `${options.isQuick ? 'small' : 'full'} (${corpus.lockedPackages} packages)`,
      runs: options.runs,
      processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
      memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
      'file system': fileSystemName(work),
      kernel: release(),
      'page reclaim': describePageReclaim(),
      node: process.version,
      cargo: runCaptured(['cargo', '--version'])
        .trim()
        .replace(/^cargo /, ''),
      sccache: SccacheServer.isInstalled()
        ? SccacheServer.version().replace(/^sccache /, '')
        : sccacheHint,
    },
    rows: context.rows,
  };
}

function publish(report: Report, options: Options): void {
  const results = join(root, 'bench/results');
  mkdirSync(results, { recursive: true });
  const temporary = join(results, 'partial.tmp');
  writeFileSync(temporary, `${JSON.stringify(report, undefined, 2)}\n`);
  if (isComplete(options)) renameSync(temporary, join(results, 'latest.json'));
  const table = formatTable(report);
  console.log(table);
  if (options.writesReadme) writeReadmeTable(join(root, 'README.md'), table);
}

/** Only such a run replaces the published results; any other leaves its own in `partial.tmp`. */
function isComplete(options: Options): boolean {
  const isAll = options.scenarios.size === Object.keys(scenarios).length;
  return isAll && !options.isQuick && !options.isNativeOnly;
}
