/**
 * fuse-native 2.2.6 hands the access time to JavaScript twice and the modification time never
 * (`fuse_native_dispatch_utimens` in fuse-native.c). The C code has stored both, however, in the
 * calling thread's structure, and the memory of that is the buffer that each handler gets first.
 */
import type { NativeFuse } from './fuse-native-binding.js';

/** `op_utimens`. */
const utimensOperation = 12;

/** Offsets in `fuse_thread_locals_t` with 8-byte pointers, as on every machine it is built for. */
const atimeOffset = 104;
const mtimeOffset = 112;

const wordSpan = 4294967296;

/** To be called before the mount, which copies the handlers into the C code. */
export function repairUtimens(fuse: NativeFuse): void {
  const original = fuse._handlers[utimensOperation];
  if (!original) return;
  fuse._handlers[utimensOperation] = (locals, operation, ...args) => {
    original(locals, operation, ...withModificationTime(locals, args));
  };
}

/** `args`: path, then low and high half of the access time, twice, in milliseconds. */
function withModificationTime(locals: Buffer, args: readonly unknown[]): readonly unknown[] {
  const [path, atimeLow, atimeHigh] = args;
  if (locals.length < mtimeOffset + 8) return args;
  // Another build might lay the structure out differently: then the access time is not found here.
  const isKnownLayout =
    locals.readUInt32LE(atimeOffset) === atimeLow &&
    locals.readUInt32LE(atimeOffset + 4) === atimeHigh;
  if (!isKnownLayout) return args;
  const mtime = locals.readBigUInt64LE(mtimeOffset);
  const span = BigInt(wordSpan);
  return [path, atimeLow, atimeHigh, Number(mtime % span), Number(mtime / span)];
}
