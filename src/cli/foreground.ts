/** How a command that only waits comes to its end: `mount --foreground`, `status --watch`. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlClient } from '../service/control/control-client.js';

/** Why the waiting is over. */
export type ForegroundEnd = 'signal' | 'gone' | 'service-ended';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Between two looks at the list of mounts. */
const pollMs = 500;

/**
 * Resolves at the first of: a signal to end, `directory` no longer mounted, the service gone. The
 * first signal is consumed; a second one ends the process as usual.
 */
export async function waitForEnd(client: ControlClient, directory: string): Promise<ForegroundEnd> {
  return await untilSignal(client, async (over) => await waitUntilGone(client, directory, over));
}

/**
 * The same for whatever else is waited for; `over` is aborted when the waiting ends. The abort of
 * `unread` counts as a signal: a command that only prints ends with its reader.
 */
export async function untilSignal<T>(
  client: ControlClient,
  wait: (over: AbortSignal) => Promise<T>,
  unread?: AbortSignal,
): Promise<T | 'signal' | 'service-ended'> {
  const over = new AbortController();
  const onSignal = (): void => over.abort();
  for (const signal of signals) process.once(signal, onSignal);
  unread?.addEventListener('abort', onSignal);
  try {
    const signalled = new Promise<'signal'>((resolve) => {
      over.signal.addEventListener('abort', () => resolve('signal'));
    });
    const ended = client.closed.then(() => 'service-ended' as const);
    return await Promise.race([signalled, ended, wait(over.signal)]);
  } finally {
    over.abort();
    for (const signal of signals) process.off(signal, onSignal);
    unread?.removeEventListener('abort', onSignal);
  }
}

async function waitUntilGone(
  client: ControlClient,
  directory: string,
  over: AbortSignal,
): Promise<ForegroundEnd> {
  while (!over.aborted) {
    try {
      const { views } = await client.request('status', {});
      const isMounted = views.some(
        (view) => view.directory === directory && view.state === 'mounted',
      );
      if (!isMounted) return 'gone';
    } catch {
      return 'service-ended';
    }
    // Aborted: the race is decided already.
    await delay(pollMs, undefined, { signal: over }).catch(() => undefined);
  }
  return 'signal';
}
