/** Sizes and durations as people write them on command lines and in the configuration file. */

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  ...powersOf('k', 'm', 'g', 't', 'p'),
};

/** As in coreutils: `G` and `GiB` are 1024³, `GB` is 1000³. */
function powersOf(...letters: readonly string[]): Record<string, number> {
  const units: Record<string, number> = {};
  letters.forEach((letter, index) => {
    units[letter] = units[`${letter}ib`] = 1024 ** (index + 1);
    units[`${letter}b`] = 1000 ** (index + 1);
  });
  return units;
}

const durationUnits: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const quantity = /^(\d+(?:\.\d+)?(?:e\d{1,2})?) *([a-z]*)$/i;

/** Bytes from `512MiB`, `20GiB`, `10G`, `5e9`; undefined for a text that is no size. */
export function sizeBytesOf(text: string): number | undefined {
  return parseQuantity(text, sizeUnits);
}

/** Milliseconds from `30d`, `24h`, `30m`; undefined for a text that is no duration. */
export function durationMsOf(text: string): number | undefined {
  return parseQuantity(text, durationUnits);
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = quantity.exec(text.trim());
  if (match === null) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined) return undefined;
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}
