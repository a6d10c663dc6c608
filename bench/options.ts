/** The command line of the benchmark. */
import { parseArgs } from 'node:util';

/** In the order of running: `memory` wants the stores of those before it, `remount` kills one. */
export const scenarioNames = [
  'noop',
  'touch',
  'fuse-native',
  'second',
  'cold',
  'disk',
  'memory',
  'remount',
  'bytes',
  'variants',
] as const;

export type ScenarioName = (typeof scenarioNames)[number];

export interface Options {
  /** Timed runs of each side of a long measurement; short ones make three times as many. */
  readonly runs: number;
  /** A corpus of a few crates, two runs, three workspaces: to work on the benchmark itself. */
  readonly isQuick: boolean;
  /** Measures only what needs no xcache: the native side, shared target directory, sccache. */
  readonly isNativeOnly: boolean;
  readonly scenarios: ReadonlySet<ScenarioName>;
  /** Parent of the directory that the benchmark makes and removes; should be on a real disk. */
  readonly workParent: string;
  /** Keep workspaces and logs for a look at them; mounts and processes are ended all the same. */
  readonly keepsWork: boolean;
  readonly writesReadme: boolean;
  /** The program to measure, as an argument vector. */
  readonly xcache: readonly string[];
}

export const usage: string = `usage: npm run bench -- [options]
  --runs N            timed runs of each side (default 5; short measurements make 3 N)
  --quick             small corpus and 2 runs, to develop the benchmark
  --only A,B          only these scenarios: ${scenarioNames.join(', ')}
  --native-only       measure only the sides that need no xcache
  --work-dir DIR      where to make the working directory (default /var/tmp)
  --keep              keep the working directory
  --write-readme      put the table into README.md between its markers
  --xcache PATH       the program to measure (default: dist/cli/main.js of this tree)`;

/** Reads the arguments; throws a plain Error with a sentence for the user. */
export function parseOptions(argv: readonly string[], root: string): Options | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      'native-only': { type: 'boolean', default: false },
      'work-dir': { type: 'string', default: '/var/tmp' },
      keep: { type: 'boolean', default: false },
      'write-readme': { type: 'boolean', default: false },
      xcache: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const runs = Number(values.runs ?? (values.quick ? '2' : '5'));
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a whole number from 1 on');
  return {
    runs,
    isQuick: values.quick,
    isNativeOnly: values['native-only'],
    scenarios: parseScenarios(values.only),
    workParent: values['work-dir'],
    keepsWork: values.keep,
    writesReadme: values['write-readme'],
    xcache:
      values.xcache === undefined
        ? [process.execPath, `${root}/dist/cli/main.js`]
        : [values.xcache],
  };
}

function parseScenarios(only: string | undefined): ReadonlySet<ScenarioName> {
  if (only === undefined) return new Set(scenarioNames);
  const wanted = only.split(',').map((name) => {
    const found = scenarioNames.find((known) => known === name.trim());
    if (found === undefined) throw new Error(`no scenario is called "${name}"`);
    return found;
  });
  return new Set(wanted);
}
