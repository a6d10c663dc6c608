/** Packages that are built by, or for, a tool of the machine: CMake, an interpreter of Python. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { otherPath, printing, type ProofCase, type Scene, type Setting } from './proof-case.js';
import { comparableLink } from './run-case.js';

function missingCMake(): string | undefined {
  return spawnSync('cmake', ['--version']).status === 0 ? undefined : 'there is no CMake';
}

interface Interpreter {
  readonly version: string;
  readonly prefix: string;
}

/** Those of pyenv that a program can be linked with. */
function interpreters(): readonly Interpreter[] {
  const versions = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  const names = existsSync(versions) ? readdirSync(versions) : [];
  return names.flatMap((version) => {
    const minor = Number(/^3\.(\d+)\.\d+$/.exec(version)?.[1]);
    const prefix = join(versions, version);
    return minor >= 9 && existsSync(join(prefix, `lib/libpython3.${minor}.so`))
      ? [{ version, prefix }]
      : [];
  });
}

function missingInterpreters(): string | undefined {
  return interpreters().length >= 2 ? undefined : 'there are no two interpreters of pyenv';
}

function missingShims(): string | undefined {
  const { stdout } = spawnSync('which', ['python'], { encoding: 'utf8' });
  return missingInterpreters() ?? (stdout.includes('shims') ? undefined : 'pyenv is not on PATH');
}

/** How a user chooses an interpreter. */
const choosing = {
  PYO3_PYTHON: ({ prefix }: Interpreter) => ({ PYO3_PYTHON: join(prefix, 'bin/python') }),
  PATH: ({ prefix }: Interpreter) => ({ PATH: `${prefix}/bin:${process.env['PATH'] ?? ''}` }),
  PYENV_VERSION: ({ version }: Interpreter) => ({ PYENV_VERSION: version }),
} as const;

/** Built for the last of the interpreters, which the program finds when it runs. */
function pyo3(variable: keyof typeof choosing): Record<'here' | 'other', Setting> {
  const [last, other] = [interpreters().at(-1), interpreters().at(-2)];
  if (last === undefined || other === undefined) throw new Error('no interpreters');
  const setting = {
    dependencies: { pyo3: '{ version = "=0.29.3", features = ["auto-initialize"] }' },
    files: {
      ...printing(['pyo3::Python::attach(|python| pyo3::Python::version(python).to_string())']),
      'build.rs': comparableLink(`-Wl,-rpath,${last.prefix}/lib`),
    },
  };
  const choose = choosing[variable];
  return {
    here: { ...setting, env: choose(last) },
    other: { ...setting, env: choose(other) },
  };
}

/** What pyo3 makes for one interpreter. */
const ofInterpreter = ['pyo3', 'pyo3 run', 'pyo3-ffi', 'pyo3-ffi run'];

const pythonCases = (['PYO3_PYTHON', 'PATH', 'PYENV_VERSION'] as const).map(
  (variable): ProofCase => ({
    name: `the store was filled for another interpreter, by ${variable} (pyo3)`,
    group: 'heavy',
    missing: variable === 'PYENV_VERSION' ? missingShims : missingInterpreters,
    setup: (): Scene => {
      const { here, other } = pyo3(variable);
      return {
        app: here,
        origins: [other],
        built: ofInterpreter,
        served: ['pyo3-build-config', 'pyo3-macros', 'syn'],
      };
    },
  }),
);

export const toolCases: readonly ProofCase[] = [
  ...pythonCases,
  {
    name: 'the store was filled for another interpreter after this one (pyo3)',
    group: 'heavy',
    missing: missingInterpreters,
    setup: (): Scene => {
      const { here, other } = pyo3('PATH');
      return { app: here, origins: [here, other], built: [], served: ['pyo3', 'pyo3-ffi'] };
    },
  },
  {
    name: 'a compressor is built by CMake (libz-ng-sys)',
    group: 'heavy',
    missing: missingCMake,
    setup: (): Scene => {
      const app = {
        dependencies: { 'libz-ng-sys': '=1.1.33' },
        files: printing(['unsafe { libz_ng_sys::zlibCompileFlags() } & 3']),
      };
      // CMake's logs in OUT_DIR name it in ways that are not written anew for another one (rule 12).
      const built = ['libz-ng-sys', 'libz-ng-sys run'];
      return { app, origins: [app], built, served: ['libz-ng-sys build-script', 'cmake'] };
    },
  },
  {
    name: 'a client in C is configured and built by CMake (rdkafka-sys)',
    group: 'heavy',
    missing: missingCMake,
    setup: () =>
      otherPath(
        {
          dependencies: {
            'rdkafka-sys': '{ version = "=4.10.0", features = ["cmake-build"] }',
          },
          files: printing(['unsafe { rdkafka_sys::rd_kafka_version() } >> 24']),
        },
        ['rdkafka-sys', 'rdkafka-sys build-script', 'cmake', 'libz-sys'],
      ),
  },
];
