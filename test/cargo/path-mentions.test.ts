import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hasLengthBeside,
  findPathMentions,
  neutralText,
  pathNotations,
  replacePath,
  specialCharacters,
  unfolded,
  withoutMentions,
} from '../../src/cargo/path-mentions.js';

const path = '/x/target';
const moved = (text: string): string => replacePath(text, [path, '/somewhere/else']);

describe('a path in a text', () => {
  it.each([
    '/x/target',
    'prefix=/x/target/lib',
    '-L/x/target/debug -I/x/target',
    '-isystem/x/target/include',
    'file:///x/target/a',
    '$(DESTDIR)/x/target/lib',
    '@/x/target/args',
    '"/x/target";\'/x/target\'',
    'a:/x/target:b',
    'It is in /x/target.',
    'text\\n/x/target',
  ])('is replaced in %s', (text) => {
    expect(moved(text)).toBe(text.replaceAll(path, '/somewhere/else'));
  });

  it.each([
    '/a/x/target',
    '/x/target2',
    '/x/target-old/lib',
    '/x/target.bak',
    'x.dir/x/target',
    '..//x/target',
    '\\/x\\/target',
    '%2Fx%2Ftarget',
  ])('is not replaced in %s', (text) => {
    expect(moved(text)).toBe(text);
  });

  it('may be broken as autoconf does it', () => {
    const text = 'S["a"]="-L/x/tar"\\\n"get/li"\\\n"b"\n';
    expect(moved(text)).toBe('S["a"]="-L/somewhere/else/li"\\\n"b"\n');
    expect(neutralText(text, path)).toBe('S["a"]="-L<build-dir>/lib"\n');
    expect(findPathMentions(text, path)).toMatchObject([{ word: '/x/target/lib' }]);
    expect(withoutMentions(text, path, () => true)).toBe('S["a"]="-L\0"\n');
  });

  it('is there again where lines are put together', () => {
    for (const text of [
      '/x/ta\nrget',
      '/x/ta\\\n   rget',
      "'/x/ta'\n  'rget'",
      '"/x/ta" \\\r\n"rget"',
    ]) {
      expect(unfolded(text)).toContain(path);
    }
  });

  it('has other notations', () => {
    const text = pathNotations('/home/me/my app');
    for (const notation of ['home%2Fme%2Fmy%20app', 'home\\/me\\/my app', '/home/me/my\\ app']) {
      expect(text).toContain(notation);
    }
    expect(text).toContain('home_me_my_app');
    expect(text).toContain(Array.from('/home/me/my app', (byte) => `${byte}\0`).join(''));
    expect(pathNotations('/src')).toEqual([]);
    expect([...specialCharacters('/a b/c@d.e-f')]).toEqual([' ', '@']);
  });

  it('comes back when it is replaced there and back', () => {
    const pieces = fc.constantFrom(path, '/a', ' ', '"', '-L', 'x', '"\\\n"', '..', '\n', '=');
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        const text = parts.join('').replaceAll('"\\\n"', '');
        const there = moved(text);
        expect(replacePath(there, ['/somewhere/else', path])).toBe(text);
        expect(neutralText(there, '/somewhere/else')).toBe(neutralText(text, path));
      }),
    );
  });
});

describe('a number beside a path', () => {
  const path = '/home/u/w/target';
  const has = (text: string): boolean =>
    findPathMentions(text, path).some((mention) => hasLengthBeside(text, mention));

  it('may be its length, of what is below it, or of a literal around it', () => {
    expect(has(`${path.length}:${path}\nnext`)).toBe(true);
    expect(has(`pub const P: &[u8; ${path.length + 5}] = b"${path}/etc\0";`)).toBe(true);
    expect(has(`s = "-I${path}"; n = ${path.length + 2};`)).toBe(true);
    expect(has(`0x${path.length.toString(16)} ${path}`)).toBe(true);
  });

  it('is none of it if it is smaller or much larger, a part of a name, or far away', () => {
    expect(has(`3 ${path} 2026`)).toBe(false);
    expect(has(`v16.2 lib17 ${path}`)).toBe(false);
    expect(has(`17${' '.repeat(100)}${path}`)).toBe(false);
  });
});
