/** Inputs that are nearly right: valid samples with a few edits, and bytes of no meaning at all. */
import fc from 'fast-check';

/** What parsers stumble over. */
const hostileTexts = [
  '',
  '\0',
  '\n',
  '\r\n',
  '\\',
  '"',
  "'",
  '..',
  '../',
  '/',
  ' ',
  ': ',
  '=',
  '#',
  '{',
  '}',
  '[',
  ']',
  '\u{feff}',
  '\ud800',
  'é',
  '__proto__',
  'constructor',
  '-1',
  '1e999',
  '9007199254740993',
  '18446744073709551616',
  'NaN',
  'null',
];
const hostileBytes = [
  Buffer.from('ffffffff', 'hex'),
  Buffer.from('ffffff7f', 'hex'),
  Buffer.from('00000080', 'hex'),
  Buffer.from('00000000', 'hex'),
  Buffer.from('01000000ff01', 'hex'),
  Buffer.from('c080', 'hex'),
];

type Edit = (bytes: Buffer) => Buffer;

/** Where in a text of any length: thousandths. */
const place = fc.integer({ min: 0, max: 1000 });
const lengths = fc.oneof(fc.nat(8), fc.nat(200));
const added: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom(...hostileTexts.map((text) => Buffer.from(text)), ...hostileBytes),
  fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
);

function at(bytes: Buffer, thousandths: number): number {
  return Math.floor((bytes.length * thousandths) / 1000);
}

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([from, bits]): Edit => {
    return (bytes) => {
      const copy = Buffer.from(bytes);
      const index = Math.min(at(bytes, from), bytes.length - 1);
      if (index >= 0) copy[index] = (copy[index] ?? 0) ^ bits;
      return copy;
    };
  }),
  fc.tuple(place, added).map(([from, text]): Edit => {
    return (bytes) => {
      const index = at(bytes, from);
      return Buffer.concat([bytes.subarray(0, index), text, bytes.subarray(index)]);
    };
  }),
  fc.tuple(place, added).map(([from, text]): Edit => {
    return (bytes) => {
      const index = at(bytes, from);
      return Buffer.concat([bytes.subarray(0, index), text, bytes.subarray(index + text.length)]);
    };
  }),
  fc.tuple(place, lengths).map(([from, count]): Edit => {
    return (bytes) => {
      const index = at(bytes, from);
      return Buffer.concat([bytes.subarray(0, index), bytes.subarray(index + count)]);
    };
  }),
  fc.tuple(place, lengths, place, fc.integer({ min: 1, max: 300 })).map((numbers): Edit => {
    const [from, count, to, times] = numbers;
    return (bytes) => {
      const piece = bytes.subarray(at(bytes, from), at(bytes, from) + count);
      const index = at(bytes, to);
      const copies = Array.from({ length: times }, () => piece);
      return Buffer.concat([bytes.subarray(0, index), ...copies, bytes.subarray(index)]);
    };
  }),
  place.map(
    (from): Edit =>
      (bytes) =>
        Buffer.from(bytes.subarray(0, at(bytes, from))),
  ),
);

/** A sample with up to eight edits, or random bytes. */
export function mutated(samples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.constantFrom(...samples), fc.array(edits, { minLength: 1, maxLength: 8 }))
        .map(([sample, changes]) => changes.reduce((bytes, edit) => edit(bytes), sample)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) },
  );
}

/** The same as text, also with characters that no UTF-8 decoder gives (lone surrogates). */
export function mutatedText(samples: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: mutated(samples.map((text) => Buffer.from(text))).map(String) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
    {
      weight: 2,
      arbitrary: fc
        .array(fc.constantFrom(...hostileTexts, ...samples.map((text) => text.slice(0, 40))), {
          maxLength: 60,
        })
        .map((pieces) => pieces.join('')),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...hostileTexts), fc.integer({ min: 1, max: 20_000 }))
        .map(([piece, times]) => piece.repeat(times)),
    },
  );
}

const hostileValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 1.5, 1e300, 2 ** 53, '', '..', '/etc', 'a\0b', [], {}),
  fc.constantFrom<unknown>([[]], [null], [{}], { length: 3 }, 'x'.repeat(5000)),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A JSON value with up to four of its parts removed, repeated or replaced. */
export function mutatedJson(samples: readonly unknown[]): fc.Arbitrary<unknown> {
  const change = fc.tuple(
    fc.array(fc.nat(1000), { maxLength: 6 }),
    fc.constantFrom('replace', 'remove', 'repeat', 'add'),
    hostileValues,
  );
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([sample, changes]) =>
      changes.reduce(
        (value, [path, kind, hostile]) => changedAt(value, path, kind, hostile),
        sample,
      ),
    );
}

function changedAt(
  value: unknown,
  path: readonly number[],
  kind: string,
  hostile: unknown,
): unknown {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== 'object' || value === null) return hostile;
  const entries = Object.entries(value);
  const index = entries.length === 0 ? -1 : first % entries.length;
  const chosen = entries[index];
  if (chosen === undefined) return hostile;
  const [key, member] = chosen as [string, unknown];
  const isLast = rest.length === 0;
  if (!isLast || kind === 'replace') {
    entries[index] = [key, isLast ? hostile : changedAt(member, rest, kind, hostile)];
  } else if (kind === 'remove') entries.splice(index, 1);
  else
    entries.splice(index, 0, [kind === 'add' ? 'added' : key, kind === 'add' ? hostile : member]);
  if (Array.isArray(value)) return entries.map(([, each]) => each as unknown);
  return Object.fromEntries(entries);
}
