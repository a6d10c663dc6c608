/** One xcache service with its own XCACHE_HOME, driven through the command line only. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { plainEnvironment } from './cargo-run.js';
import { runCaptured } from './run-command.js';

export type Driver = 'direct' | 'fuse-native-fast' | 'fuse-native-safe';

const driverArguments: Record<Driver, readonly string[]> = {
  direct: ['--driver', 'direct'],
  'fuse-native-fast': ['--driver', 'fuse-native'],
  'fuse-native-safe': ['--driver', 'fuse-native', '--safe'],
};

/** Longest wait for promotions; a store that takes longer has to be looked at, not waited for. */
const settleMs = 300_000;

export interface ServiceStatistics {
  readonly store: {
    readonly units: number;
    readonly blobs: number;
    readonly physicalBytes: number;
    readonly logicalBytes: number;
  };
  readonly units: { readonly served: number; readonly missed: number; readonly promoted: number };
}

export interface ServiceMemory {
  /** Resident bytes of the service and its child processes. */
  readonly residentBytes: number;
  /** The highest that `residentBytes` of the service process itself ever was. */
  readonly peakBytes: number;
}

export class XcacheClient {
  readonly home: string;
  readonly #program: readonly string[];
  readonly #mounted = new Set<string>();
  #isDisposed = false;

  /** Makes `home`; the service starts with the first command. Call `dispose` to end it. */
  constructor(program: readonly string[], home: string) {
    this.home = home;
    this.#program = program;
    mkdirSync(home, { recursive: true, mode: 0o700 });
  }

  /** Makes `directory` where it is missing and mounts it. */
  mount(directory: string, driver: Driver = 'direct'): void {
    mkdirSync(directory, { recursive: true });
    this.#mounted.add(directory);
    this.#run('mount', directory, ...driverArguments[driver]);
    if (!isMountPoint(directory))
      throw new Error(`xcache mount said yes, but ${directory} is no mount`);
  }

  unmount(directory: string): void {
    this.#run('unmount', directory);
    this.#mounted.delete(directory);
  }

  /** Starts the service before something is timed that should not contain its start. */
  start(): void {
    this.#run('service', 'start');
  }

  stop(): void {
    this.#run('service', 'stop');
  }

  processId(): number {
    const status = this.#json('service', 'status') as { readonly pid?: unknown };
    if (typeof status.pid !== 'number') throw new Error('service status --json names no pid');
    return status.pid;
  }

  statistics(): ServiceStatistics {
    return this.#json('stats') as ServiceStatistics;
  }

  /**
   * Waits until nothing waits for promotion, asking twice because a unit is only counted once
   * the service has noticed it. Returns the seconds until the first answer that said so.
   */
  async settle(): Promise<number> {
    const startMs = performance.now();
    let settledMs: number | undefined;
    for (;;) {
      const { pendingUnits } = this.#json('status') as { readonly pendingUnits?: unknown };
      if (typeof pendingUnits !== 'number') throw new Error('status --json has no pendingUnits');
      if (pendingUnits === 0 && settledMs !== undefined) return (settledMs - startMs) / 1000;
      settledMs = pendingUnits === 0 ? performance.now() : undefined;
      if (performance.now() - startMs > settleMs) {
        throw new Error(`${pendingUnits} units still wait for promotion after ${settleMs} ms`);
      }
      await delay(100);
    }
  }

  memory(): ServiceMemory {
    const service = this.processId();
    const family = [service, ...descendants(service)];
    const residentBytes = family.reduce((sum, pid) => sum + statusBytes(pid, 'VmRSS'), 0);
    return { residentBytes, peakBytes: statusBytes(service, 'VmHWM') };
  }

  /** `kill -9`, and waits for the process to be gone; the mounts stay behind dead. */
  async kill(): Promise<void> {
    const service = this.processId();
    process.kill(service, 'SIGKILL');
    while (isAlive(service)) await delay(10);
  }

  /** Unmounts everything and stops the service, by force where it does not answer. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    let service: number | undefined;
    try {
      service = existsSync(this.home) ? this.processId() : undefined;
      for (const directory of this.#mounted) this.unmount(directory);
      this.stop();
    } catch {
      // What does not end by itself is ended by force below.
    }
    for (const directory of this.#mounted) {
      if (isMountPoint(directory)) detach(directory);
    }
    if (service !== undefined && isAlive(service)) process.kill(service, 'SIGKILL');
  }

  #json(...command: readonly string[]): unknown {
    return JSON.parse(this.#run(...command, '--json'));
  }

  #run(...command: readonly string[]): string {
    const env = plainEnvironment({ XCACHE_HOME: this.home });
    return runCaptured([...this.#program, ...command], { env, cwd: '/' });
  }
}

/** Reads the kernel's table instead of the directory: a dead mount would answer with an error. */
export function isMountPoint(directory: string): boolean {
  return mountPoints().includes(directory);
}

function mountPoints(): readonly string[] {
  const table = readFileSync('/proc/self/mounts', 'utf8');
  const unescape = (text: string): string =>
    text.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
  return table.split('\n').map((line) => unescape(line.split(' ')[1] ?? ''));
}

/** Takes a mount away even where its file system no longer answers. */
export function detach(directory: string): void {
  const commands = [
    ['fusermount3', '-uz', directory],
    ['umount', '-l', directory],
  ];
  for (const [program, ...rest] of commands) {
    if (spawnSync(program!, rest, { stdio: 'ignore' }).status === 0) return;
  }
}

/** Detaches whatever is still mounted below `directory`, so that it can be removed. */
export function detachAllBelow(directory: string): void {
  for (const point of mountPoints()) if (point.startsWith(`${directory}/`)) detach(point);
}

function isAlive(processId: number): boolean {
  try {
    // A zombie still has an entry, but no command line.
    return readFileSync(`/proc/${processId}/cmdline`).length > 0;
  } catch {
    return false;
  }
}

function descendants(parent: number): number[] {
  const children = readdirSync(`/proc/${parent}/task`).flatMap((task) =>
    readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function statusBytes(processId: number, field: string): number {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
