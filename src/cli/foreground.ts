/** `mount --foreground`: how a command that only waits comes to its end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlClient } from '../service/control-client.js';

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
  const over = new AbortController();
  const onSignal = (): void => over.abort();
  for (const signal of signals) process.once(signal, onSignal);
  try {
    const signalled = new Promise<'signal'>((resolve) => {
      over.signal.addEventListener('abort', () => resolve('signal'));
    });
    const ended = client.closed.then(() => 'service-ended' as const);
    return await Promise.race([signalled, ended, waitUntilGone(client, directory, over.signal)]);
  } finally {
    over.abort();
    for (const signal of signals) process.off(signal, onSignal);
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
