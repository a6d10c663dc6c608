/** Runs cargo and reads what it did: which units it compiled, which scripts it ran, and why. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface CargoRun {
  readonly exitCode: number | null;
  /** Set where a signal ended cargo. */
  readonly signal: NodeJS.Signals | null;
  /**
   * One entry for each process that cargo ran to completion: `itoa` for a library, macro or program
   * of that crate, `itoa build-script` for the compilation of its script, `itoa run` for the run.
   */
  readonly compiled: readonly string[];
  /** The same labels for what cargo found up to date (a fresh script run is not to be seen). */
  readonly fresh: readonly string[];
  readonly dirty: readonly { readonly package: string; readonly reason: string }[];
  readonly stdout: string;
  readonly stderr: string;
}

export interface CargoOptions {
  /** For cargo, over the world's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Words before `cargo`, e.g. `unshare -m`. */
  readonly prefix?: readonly string[];
  /** Is given the process while it runs, e.g. to kill it; it leads a process group of its own. */
  readonly whileRunning?: (child: ChildProcess) => Promise<void>;
}

/** From cargo 1.100 on the classic layout has to be asked for (`workspace/features.rs`). */
export const classicLayout: Readonly<Record<string, string>> = {
  __CARGO_TEMPORARY_BUILD_DIR_NEW_LAYOUT_OPT_OUT: '1',
};

/** The per-unit layout, whatever the version of cargo. */
export const perUnitLayout: {
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
} = {
  env: { RUSTC_BOOTSTRAP: '1', __CARGO_TEMPORARY_BUILD_DIR_NEW_LAYOUT_OPT_OUT: '0' },
  args: ['-Zbuild-dir-new-layout'],
};

/** Commands that print JSON messages about units. */
const building = new Set(['build', 'check', 'test', 'bench', 'clippy', 'rustc']);

/** Runs one cargo command to its end and never throws for its exit code. */
export async function runCargo(
  command: string,
  options: CargoOptions & { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<CargoRun> {
  const reporting = building.has(command)
    ? [
        '-v',
        '--message-format=json-render-diagnostics',
        ...(command === 'test' ? ['--no-run'] : []),
      ]
    : [];
  const argv = [...(options.prefix ?? []), 'cargo', command, ...reporting, ...(options.args ?? [])];
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = Promise.all([text(child.stdout), text(child.stderr)]);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  await options.whileRunning?.(child);
  const [[exitCode, signal], [stdout, stderr]] = await Promise.all([closed, texts]);
  return { exitCode, signal, ...parseRun(stdout, stderr), stdout, stderr };
}

interface ArtifactMessage {
  readonly reason: string;
  readonly fresh: boolean;
  readonly target: { readonly name: string; readonly kind: readonly string[] };
  readonly package_id: string;
}

function parseRun(stdout: string, stderr: string): Pick<CargoRun, 'compiled' | 'fresh' | 'dirty'> {
  const compiled: string[] = [];
  const fresh: string[] = [];
  for (const line of stdout.split('\n')) {
    if (!line.startsWith('{')) continue;
    const message = JSON.parse(line) as ArtifactMessage;
    if (message.reason !== 'compiler-artifact') continue;
    const isScript = message.target.kind.includes('custom-build');
    const name = packageName(message.package_id, message.target.name);
    (message.fresh ? fresh : compiled).push(isScript ? `${name} build-script` : name);
  }
  const dirty: { package: string; reason: string }[] = [];
  for (const line of stderr.split('\n')) {
    // Cargo prints `Running` for each process that it starts.
    const script = /^ +Running `.*\/build\/([^/]+)\/(?:[0-9a-f]{16}\/out\/)?build[-_]script/.exec(
      line,
    )?.[1];
    if (script !== undefined && !line.includes('rustc --crate-name')) {
      compiled.push(`${script.replace(/-[0-9a-f]{16}$/, '')} run`);
    }
    const reason = /^ +Dirty (\S+) v\S+(?: \([^)]*\))*: (.*)$/.exec(line);
    if (reason) dirty.push({ package: reason[1] ?? '', reason: reason[2] ?? '' });
  }
  return { compiled: compiled.sort(), fresh: fresh.sort(), dirty };
}

/** `path+file:///w/app#0.1.0` or `registry+…#itoa@1.0.0`; the first names no package. */
function packageName(id: string, targetName: string): string {
  const tail = id.slice(id.indexOf('#') + 1);
  const at = tail.lastIndexOf('@');
  if (at > 0) return tail.slice(0, at);
  const directory = /([^/?]+)(?:\?[^#]*)?#/.exec(id)?.[1];
  return directory ?? targetName;
}
