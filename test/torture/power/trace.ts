/**
 * Records what a program does to a directory with strace(1): nothing escapes it, LevelDB's native
 * code and worker threads included.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { DiskHistory } from './disk-history.js';

/** Why nothing can be recorded here; undefined where it can. */
export function whyNoTrace(): string | undefined {
  const run = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true']);
  return run.status === 0 ? undefined : 'there is no strace(1), or it may not trace';
}

/** The words before a command that is to be recorded in `file`. */
export function tracing(file: string): readonly string[] {
  const options = ['-f', '--seccomp-bpf', '-y', '-xx', '-s', String(32 << 20), '-o', file];
  return ['strace', ...options, '-e', `trace=${Object.keys(handlers).join()}`];
}

/** A word that the program left in its trace by removing what is not there: `/mark/<word>`. */
export interface Mark {
  readonly at: number;
  readonly word: string;
}

export interface Trace {
  readonly history: DiskHistory;
  readonly marks: readonly Mark[];
}

/** Reads a trace; `root` was empty when it began, and paths in it are absolute. */
export async function loadTrace(file: string, root: string): Promise<Trace> {
  const trace = { history: new DiskHistory(root), marks: [] as Mark[] };
  /** Calls that another thread's interrupted, by thread. */
  const begun = new Map<string, string>();
  for await (const line of createInterface({ input: createReadStream(file, 'latin1') })) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (text.endsWith('<unfinished ...>')) {
      begun.set(thread, text.slice(0, -'<unfinished ...>'.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    const call = resumed === undefined ? text : (begun.get(thread) ?? '') + resumed;
    note(trace, call, root);
  }
  return trace;
}

/** One successful call. Paths of others are left out by the history, which does not know them. */
interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: number;
  /** Texts among the arguments: paths, or the bytes of a write. */
  readonly texts: readonly Buffer[];
  /** The kernel's own idea of where the descriptors lead at the time of the call. */
  readonly places: readonly string[];
  readonly root: string;
}

function note(trace: { history: DiskHistory; marks: Mark[] }, text: string, root: string): void {
  const [, name = '', args = '', digits = ''] = /^(\w+)\((.*)\) += (-?\d+)/.exec(text) ?? [];
  const result = Number(digits);
  const texts = bytesOf(args, /"((?:\\x[0-9a-f]{2})*)"/g);
  if (result >= 0) {
    const places = bytesOf(args, /\d+<((?:\\x[0-9a-f]{2})+)>/g).map(String);
    handlers[name]?.(trace.history, { name, args, result, texts, places, root });
    return;
  }
  const word = name.startsWith('unlink') ? /^\/mark\/(.*)$/.exec(String(texts[0]))?.[1] : undefined;
  if (word !== undefined) trace.marks.push({ at: trace.history.length, word });
}

type Handler = (history: DiskHistory, call: Call) => void;

const sync: Handler = (history, { places }) => history.sync(places[0] ?? '');
const remove: Handler = (history, { texts }) => history.remove(String(texts[0]));

const makeDirectory: Handler = (history, { texts, root }) => {
  const path = String(texts[0]);
  if (path.startsWith(`${root}/`)) history.add(path, 'directory');
};

const write: Handler = (history, { name, args, result, texts, places }) => {
  const bytes = Buffer.concat(texts).subarray(0, result);
  history.write(places[0] ?? '', bytes, name.startsWith('p') ? offsetOf(name, args) : undefined);
};

const open: Handler = (history, { args, texts, root }) => {
  const path = String(texts[0]);
  const isThere = history.node(path) !== undefined;
  if (isThere && args.includes('O_TRUNC')) history.truncate(path, 0);
  if (isThere || !path.startsWith(`${root}/`)) return;
  if (args.includes('O_CREAT')) history.add(path, 'file');
};

/** What leaves counts as removed. */
const rename: Handler = (history, { texts, root }) => {
  const [from, to] = [String(texts[0]), String(texts[1])];
  if (!to.startsWith(`${root}/`)) history.remove(from);
  else if (history.node(from) !== undefined) history.rename(from, to);
  else throw new Error(`${from} comes from elsewhere: its bytes are unknown`);
};

const link: Handler = (history, { texts }) => history.link(String(texts[0]), String(texts[1]));

/** From the beginning of one file to the end of the other, as copying goes. */
const copy: Handler = (history, { name, result, places }) => {
  const [from = '', to = ''] = name === 'sendfile' ? [...places].reverse() : places;
  const target = history.node(to);
  if (target === undefined) return;
  const source = history.contentOf(from);
  if (source === undefined) throw new Error(`${to} is copied from elsewhere`);
  const begin = target.sizeBytes;
  history.write(to, source.subarray(begin, begin + result), begin);
};

const handlers: Readonly<Record<string, Handler>> = {
  open,
  openat: open,
  creat: (history, call) => open(history, { ...call, args: 'O_CREAT|O_TRUNC' }),
  write,
  pwrite64: write,
  writev: write,
  pwritev: write,
  pwritev2: write,
  ftruncate: (history, { args, places }) => history.truncate(places[0] ?? '', lastNumber(args)),
  truncate: (history, { args, texts }) => history.truncate(String(texts[0]), lastNumber(args)),
  rename,
  renameat: rename,
  renameat2: rename,
  link,
  linkat: link,
  unlink: remove,
  unlinkat: remove,
  rmdir: remove,
  mkdir: makeDirectory,
  mkdirat: makeDirectory,
  fsync: sync,
  fdatasync: sync,
  copy_file_range: copy,
  sendfile: copy,
};

/** pwrite64 and pwritev end with the offset, pwritev2 has flags behind it. */
function offsetOf(name: string, args: string): number {
  const pattern = name === 'pwritev2' ? /, (\d+), [^,]*$/ : /, (\d+)$/;
  return Number(pattern.exec(args)?.[1]);
}

function lastNumber(args: string): number {
  return Number(/(\d+)$/.exec(args)?.[1]);
}

/** What strace prints as `\\x..` throughout. */
function bytesOf(text: string, pattern: RegExp): readonly Buffer[] {
  return [...text.matchAll(pattern)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex'),
  );
}
