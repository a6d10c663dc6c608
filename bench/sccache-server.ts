/** An sccache server of our own: its own cache directory and its own port. */
import { createServer } from 'node:net';
import { mkdirSync } from 'node:fs';

import { plainEnvironment } from './cargo-run.js';
import { isInstalled, runCaptured } from './run-command.js';

export const sccacheHint = 'sccache is not installed; on Debian: apt-get install sccache';

interface Statistics {
  readonly stats: {
    readonly cache_hits: { readonly counts: Record<string, number> };
    readonly cache_misses: { readonly counts: Record<string, number> };
  };
}

export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
}

export class SccacheServer {
  /** For cargo: sccache as rustc wrapper, everything else as in the other measurements. */
  readonly env: NodeJS.ProcessEnv;

  private constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  static isInstalled(): boolean {
    return isInstalled('sccache');
  }

  static version(): string {
    return runCaptured(['sccache', '--version']).trim();
  }

  static async start(directory: string): Promise<SccacheServer> {
    mkdirSync(directory, { recursive: true });
    const env = plainEnvironment({
      RUSTC_WRAPPER: 'sccache',
      SCCACHE_DIR: directory,
      SCCACHE_SERVER_PORT: String(await freePort()),
      SCCACHE_IDLE_TIMEOUT: '0',
    });
    runCaptured(['sccache', '--start-server'], { env });
    return new SccacheServer(env);
  }

  zeroStatistics(): void {
    runCaptured(['sccache', '--zero-stats'], { env: this.env });
  }

  /** Hits and misses over all languages since the last `zeroStatistics`. */
  counts(): CacheCounts {
    const text = runCaptured(['sccache', '--show-stats', '--stats-format', 'json'], {
      env: this.env,
    });
    const { stats } = JSON.parse(text) as Statistics;
    const sum = (counts: Record<string, number>): number =>
      Object.values(counts).reduce((total, count) => total + count, 0);
    return { hits: sum(stats.cache_hits.counts), misses: sum(stats.cache_misses.counts) };
  }

  dispose(): void {
    runCaptured(['sccache', '--stop-server'], { env: this.env });
  }
}

/** A port that was free a moment ago; sccache takes a number only. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
