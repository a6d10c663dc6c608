/** What a day has cost: measured from outside of the service. */
import { readdirSync, readFileSync } from 'node:fs';
import { open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { World } from '../support/world.js';
import { talk } from '../torture/service-process.js';

/** Microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface DayGauge {
  readonly day: number;
  readonly rssBytes: number;
  readonly fds: number;
  /** What the workspaces' own layers take on disk. */
  readonly upperBytes: number;
  readonly storeBytes: number;
  readonly views: number;
  /** Of one open with creation, write, stat, open with read, or unlink. */
  readonly latency: Latency;
}

/** Rounds of five operations; a p99 over fewer would be a single outlier. */
const roundsOfOperations = 200;

/** Measures the running service; the operations go to a file in `directory`, which is mounted. */
export async function gaugeDay(world: World, day: number, directory: string): Promise<DayGauge> {
  const latency = await measureOperations(join(directory, 'gauge'));
  const { views } = await talk(world, async (it) => await it.request('views', { withSizes: true }));
  const { store } = await talk(world, async (it) => await it.request('stats', {}));
  const pid = await world.servicePid();
  if (pid === undefined) throw new Error('the service does not run');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    day,
    rssBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024,
    fds: readdirSync(`/proc/${pid}/fd`).length,
    upperBytes: views.reduce((sum, { ownBytes }) => sum + (ownBytes ?? 0), 0),
    storeBytes: store.physicalBytes,
    views: views.length,
    latency,
  };
}

async function measureOperations(path: string): Promise<Latency> {
  const times: number[] = [];
  const timed = async <T>(act: Promise<T>, beganMs: number): Promise<T> => {
    const result = await act;
    times.push((performance.now() - beganMs) * 1_000);
    return result;
  };
  const bytes = Buffer.alloc(1_024, 'x');
  for (let round = 0; round < roundsOfOperations; round += 1) {
    const file = await timed(open(path, 'w'), performance.now());
    await timed(file.write(bytes, 0, bytes.length, 0), performance.now());
    await file.close();
    await timed(stat(path), performance.now());
    const again = await timed(open(path, 'r'), performance.now());
    await timed(again.read(Buffer.alloc(1_024), 0, 1_024, 0), performance.now());
    await again.close();
    await timed(unlink(path), performance.now());
  }
  times.sort((one, other) => one - other);
  const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
  return { p50: at(0.5), p99: at(0.99) };
}

/** One line of the day, for people. */
export function describeDay(gauge: DayGauge): string {
  const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  const { day, rssBytes, fds, upperBytes, storeBytes, views, latency } = gauge;
  return (
    `soak: day ${day}: service ${mib(rssBytes)}, ${fds} fds, ${views} views with ${mib(upperBytes)} ` +
    `of their own, store ${mib(storeBytes)}, operations p50 ${latency.p50} µs, p99 ${latency.p99} µs`
  );
}
