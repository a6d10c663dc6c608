/** Keeps a view's record on the disk as it changes. */
import type { Logger } from '../base/log.js';
import { saveViewRecord, type ViewDirectory, type ViewRecord } from './view-directory.js';

export class ViewRecordKeeper {
  readonly #directory: ViewDirectory;
  readonly #log: Logger;
  #record: ViewRecord;
  #isDiscarded = false;
  /** Records are written one after the other: the last one counts. */
  #saved: Promise<void> = Promise.resolve();

  constructor(directory: ViewDirectory, record: ViewRecord, log: Logger) {
    this.#directory = directory;
    this.#record = record;
    this.#log = log;
  }

  get record(): ViewRecord {
    return this.#record;
  }

  /** Durable when it resolves. */
  async save(change: Partial<ViewRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    const save = async (): Promise<void> => {
      if (!this.#isDiscarded) await saveViewRecord(this.#directory, this.#record);
    };
    const saved = this.#saved.then(save, save);
    this.#saved = saved.catch(() => undefined);
    await saved;
  }

  /** The same without waiting; a failure is logged. */
  saveLater(change: Partial<ViewRecord>): void {
    this.save(change).catch((error: unknown) => {
      if (this.#isDiscarded) return;
      this.#log.warn({ err: error }, 'the record of the view could not be written');
    });
  }

  /** The view's directory is gone: nothing is written any more. */
  discard(): void {
    this.#isDiscarded = true;
  }
}
