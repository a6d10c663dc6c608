/** How much the random tests do: little in `npm test`, `XCACHE_MODEL_OPERATIONS` in `npm run model`. */
const asked = process.env['XCACHE_MODEL_OPERATIONS'];

/** Operations on each kind of mount. */
export const mountOperations: number = Number(asked ?? 3_000);

/** Operations without a kernel, about. */
export const inProcessOperations: number = Number(asked ?? 1_800);

/** XCACHE_MODEL_SEED, or a new one. */
export function chooseSeed(): number {
  const given = process.env['XCACHE_MODEL_SEED'];
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}
