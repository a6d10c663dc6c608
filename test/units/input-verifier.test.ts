import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { InputVerifier, type UnreadSet } from '../../src/units/input-verifier.js';
import type { InputMemory } from '../../src/units/input-walk.js';
import { contentBytesMax } from '../../src/units/native-walk.js';
import { SessionInputs } from '../../src/units/session-inputs.js';
import type { InputSet } from '../../src/units/unit-facts.js';
import { createTempDirectory } from '../support/tmp.js';

const noMemory: InputMemory = { inputRow: () => undefined, putInputRows: () => undefined };
const farAwayNs = 1n << 62n;

/** A directory with one verifier, whose questions do not share what links lead to. */
class Place implements AsyncDisposable {
  readonly path: string;
  readonly #directory: AsyncDisposable;
  readonly #files: HostFiles;
  readonly verifier: InputVerifier;

  constructor(
    directory: AsyncDisposable & { readonly path: string },
    files: HostFiles,
    verifier: InputVerifier,
  ) {
    this.path = directory.path;
    this.#directory = directory;
    this.#files = files;
    this.verifier = verifier;
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), text);
    }
  }

  link(name: string, target: string): void {
    rmSync(join(this.path, name), { force: true });
    symlinkSync(target, join(this.path, name));
  }

  ctimeNs(name: string): bigint {
    return lstatSync(join(this.path, name), { bigint: true }).ctimeNs;
  }

  record(set: Partial<UnreadSet>, notAfterNs = farAwayNs): ReturnType<InputVerifier['record']> {
    this.#files.beginQuestion();
    return this.verifier.record({ kind: 'files', root: this.path, paths: [], ...set }, notAfterNs);
  }

  /** Recorded for sure. */
  must(set: Partial<UnreadSet>, notAfterNs = farAwayNs): InputSet {
    const recorded = this.record(set, notAfterNs);
    if (recorded.kind === 'unrecorded') throw new Error(recorded.why);
    return recorded;
  }

  difference(set: InputSet): string | undefined {
    this.#files.beginQuestion();
    return this.verifier.difference(set);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

async function createPlace(
  memory: InputMemory = noMemory,
  mounts: readonly string[] = [],
  entriesMax?: number,
): Promise<Place> {
  const directory = await createTempDirectory();
  const files = new HostFiles(() => mounts.map((name) => join(directory.path, name)));
  return new Place(directory, files, new InputVerifier(files, memory, entriesMax));
}

describe('the inputs of a unit', () => {
  test('rule 17: an input that changed after the unit was started is not recorded', async () => {
    await using place = await createPlace();
    place.write({ 'lib.rs': 'one' });
    const set = { paths: ['lib.rs'] };
    const writtenNs = place.ctimeNs('lib.rs');
    expect(place.record(set)).toMatchObject(set);
    expect(place.record(set, writtenNs)).toMatchObject(set);
    expect(place.record(set, writtenNs - 1n)).toMatchObject({ kind: 'unrecorded' });
    // A time in the past hides nothing: the change of the inode keeps its own.
    utimesSync(join(place.path, 'lib.rs'), 1, 1);
    expect(place.record(set, writtenNs)).toMatchObject({ kind: 'unrecorded' });
  });

  test('are compared at each question, and within a session once if cargo never looks', async () => {
    await using place = await createPlace();
    place.write({ 'lib.rs': 'one' });
    const recorded = place.must({ paths: ['lib.rs'] });
    const session = new SessionInputs(place.verifier);
    const next = new SessionInputs(place.verifier);
    expect(session.difference(recorded, true)).toBeUndefined();
    place.write({ 'lib.rs': 'two' });
    expect(session.difference(recorded, true)).toBeUndefined();
    expect(session.difference(recorded, false)).toBe(place.path);
    expect(next.difference(recorded, true)).toBe(place.path);
    expect(place.difference(recorded)).toBe(place.path);
  });

  test('of which nothing can be known are neither recorded nor equal to missing ones', async () => {
    await using place = await createPlace(noMemory, ['mount']);
    place.write({ 'mount/file': '', 'data/file': '' });
    const missing = place.must({ paths: ['input', 'data'] });
    const tree = place.must({ kind: 'tree', root: join(place.path, 'data') });
    const cases: readonly [string, (path: string) => void][] = [
      ['a loop', (path) => symlinkSync('input', path)],
      ['a way into a mount', (path) => symlinkSync(join(place.path, 'mount/file'), path)],
      ['a way to a mount', (path) => symlinkSync(join(place.path, 'mount'), path)],
      ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ];
    for (const [name, make] of cases) {
      for (const path of ['input', 'data/input']) {
        make(join(place.path, path));
        expect(place.record({ paths: ['input', 'data'] }), name).toMatchObject({
          kind: 'unrecorded',
          why: expect.stringContaining('/') as unknown,
        });
        expect(place.difference(missing), name).toContain('/');
        rmSync(join(place.path, path));
      }
    }
    expect(place.difference(missing)).toBeUndefined();
    expect(place.difference(tree)).toBeUndefined();
  });

  test('that are missing count as much as those that are there', async () => {
    await using place = await createPlace();
    place.write({ 'here.txt': '' });
    const recorded = place.must({ paths: ['here.txt', 'gone.txt', 'no/such/file'] });
    expect(place.difference(recorded)).toBeUndefined();
    place.write({ 'no/such/file': '' });
    expect(place.difference(recorded)).toBe(place.path);
  });

  test('that were removed or renamed after the unit was started are not recorded', async () => {
    await using place = await createPlace();
    place.write({ 'data/one': '1', 'data/deep/two': '2', 'v1/file': '1', 'v2/file': '2' });
    place.link('include', 'v1');
    place.write({ 'other/tick': '' });
    const startedNs = place.ctimeNs('include');
    const sets: Partial<UnreadSet>[] = [
      { paths: ['data'] },
      { paths: ['data/one'] },
      { paths: ['data/deep/two'] },
      { kind: 'tree' },
    ];
    // Within one tick of the clock that stamps files, nothing can be told.
    do place.write({ 'other/tick': '' });
    while (place.ctimeNs('other/tick') <= startedNs);
    expect(place.record({ paths: ['data', 'include/file'] }, startedNs).kind).toBe('files');
    rmSync(join(place.path, 'data/one'));
    renameSync(join(place.path, 'data/deep'), join(place.path, 'data/deeper'));
    for (const set of sets) {
      expect(place.record(set, startedNs), JSON.stringify(set)).toMatchObject({
        kind: 'unrecorded',
      });
    }
    place.write({ 'src/deep/mod.rs': '', 'spare/deep/mod.rs': '' });
    const beforeNs = place.ctimeNs('spare/deep/mod.rs');
    do place.write({ 'other/tick': '' });
    while (place.ctimeNs('other/tick') <= beforeNs);
    expect(place.record({ paths: ['spare/deep/mod.rs'] }, beforeNs).kind).toBe('files');
    renameSync(join(place.path, 'src'), join(place.path, 'old'));
    renameSync(join(place.path, 'spare'), join(place.path, 'src'));
    expect(place.record({ paths: ['src/deep/mod.rs'] }, beforeNs).kind).toBe('unrecorded');
    place.link('include', 'v2');
    expect(place.record({ paths: ['include/file'] }, startedNs)).toMatchObject({
      kind: 'unrecorded',
    });
  });

  test('are what links below a directory lead to, not only the links', async () => {
    await using place = await createPlace();
    place.write({ 'data/own': '', 'out/file': '1', 'out/tree/deep': '1' });
    place.link('data/file', '../out/file');
    place.link('data/tree', '../out/tree');
    place.link('data/none', '../out/none');
    for (const set of [
      { paths: ['data'] },
      { kind: 'tree', root: join(place.path, 'data') },
    ] satisfies Partial<UnreadSet>[]) {
      const recorded = place.must(set);
      expect(place.difference(recorded)).toBeUndefined();
      place.write({ 'out/file': '2' });
      expect(place.difference(recorded)).toBeDefined();
      place.write({ 'out/file': '1', 'out/tree/deep': '2' });
      expect(place.difference(recorded)).toBeDefined();
      place.write({ 'out/tree/deep': '1', 'out/none': '' });
      expect(place.difference(recorded)).toBeDefined();
      rmSync(join(place.path, 'out/none'));
      place.write({ 'out/other': '1' });
      place.link('data/file', '../out/other');
      expect(place.difference(recorded)).toBeDefined();
      place.link('data/file', '../out/file');
      expect(place.difference(recorded)).toBeUndefined();
    }
  });

  test('end in spite of links to a directory above and of links to one another', async () => {
    await using place = await createPlace();
    place.write({ 'data/a/file': '1', 'data/b/file': '2' });
    for (const [name, target] of [
      ['data/up', '..'],
      ['data/a/b', '../b'],
      ['data/b/a', '../a'],
      ['data/b/self', '.'],
    ] as const) {
      place.link(name, target);
    }
    const recorded = place.must({ paths: ['data'] });
    expect(place.difference(recorded)).toBeUndefined();
    place.write({ 'data/b/file': '3' });
    expect(place.difference(recorded)).toBe(place.path);
  });

  test('of a package are all its files, but for what cargo and git keep there', async () => {
    await using place = await createPlace();
    place.write({ 'Cargo.toml': '', 'native/data.c': '1', 'target/keep': '1' });
    const recorded = place.must({ kind: 'tree' });
    place.write({
      '.git/index': '1',
      '.cargo-ok': '{"v":1}',
      'sub/target/CACHEDIR.TAG': '',
      'sub/target/debug/x': '',
    });
    // An own directory appeared: that is seen, what is in the build-dir below it is not.
    const withSub = place.must({ kind: 'tree' });
    expect(place.difference(recorded)).toBe(place.path);
    place.write({ 'sub/target/debug/y': '', '.git/HEAD': '', '.cargo-ok': 'ok' });
    expect(place.difference(withSub)).toBeUndefined();
    place.write({ 'target/keep': '2' });
    expect(place.difference(withSub)).toBe(place.path);
    place.write({ 'target/keep': '1', 'native/data.c': '2' });
    expect(place.difference(withSub)).toBe(place.path);
  });

  test('are too large beyond a bound, and content then counts by its first level', async () => {
    await using place = await createPlace(noMemory, [], 10);
    for (let at = 0; at < 10; at += 1) place.write({ [`many/${at}`]: '' });
    expect(place.must({ paths: ['many'] }).kind).toBe('files');
    place.write({ 'many/last': '' });
    expect(place.record({ kind: 'tree' })).toMatchObject({ kind: 'unrecorded', isTooLarge: true });
    const content = place.must({ kind: 'content', root: join(place.path, 'many') });
    expect(place.difference(content)).toBeUndefined();
    place.write({ 'many/7': 'longer' });
    expect(place.difference(content)).toBe(join(place.path, 'many'));
  });

  test('that are known are not read again, whatever the number of the device is', async () => {
    const rows = new Map<string, ReturnType<InputMemory['inputRow']>>();
    const memory: InputMemory = {
      inputRow: (path) => rows.get(path),
      putInputRows: (all) => {
        for (const { path, ...row } of all) rows.set(path, row);
      },
    };
    await using place = await createPlace(memory);
    place.write({ 'lib.rs': 'one' });
    const honest = place.must({ paths: ['lib.rs'] });
    const { size, mtimeNs, ctimeNs, ino, dev } = lstatSync(join(place.path, 'lib.rs'), {
      bigint: true,
    });
    const digest = 'f'.repeat(64) as InputSet['digest'] & { readonly digestBrand: true };
    const path = new HostFiles(() => []).realPath(join(place.path, 'lib.rs')) ?? '';
    const row = { sizeBytes: Number(size), mtimeNs, ctimeNs, ino, dev: dev + 1n };
    rows.set(path, { ...row, digest: digest as never });
    expect(place.difference(honest)).toBe(place.path);
    rows.set(path, { ...row, ino: ino + 1n, digest: digest as never });
    expect(place.difference(honest)).toBeUndefined();
  });
});

describe('what a unit takes from the system', () => {
  const library = (name: string, ...paths: readonly string[]): UnreadSet => ({
    kind: 'library',
    root: name,
    paths,
  });

  test('is the library that the linker finds, in the order of its search', async () => {
    await using place = await createPlace();
    const at = (name: string): string => join(place.path, name);
    place.write({ 'usual/libz.so.1': '1', 'usual/libz.a': '1', 'b/other': '' });
    place.link('usual/libz.so', 'libz.so.1');
    const set = library('z', `search=${at('a')}`, `search=${at('b')}`, `default=${at('usual')}`);
    const recorded = place.must(set);
    const changes: readonly [string, () => void, () => void][] = [
      [
        'upgrade',
        () => place.write({ 'usual/libz.so.1': '2' }),
        () => place.write({ 'usual/libz.so.1': '1' }),
      ],
      [
        'removal',
        () => rmSync(at('usual/libz.so')),
        () => place.link('usual/libz.so', 'libz.so.1'),
      ],
      ['first', () => place.write({ 'a/libz.a': '' }), () => rmSync(at('a'), { recursive: true })],
      ['second', () => place.write({ 'b/libz.so': '' }), () => rmSync(at('b/libz.so'))],
    ];
    for (const [name, change, undo] of changes) {
      expect(place.difference(recorded), name).toBeUndefined();
      change();
      expect(place.difference(recorded), name).toBe('library z');
      undo();
    }
    place.write({ 'usual/libz.a': '2', 'b/libz.o': '' });
    expect(place.difference(recorded)).toBeUndefined();
  });

  test('is the archive that rustc bundles, which must be older than the unit', async () => {
    await using place = await createPlace();
    place.write({ 'a/libfoo.so': '1', 'a/libfoo.a': '1', 'a/foo.lib': '1' });
    const search = `search=${join(place.path, 'a')}`;
    const archive = place.must(library('static=foo', search));
    const verbatim = place.must(library('static:+verbatim=foo.lib', search));
    place.write({ 'a/libfoo.so': '2' });
    expect(place.difference(archive)).toBeUndefined();
    const startedNs = place.ctimeNs('a/libfoo.a');
    expect(place.record(library('static=foo', search), startedNs).kind).toBe('library');
    while (place.ctimeNs('a/libfoo.a') <= startedNs) place.write({ 'a/libfoo.a': '2' });
    expect(place.difference(archive)).toBe('library static=foo');
    expect(place.difference(verbatim)).toBeUndefined();
    expect(place.record(library('static=foo', search), startedNs).kind).toBe('unrecorded');
  });

  test('is the presence of a directory, whatever is in it', async () => {
    await using place = await createPlace();
    const root = join(place.path, 'cache');
    const missing = place.must({ kind: 'presence', root });
    place.write({ 'cache/file': '' });
    const present = place.must({ kind: 'presence', root });
    expect(place.difference(missing)).toBe(root);
    place.write({ 'cache/other': '' });
    expect(place.difference(present)).toBeUndefined();
    rmSync(root, { recursive: true });
    expect(place.difference(present)).toBe(root);
    place.write({ cache: '' });
    expect(place.difference(present)).toBe(root);
  });

  test('counts by size and times where it is larger than what is read', async () => {
    await using place = await createPlace();
    place.write({ 'opt/a.h': '1', 'opt/b.bin': '', 'opt/c.h': '1' });
    truncateSync(join(place.path, 'opt/b.bin'), contentBytesMax + 1);
    const recorded = place.must({ kind: 'content', root: join(place.path, 'opt') });
    expect(place.difference(recorded)).toBeUndefined();
    place.write({ 'opt/c.h': '2' });
    expect(place.difference(recorded)).toBeDefined();
    place.write({ 'opt/c.h': '1' });
    expect(place.difference(recorded)).toBeUndefined();
    truncateSync(join(place.path, 'opt/b.bin'), contentBytesMax + 2);
    expect(place.difference(recorded)).toBeDefined();
  });

  test('is every .pc file on the path of pkg-config', async () => {
    await using place = await createPlace();
    place.write({ 'a/zlib.pc': '1', 'a/note': '1' });
    const paths = ['a', 'b'].map((name) => join(place.path, name));
    const recorded = place.must({ kind: 'pkg-config', root: '', paths });
    place.write({ 'a/note': '2' });
    expect(place.difference(recorded)).toBeUndefined();
    place.write({ 'a/zlib.pc': '2' });
    expect(place.difference(recorded)).toBe('files of pkg-config');
    place.write({ 'a/zlib.pc': '1' });
    expect(place.difference(recorded)).toBeUndefined();
    place.write({ 'b/other.pc': '' });
    expect(place.difference(recorded)).toBe('files of pkg-config');
    rmSync(join(place.path, 'b'), { recursive: true });
    place.link('b', 'b');
    expect(place.difference(recorded)).toContain('loop');
  });
});
