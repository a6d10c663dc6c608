import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest } from '../../src/store/manifest-codec.js';
import type { Digest, Manifest, ManifestEntry } from '../../src/store/manifest.js';
import { manifestProblem, pathProblem } from '../../src/store/validate-manifest.js';

const blob = 'a'.repeat(64) as Digest;
const other = 'b'.repeat(64) as Digest;

function file(path: string, more: object = {}): ManifestEntry {
  return { kind: 'file', path, blob, offset: 0, sizeBytes: 1, mode: 0o644, ...more };
}

function link(path: string, target: string): ManifestEntry {
  return { kind: 'symlink', path, target };
}

function problemOf(...entries: ManifestEntry[]): string | undefined {
  return manifestProblem(manifest({ entries }));
}

function manifest(more: Partial<Manifest> = {}): Manifest {
  return {
    version: 1,
    lookupKey: 'key',
    createdMs: 1,
    facts: null,
    entries: [file('a')],
    ...more,
  };
}

describe('a path in a manifest', () => {
  it.each([
    ['', 'empty component'],
    ['/etc/passwd', 'absolute'],
    ['a//b', 'empty component'],
    ['a/', 'empty component'],
    ['..', '..'],
    ['a/../b', '..'],
    ['./a', '. or ..'],
    ['a\0b', 'NUL'],
    ['x'.repeat(256), 'too long'],
    [`${'x/'.repeat(2048)}x`, 'too long'],
    ['\u0100', 'byte string'],
  ])('may not be %j', (path, words) => {
    expect(pathProblem(path)).toContain(words);
    expect(problemOf(file(path))).toContain(words);
  });

  it.each(['a', 'a/b', '...', '..a', '\xff\xfe', 'x'.repeat(255), 'a b', '-', '\\'])(
    'may be %j',
    (path) => {
      expect(problemOf(file(path))).toBeUndefined();
    },
  );

  it('occurs once', () => {
    expect(problemOf(file('a'), file('a'))).toContain('repeated');
  });

  it('never lies below a file or a symlink, in any order', () => {
    expect(problemOf(file('a'), file('a/b'))).toContain('below a file');
    expect(problemOf(file('d/f'), link('a', 'd'), file('a/b/c'))).toContain('below a symlink');
    expect(problemOf(file('a/b/c'), link('a', 'x'))).toContain('after an entry below it');
    expect(problemOf(file('a/b'), { kind: 'directory', path: 'a' })).toContain('after an entry');
  });

  it('may lie in directories that are not listed', () => {
    expect(problemOf(file('a/b/c'), file('a/b/d'))).toBeUndefined();
  });
});

describe('a symlink in a manifest', () => {
  it.each([
    ['d/l', '/etc/passwd', 'absolute'],
    ['d/l', '../../x', 'leaves the unit'],
    ['l', '..', 'leaves the unit'],
    ['d/l', '', 'empty'],
    ['d/l', 'a//b', 'empty component'],
    ['d/l', 'a\0', 'not a path'],
    ['d/l', 'missing', 'not part of the unit'],
    ['d/l', 'e/../f', 'leaves the unit'],
    ['d/l', 'x'.repeat(4096), 'too long'],
  ])('may not lead from %j to %j', (path, target, words) => {
    expect(problemOf(file('d/f'), file('d/e/g'), link(path, target))).toContain(words);
  });

  it.each([
    ['d/l', 'f'],
    ['d/l', './f'],
    ['d/l', 'e/g'],
    ['d/l', '../d/f'],
    ['l', 'd'],
    ['d/e/l', '../f'],
  ])('may lead from %j to %j', (path, target) => {
    expect(problemOf(file('d/f'), file('d/e/g'), link(path, target))).toBeUndefined();
  });

  it('may not lead through another symlink', () => {
    expect(problemOf(file('d/e/f'), link('s', 'd'), link('l', 's/e/f'))).toContain('symlink');
  });
});

describe('a manifest', () => {
  it.each<[string, Partial<Manifest>]>([
    ['no entries', { entries: [] }],
    ['too many entries', { entries: Array.from({ length: 20_001 }, (_, at) => file(`f${at}`)) }],
    ['lookup key', { lookupKey: '' }],
    ['lookup key', { lookupKey: '\ud800' }],
    ['lookup key', { lookupKey: 'k'.repeat(1025) }],
    ['marker is not', { markers: [''] }],
    ['repeated', { markers: ['a', 'a'] }],
    ['creation', { createdMs: -1 }],
    ['creation', { createdMs: 1.5 }],
    ['facts', { facts: undefined }],
  ])('is refused for %s', (words, more) => {
    expect(manifestProblem(manifest(more))).toContain(words);
  });

  it.each<[string, object]>([
    ['mode', { mode: 0o4755 }],
    ['mode', { mode: 0o666 }],
    ['digest', { blob: 'x' }],
    ['range', { offset: -1 }],
    ['range', { sizeBytes: 0.5 }],
    ['range', { offset: Number.MAX_SAFE_INTEGER, sizeBytes: 1 }],
    ['too large', { sizeBytes: 65 * 2 ** 30 }],
  ])('is refused for the %s of a file', (words, more) => {
    expect(problemOf(file('a', more))).toContain(words);
  });

  it('has equal files in a group of hard links', () => {
    const linked = { linkGroup: 1 };
    expect(problemOf(file('a', linked), file('b', linked))).toBeUndefined();
    expect(problemOf(file('a', linked), file('b', { ...linked, blob: other }))).toContain('links');
    expect(problemOf(file('a', linked), file('b', { ...linked, mode: 0o755 }))).toContain('links');
  });

  it('has one encoding, whatever the order of its keys', () => {
    const entry = { mode: 0o644, sizeBytes: 1, offset: 0, blob, path: 'a', kind: 'file' } as const;
    expect(encodeManifest(manifest({ entries: [entry] })).digest).toBe(
      encodeManifest(manifest()).digest,
    );
  });

  it('is not read where it has a key or version that this program does not know', () => {
    const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    expect(decodeManifest(bytes(manifest()))).toEqual(manifest());
    expect(decodeManifest(bytes({ ...manifest(), version: 2 }))).toBeUndefined();
    expect(decodeManifest(bytes({ ...manifest(), more: 1 }))).toBeUndefined();
    expect(decodeManifest(bytes(manifest({ entries: [file('../a')] })))).toBeUndefined();
    expect(decodeManifest(Buffer.from('{'))).toBeUndefined();
    expect(decodeManifest(Buffer.alloc(0))).toBeUndefined();
  });

  it.each(['device', 'socket', 'fifo', '__proto__', ''])('has no entry of the kind %j', (kind) => {
    const entry = { kind, path: 'a', mode: 0o644, device: 2049 };
    const bytes = Buffer.from(JSON.stringify({ ...manifest(), entries: [file('b'), entry] }));
    expect(decodeManifest(bytes)).toBeUndefined();
  });

  it('of ten million entries is refused before it is parsed', () => {
    const entry = `${JSON.stringify({ kind: 'directory', path: 'd' })},`;
    const bytes = Buffer.alloc(10_000_000 * entry.length, entry);
    const before = process.cpuUsage();
    expect(decodeManifest(bytes)).toBeUndefined();
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });

  it('never names a place outside of its root, whatever the paths are', () => {
    const component = fc.constantFrom('a', 'b', '..', '.', '', 'l', 'd');
    const path = fc
      .array(component, { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/'));
    const entry = fc.oneof(
      path.map((at) => file(at)),
      fc.tuple(path, path).map(([at, target]) => link(at, target)),
      path.map((at): ManifestEntry => ({ kind: 'directory', path: at })),
    );
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 6 }), (entries) => {
        if (problemOf(...entries) !== undefined) return;
        for (const one of entries) {
          const end = one.kind === 'symlink' ? `${one.path}/../${one.target}` : one.path;
          expect(new URL(`file:///root/unit/${end}`).pathname).toMatch(/^\/root\/unit(\/|$)/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
