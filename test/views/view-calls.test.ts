import { describe, expect, it } from 'vitest';
import { ViewCalls } from '../../src/views/serving/view-calls.js';
import type { CommandMessage } from '../../src/views/serving/view-messages.js';

function calls(send?: () => Promise<void>) {
  const sent: CommandMessage[] = [];
  const view = new ViewCalls({ event: () => undefined, log: () => undefined }, (message) => {
    sent.push(message);
    return send?.() ?? Promise.resolve();
  });
  return { view, sent };
}

describe('calls to a view', () => {
  it('get the reply with their own number', async () => {
    const { view, sent } = calls();
    const first = view.call('backingDigests', []);
    const second = view.call('backingDigests', []);
    const [a, b] = sent.map(({ id }) => id);
    view.receive({ kind: 'reply', id: b ?? 0, result: ['b'] });
    view.receive({ kind: 'failure', id: a ?? 0, message: 'no such view' });
    expect(await second).toEqual(['b']);
    await expect(first).rejects.toThrow('no such view');
  });

  it('do not wait for a view that has ended', async () => {
    const { view } = calls();
    const pending = view.call('backingDigests', []);
    view.end('it is gone');
    await expect(pending).rejects.toThrow('it is gone');
    await expect(view.call('backingDigests', [])).rejects.toThrow('it is gone');
  });

  it('fail where they cannot be sent', async () => {
    const { view } = calls(() => Promise.reject(new Error('no mount')));
    await expect(view.call('backingDigests', [])).rejects.toThrow('no mount');
  });
});
