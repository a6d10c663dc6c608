/** Random operations: how they look, and how they are made by fast-check. */
import fc from 'fast-check';
import type { VirtualPath } from '../../src/base/byte-string.js';

export type Operation =
  | {
      readonly kind: 'write';
      readonly path: VirtualPath;
      readonly at: number;
      readonly text: string;
    }
  | { readonly kind: 'create'; readonly path: VirtualPath; readonly mode: number }
  | { readonly kind: 'truncate'; readonly path: VirtualPath; readonly sizeBytes: number }
  | { readonly kind: 'unlink' | 'rmdir' | 'mkdir'; readonly path: VirtualPath }
  | {
      readonly kind: 'rename';
      readonly path: VirtualPath;
      readonly to: VirtualPath;
      readonly flag: 'noreplace' | 'exchange' | undefined;
    }
  | { readonly kind: 'link'; readonly path: VirtualPath; readonly to: VirtualPath }
  | { readonly kind: 'symlink'; readonly path: VirtualPath; readonly target: string }
  | { readonly kind: 'chmod'; readonly path: VirtualPath; readonly mode: number }
  | { readonly kind: 'utimens'; readonly path: VirtualPath; readonly mtimeNs: bigint }
  | { readonly kind: 'hold'; readonly path: VirtualPath }
  | { readonly kind: 'writeHeld'; readonly index: number; readonly text: string }
  | { readonly kind: 'readHeld' | 'release'; readonly index: number }
  | { readonly kind: 'attach'; readonly path: VirtualPath; readonly requires: number | undefined }
  | {
      readonly kind: 'adopt';
      readonly path: VirtualPath;
      readonly disposal: 'move' | 'drop';
      /** An operation that comes between preparation and completion. */
      readonly between: VirtualPath | undefined;
    }
  /** After a close, or after a kill. */
  | { readonly kind: 'reopen' | 'abandon' };

/** Few names, so that operations meet. */
const nameArbitrary = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b') },
  { weight: 2, arbitrary: fc.constant('c') },
  { weight: 1, arbitrary: fc.constant('\xff\x80') },
);

const pathArbitrary: fc.Arbitrary<VirtualPath> = fc
  .oneof(
    { weight: 4, arbitrary: fc.array(nameArbitrary, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(nameArbitrary, { minLength: 3, maxLength: 4 }) },
  )
  .map((parts) => parts.join('/') as VirtualPath);

const textArbitrary = fc.string({ minLength: 1, maxLength: 12 });
const flagArbitrary = fc.constantFrom('noreplace' as const, 'exchange' as const);
const indexArbitrary = fc.nat(3);
const modeArbitrary = fc.constantFrom(0o644, 0o755, 0o600, 0o444);
const timeArbitrary = fc.bigInt({ min: 1_000_000_000n, max: 2_000_000_000_999_999_999n });

/** Weights lean towards making things, so that there is something to work on. */
export const operationArbitrary: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: of('write', { at: fc.nat(20), text: textArbitrary }) },
  { weight: 4, arbitrary: of('mkdir', {}) },
  { weight: 2, arbitrary: of('create', { mode: modeArbitrary }) },
  { weight: 2, arbitrary: of('truncate', { sizeBytes: fc.nat(30) }) },
  { weight: 3, arbitrary: of('unlink', {}) },
  { weight: 2, arbitrary: of('rmdir', {}) },
  {
    weight: 6,
    arbitrary: of('rename', {
      to: pathArbitrary,
      flag: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, flagArbitrary),
    }),
  },
  { weight: 3, arbitrary: of('link', { to: pathArbitrary }) },
  { weight: 1, arbitrary: of('symlink', { target: fc.constantFrom('a', 'b/c', './c') }) },
  { weight: 2, arbitrary: of('chmod', { mode: modeArbitrary }) },
  { weight: 2, arbitrary: of('utimens', { mtimeNs: timeArbitrary }) },
  { weight: 2, arbitrary: of('hold', {}) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('writeHeld' as const),
      index: indexArbitrary,
      text: textArbitrary,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('readHeld' as const, 'release' as const),
      index: indexArbitrary,
    }),
  },
  { weight: 4, arbitrary: of('attach', { requires: fc.option(fc.nat(4), { nil: undefined }) }) },
  {
    weight: 4,
    arbitrary: of('adopt', {
      disposal: fc.constantFrom('move' as const, 'drop' as const),
      between: fc.option(pathArbitrary, { nil: undefined, freq: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reopen', 'abandon') }) },
) as fc.Arbitrary<Operation>;

function of(
  kind: Operation['kind'],
  rest: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<unknown> {
  return fc.record({ kind: fc.constant(kind), path: pathArbitrary, ...rest });
}
