/**
 * A blocking question from a serving thread to the main thread. The file system is synchronous,
 * so its thread sleeps on a shared cell until the answer is in its port, for a bounded time.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { resolveTimeoutMs } from '../../base/limits.js';

interface AnswerMessage {
  readonly sequence: number;
  readonly answer: unknown;
}

/** The asking side, in the serving thread. */
export class QuestionChannel<Question, Answer> {
  readonly #post: (sequence: number, question: Question) => void;
  readonly #answers: MessagePort;
  readonly #answered: Int32Array;
  #sequence = 0;

  constructor(
    post: (sequence: number, question: Question) => void,
    answers: MessagePort,
    answered: Int32Array,
  ) {
    this.#post = post;
    this.#answers = answers;
    this.#answered = answered;
  }

  /** Undefined where the main thread does not answer in time. */
  ask(question: Question): Answer | undefined {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const deadline = performance.now() + resolveTimeoutMs;
    let seen = Atomics.load(this.#answered, 0);
    this.#post(sequence, question);
    for (;;) {
      const received = receiveMessageOnPort(this.#answers) as
        { message: AnswerMessage } | undefined;
      if (received) {
        // An answer that comes after its question timed out is dropped here.
        if (received.message.sequence === sequence) return received.message.answer as Answer;
        continue;
      }
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0) return undefined;
      Atomics.wait(this.#answered, 0, seen, remainingMs);
      seen = Atomics.load(this.#answered, 0);
    }
  }
}

/** The answering side, in the main thread. */
export function answerQuestion(
  answers: MessagePort,
  answered: Int32Array,
  message: AnswerMessage,
): void {
  answers.postMessage(message);
  Atomics.add(answered, 0, 1);
  Atomics.notify(answered, 0);
}
