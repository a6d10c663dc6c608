import { describe, expect, test } from 'vitest';
import { namesPath, withoutDirectories } from '../../src/cargo/path-text.js';

describe('a text names /src', () => {
  test.each([
    '/src',
    'in "/src/x"',
    '-I/src/include',
    '-isystem/src',
    'native=/src:/b',
    'file:///src/x',
    'see /src.',
    'a\n/src\n',
    '/usr/src and /src',
    // A table of texts: a length, then the text, then the next one.
    '\0A/srcB',
  ])('in %j', (text) => {
    expect(namesPath(text, '/src')).toBe(true);
  });

  test.each([
    '/usr/src/x',
    '/srcdata',
    '/src-old/x',
    '/src.old',
    'https://example.com/src',
    'src/x',
    '',
  ])('but not in %j', (text) => {
    expect(namesPath(text, '/src')).toBe(false);
  });

  test('whatever its length', () => {
    const long = '/usr/src'.repeat(200_000);
    expect(namesPath(long, '/src')).toBe(false);
    expect(withoutDirectories(long, ['/src'])).toBe(long);
    expect(withoutDirectories('/src/../'.repeat(50_000), ['/src'])).toContain('/src');
  });
});

describe('a text without a directory', () => {
  const directories = ['/root/registry/src', '/root/git/checkouts'];

  test('names what else it named', () => {
    const rest = withoutDirectories('-I/root/registry/src/i/a -L/root/w/lib', directories);
    expect(namesPath(rest, '/root')).toBe(true);
    expect(namesPath(rest, '/root/registry')).toBe(false);
  });

  test('names nothing else where it named nothing else', () => {
    const rest = withoutDirectories('/root/git/checkouts/r/1/x:/root/registry/src', directories);
    expect(namesPath(rest, '/root')).toBe(false);
  });

  test('keeps what goes up from it, or only begins like it', () => {
    for (const text of ['/root/registry/src/../../w/x', '/root/registry/src-of/x']) {
      expect(namesPath(withoutDirectories(text, directories), '/root')).toBe(true);
    }
  });
});
