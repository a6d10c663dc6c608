import { describe, expect, it } from 'vitest';
import { RecentCallers } from '../../src/views/serving/recent-callers.js';

function callers() {
  const clock = { nowMs: 1000 };
  const processes = new Map<number, number>();
  let searches = 0;
  const recent = new RecentCallers(
    (pid) => {
      searches += 1;
      const cargo = processes.get(pid);
      return cargo === undefined ? undefined : { pid: cargo, startTicks: '1' };
    },
    () => clock.nowMs,
  );
  return { recent, clock, processes, searches: () => searches };
}

describe('recent callers', () => {
  it('searches once for a caller that asks again at once', () => {
    const { recent, processes, searches } = callers();
    processes.set(7, 5);
    expect(recent.find(7)?.pid).toBe(5);
    expect(recent.find(7)?.pid).toBe(5);
    expect(searches()).toBe(1);
  });

  it('does not take a process id for the same process a moment later', () => {
    const { recent, clock, processes } = callers();
    processes.set(7, 5);
    recent.find(7);
    processes.set(7, 6);
    clock.nowMs += 21;
    expect(recent.find(7)?.pid).toBe(6);
  });

  it('finds a process that becomes cargo right after its first request', () => {
    const { recent, processes } = callers();
    expect(recent.find(7)).toBeUndefined();
    processes.set(7, 7);
    expect(recent.find(7)?.pid).toBe(7);
  });
});
