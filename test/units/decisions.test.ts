import { describe, expect, test } from 'vitest';
import { controlResponseBytesMax, decisionRowsMax } from '../../src/base/limits.js';
import type { ExplainParams, ExplainResult } from '../../src/service/control/protocol.js';
import { reportDecisions } from '../../src/units/decision-report.js';
import {
  DecisionLog,
  type DecisionPlace,
  type DecisionSubject,
  type UnitVerdict,
} from '../../src/units/decisions.js';

const ws: DecisionPlace = { directory: '/ws/target', workspace: '/ws' };
const other: DecisionPlace = { directory: '/other/target', workspace: '/other' };
const unknown = { reason: 'unknown-unit', message: 'no equal unit is in the store' };
const differs = { reason: 'tool-differs', message: 'a tool is another one now (cc)' };
const stored: UnitVerdict = {
  outcome: 'stored',
  reason: 'stored',
  message: 'stored',
  isOwn: false,
};
const binary: UnitVerdict = {
  outcome: 'kept-private',
  reason: 'binary',
  message: 'programs stay in their workspace',
  isOwn: true,
};
const changed: UnitVerdict = {
  outcome: 'kept-private',
  reason: 'changed',
  message: 'a file of it was changed after it was built',
  isOwn: false,
};

function unit(name: string): DecisionSubject {
  return { package: name, profilePath: 'debug', unitHash: hashOf(name) };
}

/** A made-up hash that names the package. */
function hashOf(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(16, '0').slice(0, 16);
}

function report(log: DecisionLog, params: ExplainParams = {}): ExplainResult {
  return reportDecisions(log.rows(), params);
}

/** `package outcome reason became`, one for each row. */
function rowsOf(result: ExplainResult): readonly string[] {
  return result.decisions.map(({ package: name, outcome, reason, became }) =>
    [name ?? '?', outcome, reason, became?.reason ?? '-'].join(' '),
  );
}

describe('the decisions about one unit in one session', () => {
  test('are one row: why it was compiled, and what then became of it', () => {
    const log = new DecisionLog();
    expect(log.missed(unit('cc'), ws, '1:1', differs)).toBe(true);
    expect(rowsOf(report(log))).toEqual(['cc missed tool-differs -']);
    log.compiled(unit('cc'), ws, '1:1');
    expect(rowsOf(report(log))).toEqual(['cc compiled tool-differs -']);
    expect(log.judged(unit('cc'), ws, '1:1', stored)).toBe('sharable');
    expect(rowsOf(report(log))).toEqual(['cc compiled tool-differs stored']);
  });

  test('name the reason why it is never shared, not that the store lacks it', () => {
    const log = new DecisionLog();
    log.missed(unit('app'), ws, '1:1', unknown);
    log.compiled(unit('app'), ws, '1:1');
    expect(log.judged(unit('app'), ws, '1:1', binary)).toBe('own');
    expect(rowsOf(report(log))).toEqual(['app compiled binary binary']);
    expect(report(log).decisions).toMatchObject([{ isOwn: true, message: binary.message }]);
  });

  test('keep a reason that says more than that the store lacks it', () => {
    const log = new DecisionLog();
    log.missed(unit('cc'), ws, '1:1', differs);
    log.compiled(unit('cc'), ws, '1:1');
    expect(log.judged(unit('cc'), ws, '1:1', changed)).toBe('sharable');
    expect(rowsOf(report(log))).toEqual(['cc compiled tool-differs changed']);
  });

  test('count a miss once, and judge it once', () => {
    const log = new DecisionLog();
    expect(log.missed(unit('a'), ws, '1:1', unknown)).toBe(true);
    expect(log.missed(unit('a'), ws, '1:1', differs)).toBe(false);
    log.compiled(unit('a'), ws, '1:1');
    expect(log.judged(unit('a'), ws, '1:1', changed)).toBe('sharable');
    log.compiled(unit('a'), ws, '1:1');
    expect(log.judged(unit('a'), ws, '1:1', stored)).toBeUndefined();
    expect(rowsOf(report(log))).toEqual(['a compiled tool-differs stored']);
  });

  test('of a unit that nobody asked for are no miss', () => {
    const log = new DecisionLog();
    expect(log.compiled(unit('a'), ws, '1:1').isMiss).toBe(false);
    expect(rowsOf(report(log))).toEqual(['a compiled not-asked -']);
    expect(log.judged(unit('a'), ws, '1:1', stored)).toBeUndefined();
  });

  test('count as found dirty where it was served and then compiled', () => {
    const log = new DecisionLog();
    log.served(unit('a'), ws, '1:1', 700);
    log.served(unit('b'), ws, '1:1', 10);
    const wrongly = { isMiss: true, wasServed: true, savedMs: 700 };
    expect(log.compiled(unit('a'), ws, '1:1')).toEqual(wrongly);
    expect(log.compiled(unit('a'), ws, '1:1')).toMatchObject({ isMiss: false, wasServed: false });
    expect(log.judged(unit('a'), ws, '1:1', stored)).toBe('sharable');
    const result = report(log);
    expect(rowsOf(result)).toEqual(['b served served -', 'a compiled found-dirty stored']);
    expect(result.builds).toMatchObject([{ units: 2, served: 1, compiled: 1, notServed: 1 }]);
  });

  test('leave a hit a hit where another session compiles the unit later', () => {
    const log = new DecisionLog();
    log.served(unit('a'), ws, '1:1', 700);
    const end = { isMiss: false, wasServed: false, savedMs: 0 };
    expect(log.compiled(unit('a'), ws, '2:2')).toEqual(end);
    expect(log.compiled(unit('a'), ws, undefined)).toEqual(end);
    expect(rowsOf(report(log, { all: true }))[0]).toBe('a served served -');
  });

  test('of a name that no cargo has called a package are none', () => {
    const log = new DecisionLog();
    const library = { ...unit('std'), package: undefined };
    expect(log.missed(library, ws, '1:1', unknown)).toBe(false);
    expect(report(log, { all: true })).toMatchObject({ builds: [], decisions: [] });
    // It was a unit after all.
    expect(log.compiled(unit('std'), ws, '1:1').isMiss).toBe(true);
    expect(rowsOf(report(log))).toEqual(['std compiled unknown-unit -']);
  });
});

describe('a verdict without a session', () => {
  test('belongs to the session that compiled the unit last, and makes no new row', () => {
    const log = new DecisionLog();
    log.missed(unit('a'), ws, '1:1', unknown);
    log.missed(unit('b'), ws, '2:2', unknown);
    expect(log.judged(unit('a'), ws, undefined, binary)).toBe('own');
    expect(log.judged(unit('a'), ws, undefined, binary)).toBeUndefined();
    expect(rowsOf(report(log, { all: true }))).toEqual([
      'a compiled binary binary',
      'b missed unknown-unit -',
    ]);
    // What was looked at late is not the last build.
    expect(rowsOf(report(log))).toEqual(['b missed unknown-unit -']);
  });

  test('is one of its own where no session is known, in no build', () => {
    const log = new DecisionLog();
    log.served(unit('b'), ws, '1:1', 0);
    log.judged(unit('a'), ws, undefined, stored);
    log.judged(unit('b'), ws, undefined, changed);
    expect(rowsOf(report(log))).toEqual(['b served served -']);
    const all = report(log, { all: true });
    expect(rowsOf(all)).toEqual([
      'b served served -',
      'a compiled already-here stored',
      'b compiled changed changed',
    ]);
    expect(all.builds).toHaveLength(1);
    expect(all.decisions[1]).toMatchObject({ build: null, directory: '/ws/target' });
  });
});

describe('a report', () => {
  function createLog(): DecisionLog {
    const log = new DecisionLog();
    log.missed(unit('serde'), ws, '1:1', unknown);
    log.served(unit('itoa'), ws, '1:1', 5);
    log.served(unit('serde'), ws, '2:2', 5);
    log.missed(unit('libc'), other, '3:3', unknown);
    return log;
  }

  test.each([
    ['/ws', ['serde served']],
    ['/ws/src/deep', ['serde served']],
    ['/ws/target/debug', ['serde served']],
    ['/other', ['libc missed']],
    ['/wsx', ['libc missed']],
    ['/', ['libc missed']],
    [undefined, ['libc missed']],
  ])('in %s is about the last build there', (directory, expected) => {
    const params = directory === undefined ? {} : { directory };
    const result = report(createLog(), params);
    expect(result.decisions.map((row) => `${row.package ?? ''} ${row.outcome}`)).toEqual(expected);
    const isKnown = directory !== undefined && /^\/(?:ws|other)(?:\/|$)/.test(directory);
    expect(result.workspace).toBe(isKnown ? `/${directory.split('/')[1] ?? ''}` : null);
  });

  test('of all builds sums each up as a whole', () => {
    const { builds, decisions } = report(createLog(), { directory: '/ws', all: true });
    expect(decisions).toHaveLength(4);
    expect(builds).toMatchObject([
      { workspace: '/ws', units: 2, served: 1, missed: 1 },
      { workspace: '/ws', units: 1, served: 1 },
      { workspace: '/other', units: 1, missed: 1 },
    ]);
  });

  test('about one unit finds the last build that had it, here or elsewhere', () => {
    const log = createLog();
    const about = (directory: string, name: string): readonly string[] =>
      report(log, { directory, unit: name }).decisions.map(
        (row) => `${row.workspace} ${row.outcome}`,
      );
    expect(about('/ws', 'serde')).toEqual(['/ws served']);
    expect(about('/ws', 'itoa')).toEqual(['/ws served']);
    expect(about('/ws', hashOf('itoa'))).toEqual(['/ws served']);
    expect(about('/ws', `itoa-${hashOf('itoa')}`)).toEqual(['/ws served']);
    expect(about('/ws', `debug/itoa-${hashOf('itoa')}`)).toEqual(['/ws served']);
    expect(about('/ws', 'libc')).toEqual(['/other missed']);
    expect(about('/ws', 'nothing')).toEqual([]);
    const { builds } = report(log, { directory: '/ws', unit: 'itoa' });
    expect(builds).toMatchObject([{ units: 2 }]);
  });

  test('in a workspace without a build is not about another one', () => {
    const result = reportDecisions(createLog().rows(), { directory: '/new/src' }, ['/new']);
    expect(result).toEqual({ version: 1, workspace: '/new', builds: [], decisions: [] });
  });

  test('finds the innermost workspace', () => {
    const log = createLog();
    log.served(unit('a'), { directory: '/ws/sub/target', workspace: '/ws/sub' }, '4:4', 0);
    expect(report(log, { directory: '/ws/sub/src' }).workspace).toBe('/ws/sub');
    expect(report(log, { directory: '/ws/src' }).workspace).toBe('/ws');
  });
});

test('no more decisions are kept than there may be, the latest ones', () => {
  const log = new DecisionLog();
  for (let index = 0; index < decisionRowsMax + 10; index += 1) {
    log.served(unit(`p${index}`), ws, '1:1', 0);
  }
  expect(log.rows()).toHaveLength(decisionRowsMax);
  expect(log.rows()[0]?.package).toBe('p10');
  // Used again, it is not the oldest any more.
  log.served(unit('p10'), ws, '1:1', 0);
  log.served(unit('new'), ws, '1:1', 0);
  expect(log.rows()[0]?.package).toBe('p12');
});

test('an answer is never too large for the control socket: the oldest decisions are left out', () => {
  const log = new DecisionLog();
  const long = { directory: `/${'d'.repeat(4_000)}`, workspace: `/${'w'.repeat(4_000)}` };
  for (let index = 0; index < 6_000; index += 1) log.served(unit(`p${index}`), long, '1:1', 0);
  const result = report(log, { all: true });
  expect(JSON.stringify(result).length).toBeLessThan(controlResponseBytesMax);
  expect(result.decisions.length).toBeGreaterThan(1_000);
  expect(result.decisions.at(-1)?.package).toBe('p5999');
});

test('long texts are cut', () => {
  const log = new DecisionLog();
  log.missed(unit('a'), ws, '1:1', { reason: 'tool-differs', message: 'x'.repeat(1 << 20) });
  expect(report(log).decisions[0]?.message.length).toBeLessThan(10_000);
});
