import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { searchObjectCode, type ObjectSearch } from '../../src/cargo/object-code.js';
import { createTempDirectory } from '../support/tmp.js';

const path = '/x/target/debug/build/a';
const search = (bytes: Buffer): ObjectSearch | undefined =>
  searchObjectCode(bytes, (part) => part.includes(path));

/** An ELF file with one section for each of `sections`, and the names of them. */
function elf(
  sections: readonly { name: string; flags?: number; type?: number; text?: string }[],
  { is64 = true, isLittle = true }: { is64?: boolean; isLittle?: boolean } = {},
): Buffer {
  const headerLength = is64 ? 64 : 52;
  const entryLength = is64 ? 64 : 40;
  const all = [...sections, { name: '.shstrtab', type: 3 }];
  const names = `\0${all.map(({ name }) => `${name}\0`).join('')}`;
  const texts = [...sections.map(({ text = '' }) => text), names];
  const bytes = Buffer.alloc(headerLength + texts.join('').length + entryLength * (all.length + 1));
  const put = (at: number, length: 2 | 4 | 8, value: number): void => {
    if (length === 8) put(isLittle ? at + 4 : at, 4, 0);
    const [to, size] = length === 8 ? [isLittle ? at : at + 4, 4] : [at, length];
    if (isLittle) bytes.writeUIntLE(value, to, size);
    else bytes.writeUIntBE(value, to, size);
  };
  const long = is64 ? 8 : 4;
  bytes.write(`\x7fELF${is64 ? '\x02' : '\x01'}${isLittle ? '\x01' : '\x02'}\x01`, 'latin1');
  put(16, 2, 1);
  const table = headerLength + texts.join('').length;
  put(is64 ? 40 : 32, long, table);
  put(is64 ? 58 : 46, 2, entryLength);
  put(is64 ? 60 : 48, 2, all.length + 1);
  put(is64 ? 62 : 50, 2, all.length);
  let at = headerLength;
  all.forEach(({ name, flags = 0, type = 1 }, index) => {
    const header = table + entryLength * (index + 1);
    const text = texts[index] ?? '';
    bytes.write(text, at, 'latin1');
    put(header, 4, names.indexOf(`\0${name}\0`) + 1);
    put(header + 4, 4, type);
    put(header + 8, long, flags);
    put(header + (is64 ? 24 : 16), long, at);
    put(header + (is64 ? 32 : 20), long, text.length);
    at += text.length;
  });
  return bytes;
}

function archive(
  members: readonly { name: string; content: Buffer }[],
  magic = '!<arch>\n',
): Buffer {
  const parts = members.flatMap(({ name, content }) => [
    Buffer.from(
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`,
    ),
    content,
    Buffer.alloc(content.length & 1, '\n'),
  ]);
  return Buffer.concat([Buffer.from(magic), ...parts]);
}

const loaded = { name: '.rodata', flags: 2, text: `x${path}\0` };
const debug = { name: '.debug_str', text: `x${path}\0` };
const widths = [
  { is64: true, isLittle: true },
  { is64: true, isLittle: false },
  { is64: false, isLittle: true },
  { is64: false, isLittle: false },
];

describe('a path in object code', () => {
  it.each(widths)('counts where it is loaded, not where it is debug information: %o', (form) => {
    expect(search(elf([debug], form))).toEqual({ verdict: 'unnamed' });
    expect(search(elf([debug, loaded], form))).toEqual({ verdict: 'named', where: '.rodata' });
    expect(search(elf([{ ...debug, flags: 2 }], form))).toMatchObject({ verdict: 'named' });
    expect(search(elf([{ ...loaded, name: '.deplibs', flags: 0 }], form))).toMatchObject({
      verdict: 'named',
    });
  });

  it('is not looked for in what is encoded', () => {
    const text = 'packed';
    for (const section of [
      { name: '.gnu.lto_main', text },
      { name: '.llvmbc', text },
      { name: '.x', type: 0x6fff4c0c, text },
      { name: '.data', flags: 0x802, text },
    ]) {
      expect(search(elf([section]))).toMatchObject({ verdict: 'unknown' });
    }
    expect(search(elf([{ name: '.debug_str', flags: 0x800, text }]))).toEqual({
      verdict: 'unnamed',
    });
    expect(search(Buffer.from('BC\xc0\xdexx', 'latin1'))).toMatchObject({ verdict: 'unknown' });
    const fat = Buffer.from('\xca\xfe\xba\xbe\0\0\0\x02', 'latin1');
    expect(search(fat)).toMatchObject({ verdict: 'unknown' });
    expect(search(Buffer.from('\xca\xfe\xba\xbe\0\0\0\x41', 'latin1'))).toBeUndefined();
  });

  it('is looked for in each member of an archive', () => {
    const clean = { name: 'a.o/', content: elf([debug]) };
    const dirty = { name: 'b.o/', content: elf([loaded]) };
    expect(search(archive([clean]))).toEqual({ verdict: 'unnamed' });
    expect(search(archive([clean, dirty]))).toEqual({ verdict: 'named', where: 'b.o, .rodata' });
    const text = { name: 'note', content: Buffer.from(path) };
    expect(search(archive([clean, text]))).toMatchObject({ verdict: 'named' });
    const names = { name: '//', content: Buffer.from('a_very_long_name_of_a_member.o/\n') };
    expect(search(archive([names, { ...dirty, name: '/0' }]))).toEqual({
      verdict: 'named',
      where: 'a_very_long_name_of_a_member.o, .rodata',
    });
    const content = Buffer.concat([Buffer.from('bsd name'), dirty.content]);
    expect(search(archive([{ name: '#1/8', content }]))).toEqual({
      verdict: 'named',
      where: 'bsd name, .rodata',
    });
    expect(search(archive([{ name: '/0', content: Buffer.alloc(0) }], '!<thin>\n'))).toMatchObject({
      verdict: 'unknown',
    });
    expect(search(archive([{ name: 'x', content: archive([dirty]) }]))).toMatchObject({
      verdict: 'unknown',
    });
  });

  it('is unknown where the file is cut off', () => {
    const whole = archive([{ name: 'a.o', content: elf([debug, debug]) }]);
    // The last byte fills an odd length up.
    const odd = [...Array(whole.length).keys()].slice(9, -1).filter((length) => {
      const found = search(whole.subarray(0, length));
      return found?.verdict === 'unnamed';
    });
    expect(odd).toEqual([]);
  });

  it('outside of what is hidden is always found, and nothing throws', () => {
    const samples = [
      elf([debug, loaded]),
      elf([debug], { is64: false, isLittle: false }),
      archive([{ name: 'a', content: elf([debug]) }]),
    ];
    const inputs = fc.tuple(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 8 }),
    );
    fc.assert(
      fc.property(inputs, ([sample, changes]) => {
        const bytes = Buffer.from(sample);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const everything = search(bytes);
        if (everything?.verdict === 'named') expect(bytes.includes(path)).toBe(true);
      }),
    );
  });

  it('is where the compiler put it', async () => {
    if (spawnSync('cc', ['--version']).status !== 0) return;
    await using directory = await createTempDirectory();
    const source = join(directory.path, 'v.c');
    writeFileSync(source, 'const char *v(void) { return VALUE; }\nint main(void) { return 0; }\n');
    const compile = (...args: readonly string[]): ObjectSearch | undefined => {
      execFileSync('cc', ['-g', ...args, 'v.c', '-o', 'v'], { cwd: directory.path });
      const bytes = readFileSync(join(directory.path, 'v'));
      expect(bytes.includes(directory.path)).toBe(true);
      return searchObjectCode(bytes, (part) => part.includes(directory.path));
    };
    const named = `-DVALUE="${directory.path}/x"`;
    for (const kind of [['-c'], [], ['-shared', '-fPIC']]) {
      expect(compile('-DVALUE="x"', ...kind)).toEqual({ verdict: 'unnamed' });
      expect(compile(named, ...kind)).toMatchObject({ verdict: 'named' });
    }
    expect(compile('-DVALUE="x"', `-Wl,-rpath,${directory.path}`)).toMatchObject({
      verdict: 'named',
      where: '.dynstr',
    });
  });
});
