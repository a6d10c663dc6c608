/**
 * `kill -9` of the service at random moments, many times in one world. `npm test` tries a few,
 * `npm run torture` a thousand. README.md names the variables that repeat a run.
 */
import { afterAll, expect, test } from 'vitest';
import { nothingToDo } from '../e2e/lifecycle-support.js';
import { describeEndToEnd } from '../support/world.js';
import { Arena, type Place } from './arena.js';
import { killAt, moments, momentsAt, type Moment } from './moments.js';
import { randomOf } from './random.js';

const kills = Number(process.env['XCACHE_TORTURE_KILLS'] ?? 6);
const seed = Number(process.env['XCACHE_TORTURE_SEED'] ?? Date.now() % 1_000_000);
/** The number of the first kill: what comes before is left out when one is repeated. */
const firstKill = Number(process.env['XCACHE_TORTURE_FIRST'] ?? 1);
const chosen = chosenMoments(process.env['XCACHE_TORTURE_MOMENTS']);

/** Kills in one world: making one costs as much as several kills. */
const killsPerWorld = 20;

const counts = new Map<Moment, number>(chosen.map((moment) => [moment, 0]));
const violations: string[] = [];

describeEndToEnd(`a service that is killed (seed ${seed})`, () => {
  for (let from = firstKill; from < firstKill + kills; from += killsPerWorld) {
    const to = Math.min(from + killsPerWorld, firstKill + kills) - 1;
    test(`loses nothing and breaks nothing, kills ${from} to ${to}`, async () => {
      const found = await tortureWorld(from, to);
      violations.push(...found);
      if (kills > killsPerWorld) console.log(summary());
      expect(found).toEqual([]);
    }, 3_600_000);
  }
  afterAll(() => console.log(summary()));
});

function summary(): string {
  const byMoment = [...counts].map(([moment, count]) => `${moment} ${count}`).join(', ');
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return `torture: ${total} kills (${byMoment}), seed ${seed}, ${violations.length} violations`;
}

/** Plays kills by number, and takes a new world after a violation. */
async function tortureWorld(from: number, to: number): Promise<readonly string[]> {
  const found: string[] = [];
  const place: Place = Math.floor((from - 1) / killsPerWorld) % 2 === 0 ? 'target' : 'per-user';
  const possible = momentsAt(place).filter((moment) => chosen.includes(moment));
  if (possible.length === 0) return [];
  for (let number = from; number <= to;) {
    const arena = await Arena.open(place);
    try {
      for (let isWhole = true; isWhole && number <= to; number += 1) {
        const moment = possible[(number - from) % possible.length]!;
        const wrong = await killOnce(arena, moment, number);
        counts.set(moment, (counts.get(moment) ?? 0) + 1);
        found.push(...wrong);
        isWhole = wrong.length === 0;
        if (isWhole && number === to) found.push(...(await arena.problemsInTheEnd()));
      }
    } finally {
      await arena[Symbol.asyncDispose]();
    }
  }
  return found;
}

/** One kill and what was wrong afterwards. */
async function killOnce(arena: Arena, moment: Moment, number: number): Promise<string[]> {
  // By number, so that each kill can be repeated without the others.
  const random = randomOf(seed * 100_003 + number);
  const wrong: string[] = [];
  try {
    const aftermath = await killAt(moment, arena, random);
    await arena.start();
    wrong.push(...(await aftermath.losses()));
    for (const workspace of aftermath.builders) {
      await arena.build(workspace);
      await arena.settled();
      const again = await arena.build(workspace);
      if (again.compiled.length > 0 || again.dirty.length > 0) {
        wrong.push(`the second build was none: ${again.compiled.join()} ${again.stderr}`);
      }
      expect(again).toMatchObject(nothingToDo);
    }
    wrong.push(...(await arena.problems()));
  } catch (error) {
    wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  if (wrong.length > 0) await tell(arena, moment, number, wrong);
  return wrong.map((what) => `kill ${number} (${moment}): ${what}`);
}

/** Says how to repeat it, at once: a long run may not come to its end. */
async function tell(
  arena: Arena,
  moment: Moment,
  number: number,
  wrong: readonly string[],
): Promise<void> {
  const log = (await arena.world.serviceLog()).split('\n').slice(-30).join('\n');
  console.error(
    `VIOLATION: kill ${number}, ${moment}, ${arena.place}; repeat with XCACHE_TORTURE_SEED=${seed} ` +
      `XCACHE_TORTURE_FIRST=${number} XCACHE_TORTURE_MOMENTS=${moment}\n${wrong.join('\n')}\n${log}`,
  );
}

function chosenMoments(words: string | undefined): readonly Moment[] {
  if (words === undefined) return moments;
  return words.split(',').map((word) => {
    const moment = moments.find((each) => each === word);
    if (moment === undefined) throw new Error(`XCACHE_TORTURE_MOMENTS: there is no ${word}`);
    return moment;
  });
}
