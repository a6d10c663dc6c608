/** A view in a temporary directory, with immutable backing files, its overlay and a driver on top. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  byteStringFromText,
  type ByteName,
  type ByteString,
  type VirtualPath,
} from '../../src/base/byte-string.js';
import { InProcessDriver } from '../support/in-process-driver.js';
import type {
  Attachment,
  ChangeObserver,
  Extent,
  LowerEntry,
  LowerFile,
  LowerLayer,
} from '../../src/fs/lower.js';
import { openOverlay, type Overlay } from '../../src/fs/overlay.js';

/** What the observer was told, one line a call. */
export type Event = string;

export class World implements Disposable {
  readonly directory: string;
  readonly upperDirectory: string;
  readonly journalPath: string;
  readonly blobDirectory: string;
  readonly events: Event[] = [];
  readonly faults: unknown[] = [];
  /** Answers of the lower layer to `resolve`, by path of the missing name. */
  readonly resolvable = new Map<string, readonly Attachment[]>();
  readonly asked: string[] = [];
  isVolatile: (path: string) => boolean = (path) => this.resolvable.has(path);
  overlay: Overlay;
  driver: InProcessDriver;
  /** Closed at the end, for their descriptors. */
  readonly #abandoned: Overlay[] = [];

  /** Below `base`, a temporary directory of this machine when left out. */
  constructor(base: string = tmpdir()) {
    this.directory = mkdtempSync(join(base, 'xcache-fs-'));
    this.upperDirectory = join(this.directory, 'upper');
    this.journalPath = join(this.directory, 'journal');
    this.blobDirectory = join(this.directory, 'blobs');
    mkdirSync(this.blobDirectory);
    this.overlay = this.openOverlay();
    this.driver = new InProcessDriver(this.overlay);
  }

  openOverlay(): Overlay {
    const { upperDirectory, journalPath } = this;
    return openOverlay({
      upperDirectory,
      journalPath,
      lower: this.#lower(),
      observer: this.#observer(),
      reportFault: (error) => this.faults.push(error),
    });
  }

  /** Closes and opens again, as at unmount and mount. */
  reopen(): void {
    this.overlay.close();
    this.overlay = this.openOverlay();
    this.driver = new InProcessDriver(this.overlay);
  }

  /** Opens again as after a kill: what was open is left as it is, and never heard of again. */
  abandon(): void {
    this.#abandoned.push(this.overlay);
    this.overlay = this.openOverlay();
    this.driver = new InProcessDriver(this.overlay);
  }

  backingPath(digest: string): string {
    return join(this.blobDirectory, digest.slice(0, 2), digest.slice(2));
  }

  /** Stores bytes as an immutable file. */
  store(content: string | Buffer): Extent {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    mkdirSync(join(this.blobDirectory, digest.slice(0, 2)), { recursive: true });
    writeFileSync(this.backingPath(digest), bytes, { mode: 0o444 });
    return { digest, offset: 0, sizeBytes: bytes.length };
  }

  #lower(): LowerLayer {
    return {
      isVolatile: (directory, name) => this.isVolatile(pathOf(directory, name)),
      resolve: (directory, name) => {
        const path = pathOf(directory, name);
        this.asked.push(path);
        return this.resolvable.get(path) ?? [];
      },
      backingPath: (digest) => this.backingPath(digest),
    };
  }

  #observer(): ChangeObserver {
    return {
      attached: (ids, refused) =>
        this.events.push(`attached ${ids.join(' ')}; refused ${refused.join(' ')}`),
      changed: (path) => this.events.push(`changed ${path}`),
      attributesChanged: () => undefined,
      removed: (path, wasLower, attachment) =>
        this.events.push(wasLower ? `removed ${path} of ${attachment ?? '?'}` : `removed ${path}`),
      appeared: (path) => this.events.push(`appeared ${path}`),
      detached: (path, attachment) => this.events.push(`detached ${path} of ${attachment}`),
      rootEmptied: () => this.events.push('root emptied'),
    };
  }

  [Symbol.dispose](): void {
    for (const overlay of [this.overlay, ...this.#abandoned]) overlay.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function pathOf(directory: VirtualPath, name: ByteName): string {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Text as a byte string. */
export function b(text: string): ByteString {
  return byteStringFromText(text);
}

export const unitTimeNs = 1_700_000_000_123_456_789n;

export function lowerFile(path: string, extent: Extent, more: Partial<LowerFile> = {}): LowerFile {
  return { kind: 'file', path: b(path), mtimeNs: unitTimeNs, mode: 0o644, extent, ...more };
}

export function lowerDirectory(path: string): LowerEntry {
  return { kind: 'directory', path: b(path), mtimeNs: unitTimeNs, mode: 0o755 };
}

export function attachmentOf(
  id: string,
  entries: readonly LowerEntry[],
  requires: readonly string[] = [],
): Attachment {
  return { id, requires, entries };
}

/** Writes a whole file through the driver. */
export function put(world: World, path: string, content: string | Buffer): void {
  const handle = world.driver.open(b(path), 0o1 | 0o100 | 0o1000);
  try {
    world.driver.write(handle, Buffer.from(content), 0);
  } finally {
    world.driver.close(handle);
  }
}

/** Reads a whole file through the driver. */
export function get(world: World, path: string): string {
  const handle = world.driver.open(b(path), 0);
  try {
    const buffer = Buffer.alloc(world.driver.fstat(handle).sizeBytes);
    return buffer.toString('utf8', 0, world.driver.read(handle, buffer, 0));
  } finally {
    world.driver.close(handle);
  }
}

/** The names in a directory, sorted. */
export function list(world: World, path: string): readonly string[] {
  return world.driver
    .readdir(b(path))
    .map(({ name }) => name as string)
    .filter((name) => name !== '.' && name !== '..')
    .sort();
}
