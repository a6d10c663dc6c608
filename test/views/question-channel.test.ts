import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { resolveTimeoutMs } from '../../src/base/limits.js';
import { QuestionChannel } from '../../src/views/serving/question-channel.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('a question that nobody answers ends in time, though the clock was set back', () => {
  const { port1, port2 } = new MessageChannel();
  const waits: number[] = [];
  vi.spyOn(Atomics, 'wait').mockImplementation((_cells, _index, _value, timeoutMs = Infinity) => {
    waits.push(timeoutMs);
    vi.advanceTimersByTime(timeoutMs);
    return 'timed-out';
  });
  const channel = new QuestionChannel<string, string>(
    () => {
      vi.setSystemTime(Date.now() - 3_600_000);
    },
    port1,
    new Int32Array(new SharedArrayBuffer(4)),
  );
  expect(channel.ask('unit?')).toBeUndefined();
  expect(waits).toEqual([resolveTimeoutMs]);
  port1.close();
  port2.close();
});
