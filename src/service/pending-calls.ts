/** Commands to a serving thread that have not been answered yet. */
interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class PendingCalls {
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;

  /** `send` gets the number under which the result will come; its failure is the call's. */
  async call(send: (id: number) => Promise<void>): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const result = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    // The mount may go while the thread is being woken, before anybody waits for the result.
    result.catch(() => undefined);
    try {
      await send(id);
    } catch (error) {
      this.#pending.delete(id);
      throw error;
    }
    return await result;
  }

  resolve(id: number, result: unknown): void {
    this.#take(id)?.resolve(result);
  }

  reject(id: number, message: string): void {
    this.#take(id)?.reject(new Error(message));
  }

  /** Nobody will answer any more. */
  rejectAll(message: string): void {
    for (const id of [...this.#pending.keys()]) this.reject(id, message);
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return call;
  }
}
