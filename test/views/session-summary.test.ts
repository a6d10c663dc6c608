import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SessionSummary } from '../../src/service/control/protocol.js';
import { SessionLedger, type SessionEvent } from '../../src/views/session-summary.js';

const session = '42:777';
const second = 1_000;
const minute = 60 * second;

let isRunning: boolean;
let isSettled: boolean;
let looks: number;
let ended: SessionSummary[];
let ledger: SessionLedger;

const place = { directory: '/ws/target', workspace: '/ws', isSettled: () => isSettled };

beforeEach(() => {
  vi.useFakeTimers();
  isRunning = true;
  isSettled = true;
  looks = 0;
  ended = [];
  ledger = new SessionLedger({
    isRunning: (pid, startTicks) => {
      expect([pid, startTicks]).toEqual([42, '777']);
      looks += 1;
      return isRunning;
    },
    ended: (summary) => void ended.push(summary),
  });
});

afterEach(() => {
  ledger[Symbol.dispose]();
  vi.useRealTimers();
});

function note(unit: string, event: SessionEvent): void {
  const [profilePath = '', unitHash = ''] = unit.split('/');
  ledger.note(session, place, { profilePath, unitHash }, event);
}

describe('a cargo session', () => {
  test('is told of once, when its process is gone, with what it came to', () => {
    note('debug/a', { kind: 'served', savedMs: 1_500, sharedBytes: 100 });
    note('debug/b', { kind: 'served', savedMs: 500, sharedBytes: 10 });
    note('debug/c', { kind: 'missed' });
    note('debug/c', { kind: 'compiled' });
    note('debug/c', { kind: 'promoted', sharedBytes: 0 });
    note('release/d', { kind: 'compiled' });
    note('release/d', { kind: 'promoted', sharedBytes: 7 });
    note('release/e', { kind: 'compiled' });
    note('release/e', { kind: 'kept-private' });
    note('debug/f', { kind: 'missed' });
    vi.advanceTimersByTime(minute);
    expect(ended).toEqual([]);
    isRunning = false;
    vi.advanceTimersByTime(minute);
    expect(ended).toEqual([
      {
        version: 1,
        pid: 42,
        startedMs: expect.any(Number) as number,
        endedMs: expect.any(Number) as number,
        directory: '/ws/target',
        workspace: '/ws',
        profiles: ['debug', 'release'],
        served: 2,
        compiled: 3,
        promoted: 2,
        keptPrivate: 1,
        savedMs: 2_000,
        sharedBytes: 117,
      },
    ]);
  });

  test('is waited for until what it built was looked at', () => {
    isSettled = false;
    note('debug/a', { kind: 'compiled' });
    isRunning = false;
    vi.advanceTimersByTime(minute);
    expect(ended).toEqual([]);
    note('debug/a', { kind: 'promoted', sharedBytes: 0 });
    isSettled = true;
    vi.advanceTimersByTime(10 * second);
    expect(ended).toMatchObject([{ compiled: 1, promoted: 1, keptPrivate: 0 }]);
  });

  test('counts a unit by what became of it last', () => {
    note('debug/a', { kind: 'compiled' });
    note('debug/a', { kind: 'kept-private' });
    note('debug/a', { kind: 'compiled' });
    note('debug/a', { kind: 'promoted', sharedBytes: 0 });
    isRunning = false;
    vi.advanceTimersByTime(minute);
    expect(ended).toMatchObject([{ compiled: 1, promoted: 1, keptPrivate: 0 }]);
  });

  test('counts no unit as served that was compiled after all, and no time that it saved', () => {
    note('debug/a', { kind: 'served', savedMs: 1_500, sharedBytes: 100 });
    note('debug/b', { kind: 'served', savedMs: 500, sharedBytes: 10 });
    note('debug/a', { kind: 'compiled' });
    note('debug/a', { kind: 'promoted', sharedBytes: 7 });
    isRunning = false;
    vi.advanceTimersByTime(minute);
    expect(ended).toMatchObject([{ served: 1, compiled: 1, savedMs: 500, sharedBytes: 17 }]);
  });

  test('is told of soon after its end, also when it was quiet for long', () => {
    note('debug/a', { kind: 'compiled' });
    vi.advanceTimersByTime(10 * minute);
    note('debug/b', { kind: 'compiled' });
    isRunning = false;
    vi.advanceTimersByTime(2 * second);
    expect(ended).toHaveLength(1);
  });

  test('is looked at less often the longer it is quiet', () => {
    note('debug/a', { kind: 'compiled' });
    vi.advanceTimersByTime(10 * minute);
    expect(looks).toBeLessThanOrEqual(130);
  });

  test('is not opened again by what becomes of its units after its end', () => {
    note('debug/a', { kind: 'compiled' });
    isRunning = false;
    vi.advanceTimersByTime(minute);
    note('debug/a', { kind: 'promoted', sharedBytes: 1 });
    note('debug/a', { kind: 'kept-private' });
    expect(ledger.openCount).toBe(0);
    vi.advanceTimersByTime(minute);
    expect(ended).toHaveLength(1);
  });
});

test('units that nobody is known to have built count for no session', () => {
  const unit = { profilePath: 'debug', unitHash: 'a' };
  ledger.note(undefined, place, unit, { kind: 'compiled' });
  ledger.note('', place, unit, { kind: 'compiled' });
  expect(ledger.openCount).toBe(0);
});

test('nothing runs while no session is open', () => {
  expect(vi.getTimerCount()).toBe(0);
  note('debug/a', { kind: 'compiled' });
  isRunning = false;
  vi.advanceTimersByTime(minute);
  expect(vi.getTimerCount()).toBe(0);
});

test('a ledger that is disposed tells nothing any more', () => {
  note('debug/a', { kind: 'compiled' });
  isRunning = false;
  ledger[Symbol.dispose]();
  note('debug/b', { kind: 'compiled' });
  vi.advanceTimersByTime(minute);
  expect(ended).toEqual([]);
});
