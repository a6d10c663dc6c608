/**
 * Names and paths of the virtual file system. A Linux name is any bytes but `/` and NUL, so it is
 * held as a *byte string*: a JavaScript string with one character (U+0000 to U+00FF) per byte.
 * That keeps every name distinct, whether it is UTF-8 or not, and lets names be map keys.
 */

declare const byteStringBrand: unique symbol;

/** One character per byte. Made by `byteStringFromBuffer` and `byteStringFromText` alone. */
export type ByteString = string & { readonly [byteStringBrand]: true };

/** A single path component. */
export type ByteName = ByteString;

/** A path below a view's root, without a leading or trailing slash; `''` is the root itself. */
export type VirtualPath = ByteString;

const ascii = /^[\x00-\x7f]*$/;

/** Reads the bytes as they are. */
export function byteStringFromBuffer(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
  ) as ByteString;
}

/** Encodes ordinary text as UTF-8 bytes. */
export function byteStringFromText(text: string): ByteString {
  return (ascii.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as ByteString;
}

/** The bytes again. */
export function byteStringToBuffer(value: ByteString): Buffer {
  return Buffer.from(value, 'latin1');
}

/** For people: UTF-8 where the bytes are UTF-8, the replacement character elsewhere. */
export function byteStringToText(value: ByteString): string {
  return ascii.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8');
}

/** A path as `node:fs` takes it: the string where it is ASCII, else a buffer with the exact bytes. */
export function byteStringToHostPath(value: ByteString): string | Buffer {
  return ascii.test(value) ? value : Buffer.from(value, 'latin1');
}

/** `parent/name`, where the root is `''`. */
export function joinVirtualPath(parent: VirtualPath, name: ByteName): VirtualPath {
  return (parent === '' ? name : `${parent}/${name}`) as VirtualPath;
}
