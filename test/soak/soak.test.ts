/**
 * Developer-days in a row on one service: nothing may grow without end, and no operation may
 * become slow. `npm test` has one short day, `npm run soak` 24; XCACHE_SOAK_DAYS says how many.
 */
import { expect, test } from 'vitest';
import { describeEndToEnd } from '../support/world.js';
import { randomOf } from '../torture/random.js';
import { talk } from '../torture/service-process.js';
import { Developer } from './developer.js';
import { describeDay, gaugeDay, type DayGauge } from './gauge.js';

const days = Number(process.env['XCACHE_SOAK_DAYS'] ?? 1);
const seed = Number(process.env['XCACHE_SOAK_SEED'] ?? Date.now() % 1_000_000);
const isShort = days < 2;

/** Units of about eleven days; a workspace that was cleaned holds none. */
const budgetBytes = 60 << 20;
/** The budget and what comes on top of it between two collections. */
const storeBytesMax = 90 << 20;
const rssBytesMax = 250 << 20;
/** Everything is cleaned in this rhythm. */
const cleanEveryDays = 3;
/**
 * The service is restarted, and killed, after the first third: what grows in one life of it must
 * have time to show in the last one.
 */
const restartAfterDay = Math.floor(days / 3);
const killAfterDay = restartAfterDay + 2;

describeEndToEnd(`a service for ${days} days (seed ${seed})`, () => {
  test('grows neither in memory nor on disk, and stays as fast as it was', async () => {
    const random = randomOf(seed);
    await using developer = await Developer.begin(isShort ? 2 : 3, random);
    const gauges: DayGauge[] = [];
    for (let day = 1; day <= days; day += 1) gauges.push(await liveThrough(developer, day));
    expect(growthIn(gauges)).toEqual([]);
  }, 7_200_000);
});

async function liveThrough(developer: Developer, day: number): Promise<DayGauge> {
  const { world } = developer;
  developer.updateCompiler(day);
  await developer.edit(isShort ? 1 : 6);
  await developer.switchBranches();
  await developer.renewWorktree();
  await developer.cleanOne();
  expect(await developer.finish()).toEqual([]);
  const gauge = await gaugeDay(world, day, developer.buildDir);
  console.log(describeDay(gauge));
  if (!isShort && (day === restartAfterDay || day === killAfterDay)) {
    if (day === killAfterDay) await world.killService();
    await world.xcacheJson('service', day === killAfterDay ? 'start' : 'restart');
    expect(await developer.finish()).toEqual([]);
  }
  if (isShort || day % cleanEveryDays === 0) {
    await developer.cleanAll();
    await expectWithinBudget(developer);
  }
  const { problems } = await world.verify();
  expect(problems.filter(({ kind }) => kind !== 'blob-orphan')).toEqual([]);
  return gauge;
}

/** With nothing in use, clean-up keeps what it was told to keep. */
async function expectWithinBudget({ world }: Developer): Promise<void> {
  await talk(
    world,
    async (it) => await it.request('gc', { dryRun: false, maxSizeBytes: budgetBytes }),
  );
  const { store } = await world.stats();
  expect(store.physicalBytes).toBeLessThanOrEqual(budgetBytes);
}

/** Compares late days with early ones; each bound leaves room for a loaded machine. */
function growthIn(gauges: readonly DayGauge[]): readonly string[] {
  const third = Math.floor(gauges.length / 3);
  const growth = gauges
    .filter(({ rssBytes, storeBytes }) => rssBytes > rssBytesMax || storeBytes > storeBytesMax)
    .map(
      ({ day, rssBytes, storeBytes }) =>
        `day ${day}: the service has ${rssBytes} bytes, the store ${storeBytes}`,
    );
  if (third < 2) return growth;
  const bounds: readonly (readonly [string, (gauge: DayGauge) => number, number, number])[] = [
    ['resident bytes', ({ rssBytes }) => rssBytes, 1.25, 20 << 20],
    ['file descriptors', ({ fds }) => fds, 1, 20],
    ['views', ({ views }) => views, 1, 0],
    ['bytes of upper layers', ({ upperBytes }) => upperBytes, 1.25, 4 << 20],
    ['p50 in µs', ({ latency }) => latency.p50, 2, 100],
    ['p99 in µs', ({ latency }) => latency.p99, 3, 2_000],
  ];
  for (const [name, valueOf, factor, more] of bounds) {
    const early = median(gauges.slice(0, third).map(valueOf));
    const late = median(gauges.slice(-third).map(valueOf));
    const message = `${name}: ${early} in early days, ${late} in late ones`;
    console.log(`soak: ${message}`);
    if (late > early * factor + more) growth.push(message);
  }
  return growth;
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
}
