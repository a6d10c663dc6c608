/** One connection of one command: greeting, requests, progress, and the end of it. */
import { performance } from 'node:perf_hooks';
import type { CancellationToken, MessageConnection } from 'vscode-jsonrpc/node.js';
import { XcacheError } from '../../base/errors.js';
import type { Logger } from '../../base/log.js';
import { isControlMethod, parseControlParams } from './control-schemas.js';
import { errorToWire, progressType, sessionType } from './control-wire.js';
import {
  protocolVersion,
  type ControlMethod,
  type ControlMethods,
  type HelloResult,
  type Progress,
  type SessionSummary,
} from './protocol.js';

/** What a handler gets beside its parameters. */
export interface RequestContext {
  /** Cheap: reports that nobody asked for, or that follow too fast, go nowhere. */
  readonly progress: (progress: Progress) => void;
  /** Sends the end of a cargo session to a command that watches. */
  readonly session: (summary: SessionSummary) => void;
  /** Aborted when the command is cancelled or gone, or the service stops. */
  readonly signal: AbortSignal;
}

/** One handler for each method; the server answers `hello` itself. */
export type ControlHandlers = {
  readonly [M in Exclude<ControlMethod, 'hello'>]: (
    params: ControlMethods[M]['params'],
    context: RequestContext,
  ) => Promise<ControlMethods[M]['result']>;
};

type AnyHandler = (params: unknown, context: RequestContext) => Promise<unknown>;

/** Requests of one connection that run at once; a command sends one or two. */
const runningMax = 16;

/** Between two progress reports of one request, unless it is the last. */
const progressIntervalMs = 50;

export interface ControlSessionOptions {
  readonly connection: MessageConnection;
  readonly handlers: ControlHandlers;
  readonly log: Logger;
  readonly programVersion: string;
}

/** Lives as long as its connection; created by the control server for each socket it accepts. */
export class ControlSession {
  readonly #options: ControlSessionOptions;
  readonly #gone = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #isGreeted = false;

  constructor(options: ControlSessionOptions) {
    this.#options = options;
    const { connection } = options;
    connection.onRequest(async (method: string, params: unknown, token: CancellationToken) => {
      const answer = this.#answer(method, params, token);
      // `shutdown` may wait for this very server to close, so nothing waits for it.
      if (method !== 'shutdown') this.#running.add(answer);
      try {
        return await answer;
      } catch (error) {
        if (!(error instanceof XcacheError))
          options.log.error({ err: error, method }, 'request failed');
        throw errorToWire(error);
      } finally {
        this.#running.delete(answer);
      }
    });
    connection.listen();
  }

  /** Tells every running handler that nobody waits for it any more. Idempotent. */
  abort(): void {
    this.#gone.abort();
  }

  /** Resolves when no handler runs and the answers are handed to the socket. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
    // The answer of a handler is written in the turns that follow its end.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async #answer(method: string, rawParams: unknown, token: CancellationToken): Promise<unknown> {
    if (!isControlMethod(method)) {
      throw new XcacheError('XC_USAGE', `the service knows no method '${method.slice(0, 64)}'`, {
        hint: 'it may be another version; run: xcache service restart',
      });
    }
    const [params, progressToken] = splitParams(rawParams);
    if (method === 'hello') return this.#greet(parseControlParams('hello', params));
    if (!this.#isGreeted && method !== 'shutdown') {
      throw new XcacheError(
        'XC_SERVICE_UNREACHABLE',
        'the service speaks another protocol version',
        {
          hint: 'run: xcache service restart',
        },
      );
    }
    if (this.#running.size >= runningMax) {
      throw new XcacheError('XC_USAGE', 'too many requests at once on one connection');
    }
    // Each handler takes what the schema of its own method has let through.
    const handler = this.#options.handlers[method] as AnyHandler;
    return await handler(parseControlParams(method, params), {
      progress: this.#progressTo(progressToken),
      session: (summary) => {
        if (progressToken === undefined || this.#gone.signal.aborted) return;
        const { connection } = this.#options;
        // As with progress.
        connection.sendProgress(sessionType, progressToken, summary).catch(() => undefined);
      },
      signal: this.#signalOf(token),
    });
  }

  #greet(params: ControlMethods['hello']['params']): HelloResult {
    this.#isGreeted = params.protocolVersion === protocolVersion;
    return {
      version: 1,
      protocolVersion,
      pid: process.pid,
      programVersion: this.#options.programVersion,
    };
  }

  #signalOf(token: CancellationToken): AbortSignal {
    const cancelled = new AbortController();
    token.onCancellationRequested(() => cancelled.abort());
    return AbortSignal.any([this.#gone.signal, cancelled.signal]);
  }

  #progressTo(token: number | undefined): (progress: Progress) => void {
    if (token === undefined) return () => undefined;
    const { connection } = this.#options;
    let sentAtMs = Number.NEGATIVE_INFINITY;
    let sentPhase = '';
    return (progress) => {
      const isDue =
        progress.phase !== sentPhase ||
        progress.done >= progress.total ||
        performance.now() - sentAtMs >= progressIntervalMs;
      if (!isDue || this.#gone.signal.aborted) return;
      sentAtMs = performance.now();
      sentPhase = progress.phase;
      // It fails only where the connection is gone, and then nobody wants to know.
      connection.sendProgress(progressType, token, progress).catch(() => undefined);
    };
  }
}

/** A request is `[params, progressToken | null]`. */
function splitParams(raw: unknown): [params: unknown, progressToken: number | undefined] {
  if (!Array.isArray(raw)) return [raw, undefined];
  const [params, token] = raw as readonly unknown[];
  return [params, typeof token === 'number' ? token : undefined];
}
