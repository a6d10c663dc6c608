import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DecisionLog } from '../../src/units/decisions.js';
import { reportDecisions } from '../../src/units/decision-report.js';
import type { UnitFacts } from '../../src/units/unit-facts.js';
import type { SessionSummary } from '../../src/service/control/protocol.js';
import { SessionLedger } from '../../src/views/session-summary.js';
import { ViewTally } from '../../src/views/view-tally.js';
import { formatFingerprintHash, type Fingerprint } from '../../src/cargo/fingerprint.js';
import type { UnitKind } from '../../src/cargo/fingerprint-name.js';
import type { UnitHash } from '../../src/cargo/layout.js';
import type { NamedUnit } from '../../src/units/unit-files.js';
import type { VirtualPath } from '../../src/base/byte-string.js';
import { createStoreWorld, type StoreWorld } from '../store/store-world.js';

const session = '42:777';
const id = 'a'.repeat(64);
const unknown = { reason: 'unknown-unit', message: 'no equal unit is in the store' };

let world: StoreWorld;
let decisions: DecisionLog;
let summaries: SessionSummary[];
let ledger: SessionLedger;
let tally: ViewTally;

beforeEach(async () => {
  world = await createStoreWorld();
  decisions = new DecisionLog();
  summaries = [];
  ledger = new SessionLedger({
    isRunning: () => false,
    ended: (summary) => void summaries.push(summary),
  });
  tally = new ViewTally(
    { store: world.store, decisions, sessions: ledger, isPaused: () => false },
    { directory: '/ws/target', workspace: undefined, isSettled: () => true },
  );
});

afterEach(async () => {
  ledger[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

function named(name: string): NamedUnit {
  const unitHash = Buffer.from(name).toString('hex').padEnd(16, '0').slice(0, 16) as UnitHash;
  const profilePath = 'debug' as VirtualPath;
  const unitKey = `debug#classic#${unitHash}`;
  return { layout: 'classic', profilePath, packageName: name, unitHash, unitKey };
}

function subject(name: string): { package: string; profilePath: string; unitHash: string } {
  return { package: name, profilePath: 'debug', unitHash: named(name).unitHash };
}

function facts(name: string, durationMs: number): UnitFacts {
  const { unitHash } = named(name);
  const built = { startedNs: '1', finishedNs: '2', durationMs, workingDirectory: null };
  return {
    ...{
      version: 2,
      identity: 'i',
      packageVersion: null,
      settings: {},
      package: name,
      kind: 'lib',
      target: name,
      layout: 'classic',
    },
    ...{ profilePath: 'debug', unitHash, fingerprint: '0'.repeat(16), namespace: 'n' },
    ...{ origin: 'registry', packageRoot: '/r', dependencies: [], outputs: 'o', inputs: [] },
    ...{ variables: [], steering: null, tools: null, cpu: null, buildDir: '/t' },
    ...{ boundBecause: null, rewrites: [], built },
  };
}

const noFingerprint: Fingerprint = {
  ...{ rustc: 0n, features: '', declaredFeatures: '', target: 0n, profile: 0n, path: 0n },
  ...{ dependencies: [], local: [], rustflags: [], config: 0n, compileKind: 0n },
};

/** A private unit whose fingerprint is `own`, built against those with the others. */
function files(
  name: string,
  own: bigint,
  against: readonly bigint[] = [],
  kind: UnitKind = 'lib',
): Parameters<ViewTally['keptPrivate']>[0] {
  const dependencies = against.map((fingerprintHash) => ({
    ...{ packageId: 0n, name: 'dependency', isPublic: false, fingerprintHash },
  }));
  return {
    unit: named(name),
    name: { kind, target: name },
    fingerprint: { ...noFingerprint, dependencies },
    fingerprintHash: formatFingerprintHash(own),
  };
}

function keptPrivate(unit: ReturnType<typeof files>, reason: string): void {
  tally.missed(subject(unit.unit.packageName), unknown, session);
  tally.compiled(unit.unit, session);
  tally.keptPrivate(unit, { reason, message: reason }, session);
}

describe('a served unit that cargo compiles again in the same session', () => {
  test('is a miss: in the counters, in the decisions and in the sum of the session', async () => {
    tally.served(id, facts('kept', 300), session);
    tally.served(id, facts('dirty', 5_000), session);
    expect(world.store.counters()).toMatchObject({ served: 2, savedMs: 5_300, missed: 0 });
    tally.compiled(named('dirty'), session);
    expect(world.store.counters()).toMatchObject({ served: 1, savedMs: 300, missed: 1 });
    tally.promoted(id, facts('dirty', 5_000), false, session);
    expect(world.store.counters()).toMatchObject({ missed: 1, missedSharable: 1, missedOwn: 0 });
    const { decisions: rows, builds } = reportDecisions(decisions.rows(), { directory: '/ws' });
    expect(rows).toMatchObject([
      { package: 'kept', outcome: 'served' },
      { package: 'dirty', outcome: 'compiled', reason: 'found-dirty' },
    ]);
    expect(builds).toMatchObject([{ units: 2, served: 1, compiled: 1 }]);
    await expect.poll(() => summaries.length, { timeout: 20_000 }).toBe(1);
    expect(summaries).toMatchObject([{ served: 1, compiled: 1, promoted: 1, savedMs: 300 }]);
  });

  test('takes nothing back twice, whatever its manifest says it saved', () => {
    tally.served(id, facts('dirty', -7), session);
    expect(world.store.counters()).toMatchObject({ served: 1, savedMs: 0 });
    tally.compiled(named('dirty'), session);
    tally.compiled(named('dirty'), session);
    expect(world.store.counters()).toMatchObject({ served: 0, savedMs: 0, missed: 1 });
  });
});

test('a unit that is served and never used stays a hit', () => {
  tally.served(id, facts('unused', 10), session);
  tally.compiled(named('unused'), '43:888');
  expect(world.store.counters()).toMatchObject({ served: 1, savedMs: 10, missed: 0 });
});

describe('misses', () => {
  test('are told apart when it is known what the unit is, and not before', () => {
    tally.missed(subject('a'), unknown, session);
    tally.missed(subject('interrupted'), unknown, session);
    tally.compiled(named('a'), session);
    const { missed, missedSharable, missedOwn } = world.store.counters();
    expect({ missed, missedSharable, missedOwn }).toEqual({
      missed: 2,
      missedSharable: 0,
      missedOwn: 0,
    });
    tally.promoted(id, facts('a', 1), false, session);
    expect(world.store.counters()).toMatchObject({ missed: 2, missedSharable: 1, missedOwn: 0 });
  });

  test.each(['bin', 'test-lib', 'integration-test', 'example', 'bench', 'doc-lib'] as const)(
    'of a %s are of the workspace, even where its session is unknown',
    (kind) => {
      keptPrivate(files('app', 1n, [], kind), 'unknown-session');
      expect(world.store.counters()).toMatchObject({ missed: 1, missedOwn: 1, missedSharable: 0 });
    },
  );

  test('of what is built against a package by path are of the workspace, through any number', () => {
    keptPrivate(files('low', 1n), 'path-package');
    keptPrivate(files('mid', 2n, [9n, 1n]), 'dependency-private');
    keptPrivate(files('high', 3n, [2n]), 'dependency-private');
    expect(world.store.counters()).toMatchObject({ missed: 3, missedOwn: 3, missedSharable: 0 });
    const { decisions: rows } = reportDecisions(decisions.rows(), {});
    expect(rows[2]).toMatchObject({ reason: 'dependency-private', isOwn: true });
    expect(rows[2]?.message).toContain('packages of the workspace');
  });

  test('of what stays private for another reason could have been shared', () => {
    keptPrivate(files('sys', 1n, [], 'run-build-script'), 'undeclared-input');
    keptPrivate(files('above', 2n, [1n]), 'dependency-private');
    expect(world.store.counters()).toMatchObject({ missed: 2, missedOwn: 0, missedSharable: 2 });
  });
});
