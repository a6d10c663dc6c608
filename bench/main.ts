/** `npm run bench`: measures xcache against plain cargo, a shared target directory and sccache. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';

import { BenchContext, fileSystemName } from './bench-context.js';
import { createCorpus, type Corpus } from './corpus.js';
import { parseOptions, scenarioNames, usage, type Options, type ScenarioName } from './options.js';
import { describePageReclaim } from './page-reclaim.js';
import { formatTable, writeReadmeTable, type Environment, type RunFacts } from './report.js';
import { Results } from './results.js';
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
    const environment = describeEnvironment(options, corpus, work);
    const results = openResults(options, { startedAt: startedAt.toISOString(), environment });
    const context = new BenchContext(options, work, corpus, (row) => {
      console.error(`${row.verdict.padEnd(5)} ${row.what} [${row.bar}] ${row.measured}`);
      results.add(row);
    });
    cleanUp.context = context;
    await runScenarios(context, results);
    const table = formatTable(results.rows);
    console.log(table);
    if (options.writesReadme) writeReadmeTable(join(root, 'README.md'), table);
    return context.rows.some((row) => row.verdict === 'FAIL') ? 1 : 0;
  } finally {
    cleanUp.run();
  }
}

/** Of the whole corpus on all sides the results are kept, so that scenarios can be run in parts. */
function openResults(options: Options, run: RunFacts): Results {
  const isKept = !options.isQuick && !options.isNativeOnly;
  return new Results(
    isKept ? join(root, 'bench/results/latest.json') : undefined,
    scenarioNames,
    run,
  );
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
async function runScenarios(context: BenchContext, results: Results): Promise<void> {
  for (const name of scenarioNames) {
    if (!context.options.scenarios.has(name)) continue;
    console.error(`-- ${name}`);
    try {
      await scenarios[name](context);
    } catch (error) {
      const measured =
        error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error);
      const what = `${name}: ended with an error`;
      context.addRow({ scenario: name, what, against: '–', bar: '–', measured, verdict: 'FAIL' });
    }
    results.complete(name);
  }
}

function describeEnvironment(options: Options, corpus: Corpus, work: string): Environment {
  return {
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
  };
}
