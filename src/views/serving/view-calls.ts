/** The main thread's end of what passes between a view's host and the thread that serves it. */
import type { ViewHostOptions } from './view-host.js';
import type { ViewCommand, ViewCommands } from '../../units/view-access.js';
import type { CommandMessage, ViewMessage } from './view-messages.js';

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Commands that wait for their reply, and where everything that arrives for the view goes. */
export class ViewCalls {
  readonly #options: Pick<ViewHostOptions, 'event' | 'log'>;
  readonly #send: (message: CommandMessage) => Promise<void>;
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #ended: string | undefined;

  constructor(
    options: Pick<ViewHostOptions, 'event' | 'log'>,
    send: (message: CommandMessage) => Promise<void>,
  ) {
    this.#options = options;
    this.#send = send;
  }

  /** Rejects where the command fails or cannot be sent, and when the view ends meanwhile. */
  async call<C extends ViewCommand>(
    method: C,
    args: Parameters<ViewCommands[C]>,
  ): Promise<ReturnType<ViewCommands[C]>> {
    if (this.#ended !== undefined) throw new Error(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    const result = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    // The mount may go while the thread is being woken, before anybody waits for the result.
    result.catch(() => undefined);
    try {
      await this.#send({ id, method, args });
    } catch (error) {
      this.#pending.delete(id);
      throw error;
    }
    return (await result) as ReturnType<ViewCommands[C]>;
  }

  receive(message: Exclude<ViewMessage, { kind: 'ask' }>): void {
    switch (message.kind) {
      case 'event':
        this.#options.event(message.event);
        return;
      case 'reply':
        this.#take(message.id)?.resolve(message.result);
        return;
      case 'failure':
        this.#take(message.id)?.reject(new Error(message.message));
        return;
      case 'log':
        this.#options.log(message.level, message.message);
    }
  }

  /** Nobody will answer any more; later calls are refused with the same words. */
  end(reason: string): void {
    this.#ended ??= reason;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(new Error(reason));
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return call;
  }
}
