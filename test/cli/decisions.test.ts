/** `stats` and `explain` as people read them. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeBuild } from '../../src/cli/render-decisions.js';
import type { ControlHandlers, ControlServer } from '../../src/service/control/control-server.js';
import type { BuildRow, Decision, StatsResult } from '../../src/service/control/protocol.js';
import { runOnTerminal, serveMethods, type Finished } from './command-line.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let server: ControlServer | undefined;
const savedHome = process.env['XCACHE_HOME'];

beforeEach(async () => {
  directory = await createTempDirectory();
  process.env['XCACHE_HOME'] = join(directory.path, 'home');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  if (savedHome === undefined) delete process.env['XCACHE_HOME'];
  else process.env['XCACHE_HOME'] = savedHome;
  await directory[Symbol.asyncDispose]();
});

async function run(...argv: readonly string[]): Promise<Finished> {
  return await runOnTerminal(argv);
}

/** In place of what was served before. */
async function serve(handlers: Partial<ControlHandlers>): Promise<void> {
  await server?.close();
  server = await serveMethods(handlers);
}

const unitCounts: StatsResult['units'] = {
  served: 0,
  missed: 0,
  missedSharable: 0,
  missedOwn: 0,
  missedUndecided: 0,
  verified: 0,
  differed: 0,
  hitRate: null,
  promoted: 5,
  refused: 6,
  savedMs: 0,
};

const build: BuildRow = {
  build: '42:777 /ws/target',
  directory: '/ws/target',
  workspace: '/ws',
  startedMs: 0,
  endedMs: 0,
  profiles: ['debug'],
  units: 0,
  served: 0,
  compiled: 0,
  missed: 0,
  own: 0,
  notServed: 0,
  undecided: 0,
};

interface Why {
  readonly reason: string;
  readonly message: string;
}

function decision(outcome: Decision['outcome'], name: string, why: Why): Decision {
  return {
    atMs: 0,
    directory: '/ws/target',
    workspace: '/ws',
    build: build.build,
    unit: `debug/${name}-0123456789abcdef`,
    package: name,
    unitHash: '0123456789abcdef',
    outcome,
    ...why,
    isOwn: null,
    became: null,
  };
}

const stored: Decision['became'] = { outcome: 'stored', reason: 'stored', message: 'stored' };

function keptPrivate(why: Why): Decision['became'] {
  return { outcome: 'kept-private', ...why };
}

describe('stats', () => {
  test('stats shows bytes and rates for people', async () => {
    await serve({
      stats: () =>
        Promise.resolve({
          version: 1,
          store: { units: 1234, blobs: 1, physicalBytes: 2 ** 30, logicalBytes: 3 * 2 ** 30 },
          units: { ...unitCounts, served: 3, missedSharable: 1, hitRate: 0.75, savedMs: 200_000 },
          lastBuild: null,
        }),
    });
    const { out } = await run('stats');
    for (const part of ['1,234', '1.0 GiB', '3.0 GiB', '75 % of the 4', '3 min 20 s']) {
      expect(out).toContain(part);
    }
    expect(out).not.toContain('undecided');
  });

  test.each([
    [999, 1, '99 % of the 1,000'],
    [1000, 0, '100 % of the 1,000'],
    [0, 2, '0 % of the 2'],
  ])('%i units served and %i missed are %s', async (served, missedSharable, text) => {
    const hitRate = served / (served + missedSharable);
    const counts = { ...unitCounts, served, missedSharable, missedOwn: 7, missedUndecided: 5 };
    const store = { units: 0, blobs: 0, physicalBytes: 0, logicalBytes: 0 };
    await serve({
      stats: () =>
        Promise.resolve({ version: 1, store, units: { ...counts, hitRate }, lastBuild: null }),
    });
    const { out } = await run('stats');
    expect(out).toContain(text);
    expect(out).toMatch(/own +7 /);
    expect(out).toMatch(/undecided +5 /);
  });

  test('stats has no rate where nothing could have been served', async () => {
    const store = { units: 0, blobs: 0, physicalBytes: 0, logicalBytes: 0 };
    const lastBuild = { ...build, units: 2, compiled: 2, own: 2 };
    const result = { version: 1, store, units: unitCounts, lastBuild } as const;
    await serve({ stats: () => Promise.resolve(result) });
    expect((await run('stats')).out).not.toContain('%');
  });

  test('stats shows a last build that missed nothing as 100 %, whatever was before', async () => {
    const units = { ...unitCounts, served: 4, missedSharable: 4, hitRate: 0.5 };
    const store = { units: 0, blobs: 0, physicalBytes: 0, logicalBytes: 0 };
    const lastBuild = { ...build, units: 9, served: 4, compiled: 5, own: 5 };
    await serve({ stats: () => Promise.resolve({ version: 1, store, units, lastBuild }) });
    const { out } = await run('stats');
    expect(out).toContain('4 (50 % of the 8 that could be shared)');
    expect(out).toMatch(/last build of .* in \/ws\n +served +4 \(100 % of the 4 /);
  });
});

describe('explain', () => {
  test('explain asks about the workspace of its working directory, or about all', async () => {
    const asked: unknown[] = [];
    await serve({
      explain: (params) => {
        asked.push(params);
        return Promise.resolve({ version: 1, workspace: '/ws', builds: [], decisions: [] });
      },
    });
    await run('explain', 'serde', '--last');
    await run('explain');
    await run('explain', '--all');
    const here = { directory: process.cwd() };
    expect(asked).toEqual([{ ...here, unit: 'serde' }, here, { ...here, all: true }]);
    const wrong = await run('explain', '--last', '--all');
    expect(wrong).toMatchObject({ code: 2, out: '' });
    expect(wrong.err).toContain('--last');
  });

  test('explain begins with the sum of the build, and shows first what could be served', async () => {
    const own = { reason: 'binary', message: 'programs stay in their workspace' };
    const fault = { reason: 'environment-differs', message: 'CC is clang here and was gcc there' };
    const decisions = [
      decision('served', 'itoa', { reason: 'served', message: 'an equal unit is in the store' }),
      { ...decision('compiled', 'app', own), isOwn: true, became: keptPrivate(own) },
      { ...decision('compiled', 'serde', fault), isOwn: false, became: stored },
    ];
    const built = { ...build, units: 3, served: 1, compiled: 2, own: 1, notServed: 1 };
    await serve({
      explain: () => Promise.resolve({ version: 1, workspace: '/ws', builds: [built], decisions }),
    });
    const { out } = await run('explain');
    const [head, sum, ...rows] = out.split('\n');
    expect(head).toMatch(/^build of \d{4}-\d\d-\d\d \d\d:\d\d in \/ws, debug$/);
    expect(sum).toBe(
      "3 units: 1 served, 2 compiled: 1 is this workspace's own, 1 could not be served: see below",
    );
    expect(rows.map((row) => row.trim())).toEqual([
      'compiled  debug/serde-0123456789abcdef',
      'CC is clang here and was gcc there [environment-differs]; stored now',
      'compiled  debug/app-0123456789abcdef',
      'programs stay in their workspace [binary]',
      'served    debug/itoa-0123456789abcdef',
      'an equal unit is in the store [served]',
    ]);
  });

  test.each([
    [{ units: 25, served: 25 }, '25 units: 25 served, 0 compiled'],
    [
      { units: 34, served: 25, compiled: 9, own: 9 },
      "34 units: 25 served, 9 compiled: all 9 are this workspace's own",
    ],
    [{ units: 1, compiled: 1, own: 1 }, "1 unit: 0 served, 1 compiled: 1 is this workspace's own"],
    [
      { units: 9, compiled: 7, missed: 2, own: 3, notServed: 3, undecided: 1 },
      "9 units: 0 served, 7 compiled, 2 not compiled to the end: 3 are this workspace's own, " +
        '3 could not be served: see below, 1 not looked at yet',
    ],
    [{ units: 2, served: 1, missed: 1 }, '2 units: 1 served, 1 not compiled to the end'],
  ])('explain sums %o up', (counts, text) => {
    expect(describeBuild({ ...build, ...counts })).toBe(text);
  });

  test('explain names the workspace where another one is shown', async () => {
    const why = { reason: 'served', message: 'an equal unit is in the store' };
    const decisions = [decision('served', 'itoa', why)];
    let workspace: string | null = null;
    const builds = [{ ...build, units: 1, served: 1 }];
    await serve({ explain: () => Promise.resolve({ version: 1, workspace, builds, decisions }) });
    expect((await run('explain')).out).toContain('/ws, debug (this directory is in no known');
    expect((await run('explain', '--all')).out).not.toContain('(');
    workspace = '/other';
    expect((await run('explain', 'itoa')).out).toContain('/ws, debug (another workspace)');
  });

  test('explain says in one sentence that there is nothing to explain', async () => {
    let workspace: string | null = null;
    await serve({
      explain: () => Promise.resolve({ version: 1, workspace, builds: [], decisions: [] }),
    });
    const unknown = await run('explain', 'no-such-package');
    expect(unknown).toMatchObject({ code: 0, err: '' });
    expect(unknown.out).toMatch(/^no unit no-such-package was asked for or built .*$/);
    expect((await run('explain')).out).toMatch(/^no build is remembered.*$/);
    workspace = '/ws';
    expect((await run('explain')).out).toMatch(/^no build of \/ws is remembered.*$/);
  });
});
