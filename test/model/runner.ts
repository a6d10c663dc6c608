/** Runs operations on the virtual file system and on the reference, and compares. */
import { constants } from 'node:fs';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { VirtualPath } from '../../src/base/byte-string.js';
import type { Attachment, LowerEntry } from '../../src/fs/lower.js';
import type { AdoptedFile } from '../../src/fs/view-control.js';
import { inProcessTarget } from '../conformance/in-process-target.js';
import type { ConformanceTarget } from '../conformance/target.js';
import { digestOf, unitTimeNs, World } from '../fs/world.js';
import { Oracle, treeOf } from './oracle.js';
import type { Operation } from './operations.js';

const { O_CREAT, O_EXCL, O_RDWR } = constants;

/** Looking at everything costs more than doing something. */
const operationsPerComparison = 4;

interface HeldFile {
  readonly fd: number;
  readonly oracleFd: number;
}

export class Runner implements Disposable {
  readonly world = new World();
  readonly oracle = new Oracle();
  readonly #held: HeldFile[] = [];
  #fs: ConformanceTarget = inProcessTarget(this.world.driver, () => undefined);
  #attachments = 0;
  #operations = 0;

  constructor() {
    // Any name may be attached later, so no absence is one to remember.
    this.world.isVolatile = () => true;
  }

  async run(operation: Operation): Promise<void> {
    await this.#apply(operation);
    this.world.overlay.assertInvariants();
    this.#operations += 1;
    if (this.#operations % operationsPerComparison === 0) await this.compare();
  }

  /** Both trees must be equal in everything that is seen of them. */
  async compare(): Promise<void> {
    const { mtimesNs } = this.oracle;
    const expected = await treeOf(this.oracle.fs, (ino) => mtimesNs.get(ino));
    const known = new Set<string>();
    for (const [path, { mtimeNs }] of expected) if (mtimeNs !== undefined) known.add(path);
    const actual = await treeOf(this.#fs, (_ino, mtimeNs) => mtimeNs);
    for (const [path, entry] of actual) {
      if (!known.has(path)) actual.set(path, { ...entry, mtimeNs: undefined });
    }
    expect(actual).toEqual(expected);
  }

  async #apply(operation: Operation): Promise<void> {
    switch (operation.kind) {
      case 'attach':
        this.#attach(operation.path, operation.requires);
        return;
      case 'adopt':
        await this.#adopt(operation);
        return;
      case 'reopen':
      case 'abandon':
        await this.reopen(operation.kind);
        return;
      case 'hold':
        await this.#hold(operation.path);
        return;
      case 'writeHeld':
      case 'readHeld':
      case 'release':
        await this.#useHeld(operation);
        return;
      default:
        await this.#onBoth((fs, oracle) => perform(fs, operation, oracle));
    }
  }

  /** The same call on both sides must end the same way. */
  async #onBoth<T>(
    act: (fs: ConformanceTarget, oracle: Oracle | undefined) => Promise<T>,
  ): Promise<void> {
    const expected = await outcomeOf(() => act(this.oracle.fs, this.oracle));
    const actual = await outcomeOf(() => act(this.#fs, undefined));
    expect(actual).toEqual(expected);
  }

  async #hold(path: VirtualPath): Promise<void> {
    const [fd, oracleFd] = await Promise.all([
      outcomeOf(async () => await this.#fs.open(path, O_RDWR)),
      outcomeOf(async () => await this.oracle.fs.open(path, O_RDWR)),
    ]);
    expect(typeof fd).toBe(typeof oracleFd);
    if (typeof fd === 'string' || typeof oracleFd === 'string') expect(fd).toBe(oracleFd);
    else this.#held.push({ fd, oracleFd });
  }

  async #useHeld(
    operation: Extract<Operation, { kind: 'writeHeld' | 'readHeld' | 'release' }>,
  ): Promise<void> {
    const held = this.#held[operation.index];
    if (held === undefined) return;
    const { fd, oracleFd } = held;
    const { fs } = this.oracle;
    if (operation.kind === 'release') {
      this.#held.splice(operation.index, 1);
      await this.#fs.close(fd);
      await fs.close(oracleFd);
      return;
    }
    if (operation.kind === 'writeHeld') {
      const bytes = Buffer.from(operation.text);
      await this.#fs.write(fd, bytes, 1);
      await fs.write(oracleFd, bytes, 1);
      this.oracle.mtimesNs.delete((await fs.fstat(oracleFd)).ino);
    }
    const [ours, theirs] = [await this.#fs.fstat(fd), await fs.fstat(oracleFd)];
    expect([ours.sizeBytes, ours.nlink, ours.mode]).toEqual([
      theirs.sizeBytes,
      theirs.nlink,
      theirs.mode,
    ]);
    expect(await this.#fs.read(fd, 1 << 20, 0)).toEqual(await fs.read(oracleFd, 1 << 20, 0));
  }

  /** Files that are open do not survive; everything else does, without a close, too. */
  async reopen(how: 'reopen' | 'abandon'): Promise<void> {
    for (const { fd, oracleFd } of this.#held.splice(0)) {
      if (how === 'reopen') await this.#fs.close(fd);
      await this.oracle.fs.close(oracleFd);
    }
    this.world[how]();
    this.#fs = inProcessTarget(this.world.driver, () => undefined);
    expect(this.world.overlay.recovery).toEqual({
      skippedLines: 0,
      droppedAttachments: [],
      hiddenEntries: 0,
      interruptedAdoptions: 0,
    });
  }

  #attach(path: VirtualPath, requires: number | undefined): void {
    this.#attachments += 1;
    const id = `unit-${this.#attachments}`;
    const required = requires === undefined ? [] : [`unit-${requires}`];
    const attachment: Attachment = { id, requires: required, entries: this.#entries(path, id) };
    const isServed = required.every((each) => {
      return this.world.overlay.attachments().some((one) => one.id === each && one.isIntact);
    });
    const isFree = this.#isFree(attachment.entries);
    const refused = this.world.overlay.attach([attachment]);
    expect(refused).toEqual(isServed && isFree ? [] : [id]);
    if (refused.length > 0) return;
    this.oracle.attach(attachment.entries, (entry) => {
      if (entry.kind !== 'file') return Buffer.alloc(0);
      const { digest, offset, sizeBytes } = entry.extent;
      const blob = readFileSync(this.world.backingPath(digest));
      return blob.subarray(offset, offset + sizeBytes);
    });
  }

  #entries(path: VirtualPath, id: string): readonly LowerEntry[] {
    const base = { mtimeNs: unitTimeNs + BigInt(this.#attachments), mode: 0o644 };
    const pack = this.world.store(`first of ${id};second of ${id}`);
    const half = Math.floor(pack.sizeBytes / 2);
    const at = (name: string): VirtualPath => `${path}/${name}` as VirtualPath;
    const first = { ...pack, sizeBytes: half };
    const second = { ...pack, offset: half, sizeBytes: pack.sizeBytes - half };
    const whole = this.world.store(`whole of ${id}`);
    return [
      { kind: 'directory', path, ...base, mode: 0o755 },
      { kind: 'file', path: at('a'), ...base, extent: whole },
      { kind: 'directory', path: at('b'), ...base, mode: 0o755 },
      { kind: 'file', path: at('b/a'), ...base, extent: first, linkGroup: 1 },
      { kind: 'file', path: at('b/b'), ...base, extent: first, linkGroup: 1 },
      { kind: 'file', path: at('b/c'), ...base, extent: second },
      { kind: 'symlink', path: at('c'), ...base, target: 'b/c' },
    ];
  }

  #isFree(entries: readonly LowerEntry[]): boolean {
    const typeAt = (path: string): string | undefined => {
      const outcome = outcomeOfSync(() => this.oracle.fs.lstat(path as VirtualPath));
      if (typeof outcome === 'string') return outcome === 'ENOTDIR' ? 'ENOTDIR' : undefined;
      return (outcome.mode & constants.S_IFMT) === constants.S_IFDIR ? 'directory' : 'other';
    };
    const above = entries[0]!.path.split('/').slice(0, -1);
    const parents = above.map((_, index) => above.slice(0, index + 1).join('/'));
    return (
      parents.every((path) => [undefined, 'directory'].includes(typeAt(path))) &&
      entries.every(({ path, kind }) => {
        const there = typeAt(path);
        return there === undefined || (kind === 'directory' && there === 'directory');
      })
    );
  }

  async #adopt(operation: Extract<Operation, { kind: 'adopt' }>): Promise<void> {
    const { overlay } = this.world;
    this.#attachments += 1;
    const files = this.#adoptable(operation.path, operation.disposal);
    if (files.length === 0) return;
    const adoption = { attachment: `unit-${this.#attachments}`, files, witnesses: [] };
    expect(overlay.prepareAdoption(adoption)).toBe('done');
    if (operation.between !== undefined) {
      const path = operation.between;
      await this.#apply({ kind: 'write', path, at: 0, text: 'between' });
    }
    const outcome = overlay.completeAdoption(adoption);
    if (operation.between === undefined) expect(outcome).toBe('done');
  }

  /** All upper files below a path whose names are all there. */
  #adoptable(path: VirtualPath, disposal: 'move' | 'drop'): readonly AdoptedFile[] {
    const entries = this.world.overlay
      .snapshot(path)
      .filter(({ kind, layer }) => kind === 'file' && layer === 'upper');
    const counts = new Map<number, number>();
    for (const { ino } of entries) counts.set(ino, (counts.get(ino) ?? 0) + 1);
    const complete = entries.filter(({ ino, nlink }) => counts.get(ino) === nlink);
    return complete.map((entry) => {
      const bytes = readFileSync(Buffer.from(entry.hostPath!, 'latin1'));
      const digest = digestOf(bytes);
      const extent = { digest, offset: 0, sizeBytes: bytes.length };
      if (disposal === 'drop') this.world.store(bytes);
      const { ino, generation } = entry;
      return { path: entry.path, ino, generation, extent, disposal };
    });
  }

  [Symbol.dispose](): void {
    this.world[Symbol.dispose]();
    this.oracle[Symbol.dispose]();
  }
}

type PathOperation = Exclude<
  Operation,
  {
    kind: 'attach' | 'adopt' | 'reopen' | 'abandon' | 'hold' | 'writeHeld' | 'readHeld' | 'release';
  }
>;

async function perform(
  fs: ConformanceTarget,
  operation: PathOperation,
  oracle: Oracle | undefined,
): Promise<void> {
  const { path } = operation;
  switch (operation.kind) {
    case 'write':
      await writeTo(fs, path, operation);
      await forgetMtime(fs, path, oracle);
      return;
    case 'create':
      await fs.close(await fs.open(path, O_RDWR | O_CREAT | O_EXCL, operation.mode));
      await forgetMtime(fs, path, oracle);
      return;
    case 'truncate':
      await fs.truncate(path, operation.sizeBytes);
      await forgetMtime(fs, path, oracle);
      return;
    case 'unlink':
    case 'rmdir':
      await fs[operation.kind](path);
      return;
    case 'mkdir':
      await fs.mkdir(path, 0o755);
      await forgetMtime(fs, path, oracle);
      return;
    case 'rename':
      await fs.rename(path, operation.to, operation.flag);
      return;
    case 'link':
      await fs.link(path, operation.to);
      return;
    case 'symlink':
      await fs.symlink(Buffer.from(operation.target), path);
      await forgetMtime(fs, path, oracle, 'lstat');
      return;
    case 'chmod':
      await fs.chmod(path, operation.mode);
      return;
    case 'utimens':
      await setMtime(fs, path, operation.mtimeNs, oracle);
  }
}

async function writeTo(
  fs: ConformanceTarget,
  path: VirtualPath,
  { at, text }: { readonly at: number; readonly text: string },
): Promise<void> {
  const fd = await fs.open(path, O_RDWR | O_CREAT, 0o644);
  try {
    await fs.write(fd, Buffer.from(text), at);
  } finally {
    await fs.close(fd);
  }
}

/** Stamped anew; and the reference gives inode numbers of removed files to new ones. */
async function forgetMtime(
  fs: ConformanceTarget,
  path: VirtualPath,
  oracle: Oracle | undefined,
  stat: 'stat' | 'lstat' = 'stat',
): Promise<void> {
  if (oracle !== undefined) oracle.mtimesNs.delete((await fs[stat](path)).ino);
}

/** The reference only remembers the time: setting it needs a process of its own. */
async function setMtime(
  fs: ConformanceTarget,
  path: VirtualPath,
  mtimeNs: bigint,
  oracle: Oracle | undefined,
): Promise<void> {
  const stat = await fs.lstat(path);
  if ((stat.mode & constants.S_IFMT) === constants.S_IFDIR) return;
  if (oracle !== undefined) oracle.mtimesNs.set(stat.ino, mtimeNs);
  else await fs.utimens(path, undefined, mtimeNs);
}

async function outcomeOf<T>(act: () => Promise<T>): Promise<T | string> {
  try {
    return await act();
  } catch (error) {
    return codeOf(error);
  }
}

function outcomeOfSync<T>(act: () => T | Promise<T>): T | string {
  try {
    return act() as T;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  throw error;
}
