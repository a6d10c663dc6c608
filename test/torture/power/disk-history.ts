/**
 * What a program did to a directory, operation by operation, and which states of the disk a power
 * cut may have left. README.md says what is taken for granted of a file system.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from '../random.js';

/** A change of a file's bytes. */
type DataChange =
  | { readonly at: number; readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly at: number; readonly kind: 'truncate'; readonly sizeBytes: number };

/** A file or directory, whatever its names are. */
export interface Node {
  readonly kind: 'file' | 'directory';
  readonly changes: DataChange[];
  /** When it was synced. */
  readonly syncs: number[];
  sizeBytes: number;
}

/** A change of names; the directories are those whose sync makes it durable. */
interface NameChange {
  readonly at: number;
  readonly kind: 'add' | 'remove' | 'rename';
  readonly path: string;
  readonly target: string;
  readonly node: Node;
  readonly directories: readonly Node[];
}

/** `ordered`: changes of names reach the disk in order. `any`: each by itself, unless it was synced. */
export type Ordering = 'ordered' | 'any';

export class DiskHistory {
  readonly #live = new Map<string, Node>();
  readonly #names: NameChange[] = [];
  /** Number of operations so far; each operation has one. */
  length = 0;

  /** `root` exists from the beginning and is durable. */
  constructor(root: string) {
    this.#live.set(root, newNode('directory'));
  }

  node(path: string): Node | undefined {
    return this.#live.get(path);
  }

  /** Bytes as of now. */
  contentOf(path: string): Buffer | undefined {
    const node = this.#live.get(path);
    return node === undefined ? undefined : replay(node.changes);
  }

  add(path: string, kind: Node['kind']): Node {
    const node = newNode(kind);
    this.#name({ kind: 'add', path, target: path, node });
    this.#live.set(path, node);
    return node;
  }

  link(path: string, target: string): void {
    const node = this.#live.get(path);
    if (node === undefined) return;
    this.#name({ kind: 'add', path: target, target, node });
    this.#live.set(target, node);
  }

  remove(path: string): void {
    const node = this.#live.get(path);
    if (node === undefined) return;
    this.#name({ kind: 'remove', path, target: path, node });
    this.#live.delete(path);
  }

  rename(path: string, target: string): void {
    const node = this.#live.get(path);
    if (node === undefined) return;
    this.#name({ kind: 'rename', path, target, node });
    move(this.#live, path, target);
  }

  write(path: string, bytes: Buffer, offset: number | undefined): void {
    const node = this.#live.get(path);
    if (node === undefined) return;
    const at = offset ?? node.sizeBytes;
    node.changes.push({ at: this.length++, kind: 'write', offset: at, bytes });
    node.sizeBytes = Math.max(node.sizeBytes, at + bytes.length);
  }

  truncate(path: string, sizeBytes: number): void {
    const node = this.#live.get(path);
    if (node === undefined) return;
    node.changes.push({ at: this.length++, kind: 'truncate', sizeBytes });
    node.sizeBytes = sizeBytes;
  }

  sync(path: string): void {
    this.#live.get(path)?.syncs.push(this.length++);
  }

  #name(change: Omit<NameChange, 'at' | 'directories'>): void {
    const directories = [dirname(change.path), dirname(change.target)].flatMap(
      (path) => this.#live.get(path) ?? [],
    );
    this.#names.push({ ...change, at: this.length++, directories });
  }

  /** Names and bytes after a power cut before operation `cut`; the root itself is left out. */
  stateAt(
    cut: number,
    ordering: Ordering,
    random: Random,
  ): ReadonlyMap<string, Buffer | undefined> {
    const done = this.#names.filter(({ at }) => at < cut);
    const isDurable = ({ at, kind, node, directories }: NameChange): boolean => {
      const isOwnName = kind === 'add' && node.kind === 'file';
      return (isOwnName ? [...directories, node] : directories).some(({ syncs }) =>
        syncs.some((sync) => sync > at && sync < cut),
      );
    };
    const last = done.findLastIndex(isDurable);
    const upTo = last + random.below(done.length - last);
    const kept =
      ordering === 'ordered'
        ? done.slice(0, upTo + 1)
        : done.filter((change) => isDurable(change) || random.below(2) === 0);
    const names = new Map<string, Node>();
    const [root = ''] = this.#live.keys();
    names.set(root, newNode('directory'));
    for (const change of kept) apply(names, change);
    names.delete(root);
    const contents = new Map<Node, Buffer>();
    const state = new Map<string, Buffer | undefined>();
    for (const [path, node] of names) {
      if (node.kind === 'file' && !contents.has(node)) {
        contents.set(node, contentAt(node, cut, random));
      }
      state.set(path, contents.get(node));
    }
    return state;
  }

  /** Everything, as if nothing had been lost. */
  finalState(): ReadonlyMap<string, Buffer | undefined> {
    const paths = [...this.#live.keys()].slice(1);
    return new Map(
      paths.map((path) => {
        const node = this.#live.get(path)!;
        return [path, node.kind === 'file' ? replay(node.changes) : undefined];
      }),
    );
  }
}

/** Makes the state real, with `root` in place of what the history had. */
export function writeState(
  state: ReadonlyMap<string, Buffer | undefined>,
  from: string,
  root: string,
): void {
  for (const path of [...state.keys()].sort()) {
    const place = join(root, path.slice(from.length));
    const bytes = state.get(path);
    if (bytes === undefined) mkdirSync(place, { recursive: true, mode: 0o700 });
    else {
      mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
      writeFileSync(place, bytes, { mode: 0o600 });
      if (/\/(?:blobs|manifests)\//.test(path)) chmodSync(place, 0o444);
    }
  }
}

function newNode(kind: Node['kind']): Node {
  return { kind, changes: [], syncs: [], sizeBytes: 0 };
}

/** What lies in a directory that was lost is lost too. */
function apply(names: Map<string, Node>, { kind, path, target, node }: NameChange): void {
  if (kind === 'remove') {
    if (names.get(path) === node) names.delete(path);
  } else if (!names.has(dirname(target))) {
    if (kind === 'rename' && names.get(path) === node) names.delete(path);
  } else if (kind === 'add') names.set(target, node);
  else if (names.get(path) === node) move(names, path, target);
  // The name it had before never reached the disk; the new one did.
  else names.set(target, node);
}

function move(names: Map<string, Node>, path: string, target: string): void {
  for (const name of [...names.keys()]) {
    if (name === target || name.startsWith(`${target}/`)) names.delete(name);
  }
  for (const [name, node] of [...names]) {
    if (name !== path && !name.startsWith(`${path}/`)) continue;
    names.delete(name);
    names.set(target + name.slice(path.length), node);
  }
}

/** Synced bytes stand; of the others all, none, some, zeros or a torn end may. */
function contentAt({ changes, syncs }: Node, cut: number, random: Random): Buffer {
  const lastSync = Math.max(-1, ...syncs.filter((at) => at < cut));
  const durable = changes.filter(({ at }) => at < lastSync);
  const open = changes.filter(({ at }) => at >= lastSync && at < cut);
  const choice = random.below(5);
  if (choice === 0) return replay(durable);
  if (choice === 1) return replay([...durable, ...open]);
  if (choice === 2) return replay([...durable, ...open.filter(() => random.below(2) === 0)]);
  if (choice === 3) return replay([...durable, ...open.map(zeroed)]);
  const kept = open.slice(0, random.below(open.length + 1));
  return replay([...durable, ...kept.slice(0, -1), ...kept.slice(-1).map(torn)]);
}

function zeroed(change: DataChange): DataChange {
  return change.kind === 'write' ? { ...change, bytes: Buffer.alloc(change.bytes.length) } : change;
}

function torn(change: DataChange): DataChange {
  if (change.kind !== 'write') return change;
  return { ...change, bytes: change.bytes.subarray(0, change.bytes.length >> 1) };
}

function replay(changes: readonly DataChange[]): Buffer {
  let content = Buffer.alloc(0);
  for (const change of changes) {
    const end = change.kind === 'write' ? change.offset + change.bytes.length : change.sizeBytes;
    if (end > content.length) {
      content = Buffer.concat([content, Buffer.alloc(end - content.length)]);
    }
    if (change.kind === 'write') change.bytes.copy(content, change.offset);
    else content = content.subarray(0, end);
  }
  return content;
}
