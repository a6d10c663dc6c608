/**
 * The private directory beside the upper one, on the same file system: files that are being
 * copied up, names in the middle of an exchange, and the clock that stamps ordinary writes.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { rmSync, writeSync } from 'node:fs';

const temporaryPrefix = 'temporary-';
const clockByte = Buffer.from([0]);
const bigintStat = { bigint: true } as const;

export class WorkDirectory {
  readonly path: string;
  readonly #clockFd: number;
  #lastNumber = 0;

  /** Creates the directory where needed and removes what an interrupted copy-up left. */
  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(path)) {
      if (name.startsWith(temporaryPrefix)) rmSync(`${path}/${name}`, { recursive: true });
    }
    this.#clockFd = openSync(`${path}/clock`, constants.O_RDWR | constants.O_CREAT, 0o600);
    // From here on the byte is overwritten in place, which a full disk does not prevent.
    this.nowNs();
  }

  /** A path nothing exists at. */
  temporaryPath(): string {
    this.#lastNumber += 1;
    return `${this.path}/${temporaryPrefix}${this.#lastNumber}`;
  }

  /** A name in this directory for what is being exchanged; survives a restart, unlike others. */
  exchangeName(): string {
    this.#lastNumber += 1;
    return `exchange-${process.pid}-${Date.now()}-${this.#lastNumber}`;
  }

  /**
   * Now, by the clock that stamps ordinary writes of this file system: the kernel's coarse one,
   * which runs up to a tick (4 ms) behind `Date.now()`. About 4 µs. Never throws: whoever asks may
   * be in the middle of a change, and a disk that fails gets the time of the system.
   */
  nowNs(): bigint {
    try {
      writeSync(this.#clockFd, clockByte, 0, 1, 0);
      return fstatSync(this.#clockFd, bigintStat).mtimeNs;
    } catch {
      return BigInt(Date.now()) * 1_000_000n;
    }
  }

  close(): void {
    closeSync(this.#clockFd);
  }
}
