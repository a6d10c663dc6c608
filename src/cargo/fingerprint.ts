/**
 * Cargo's fingerprint files of a unit: the JSON with every hashed field, and beside it the file
 * with the hash. The hash can be recomputed from the JSON, which proves that both were written by
 * one finished build (cargo 1.95.0, f2d3ce0bd, `core/compiler/fingerprint/mod.rs`,
 * `impl Hash for Fingerprint`). A shape that this module does not know is `undefined`, never a guess.
 */
import { cargoFileBytesMax } from '../base/limits.js';
import { HashInput } from './hash-input.js';
import { readJson } from './json-reader.js';
import type { JsonObject, JsonValue } from './json-reader.js';

/** One of the conditions that cargo checks on the file system or in the environment. */
export type LocalFingerprint =
  | { readonly kind: 'precalculated'; readonly value: string }
  /** `depInfo` is relative to the build-dir. */
  | { readonly kind: 'check-dep-info'; readonly depInfo: string; readonly checksum: boolean }
  /** `output` is relative to the build-dir; `paths` to the package root unless absolute. */
  | {
      readonly kind: 'rerun-if-changed';
      readonly output: string;
      readonly paths: readonly string[];
    }
  | {
      readonly kind: 'rerun-if-env-changed';
      readonly variable: string;
      readonly value: string | undefined;
    };

/** A direct dependency: another unit, known by the hash of its own fingerprint. */
export interface FingerprintDependency {
  readonly packageId: bigint;
  /** The crate name under which it is linked; `build_script_build` and the like for run units. */
  readonly name: string;
  readonly isPublic: boolean;
  readonly fingerprintHash: bigint;
}

/** All hashed fields; numbers are unsigned 64-bit hashes of what cargo describes by them. */
export interface Fingerprint {
  readonly rustc: bigint;
  readonly features: string;
  readonly declaredFeatures: string;
  readonly target: bigint;
  readonly profile: bigint;
  readonly path: bigint;
  readonly dependencies: readonly FingerprintDependency[];
  readonly local: readonly LocalFingerprint[];
  readonly rustflags: readonly string[];
  readonly config: bigint;
  readonly compileKind: bigint;
}

/**
 * Reads a fingerprint JSON of cargo 1.85 to 1.100; undefined for any other shape (rule 21). Trust it
 * only if `fingerprintHash` gives the number in the hash file beside it.
 */
export function parseFingerprintJson(text: string): Fingerprint | undefined {
  if (text.length > cargoFileBytesMax) return undefined;
  const fields = asObject(readJson(text), fingerprintKeys);
  if (fields === undefined) return undefined;
  const numbers = numberKeys.map((key) => asU64(fields.get(key)));
  const [rustc, target, profile, path, config, compileKind] = numbers;
  const features = asString(fields.get('features'));
  const declaredFeatures = asString(fields.get('declared_features'));
  const dependencies = asList(fields.get('deps'), asDependency);
  const local = asList(fields.get('local'), asLocal);
  const rustflags = asList(fields.get('rustflags'), asString);
  if (
    rustc === undefined ||
    target === undefined ||
    profile === undefined ||
    path === undefined ||
    config === undefined ||
    compileKind === undefined ||
    features === undefined ||
    declaredFeatures === undefined ||
    dependencies === undefined ||
    local === undefined ||
    rustflags === undefined
  ) {
    return undefined;
  }
  return {
    rustc,
    features,
    declaredFeatures,
    target,
    profile,
    path,
    dependencies,
    local,
    rustflags,
    config,
    compileKind,
  };
}

/** The hash that cargo writes for this fingerprint. */
export function fingerprintHash(fingerprint: Fingerprint): bigint {
  const input = new HashInput();
  input.writeU64(fingerprint.rustc);
  input.writeString(fingerprint.features);
  input.writeString(fingerprint.declaredFeatures);
  input.writeU64(fingerprint.target);
  input.writeU64(fingerprint.path);
  input.writeU64(fingerprint.profile);
  input.writeLength(fingerprint.local.length);
  for (const local of fingerprint.local) writeLocal(input, local);
  input.writeU64(fingerprint.config);
  input.writeU64(fingerprint.compileKind);
  writeStrings(input, fingerprint.rustflags);
  input.writeLength(fingerprint.dependencies.length);
  for (const dependency of fingerprint.dependencies) {
    input.writeU64(dependency.packageId);
    input.writeString(dependency.name);
    input.writeBool(dependency.isPublic);
    input.writeU64(dependency.fingerprintHash);
  }
  return input.finish();
}

/** A hash as the hash file holds it: 16 lower-case hex digits of the little-endian bytes. */
export function formatFingerprintHash(hash: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, hash));
  return bytes.toString('hex');
}

/** The number in a hash file; undefined where it does not hold exactly 16 lower-case hex digits. */
export function parseFingerprintHash(text: string): bigint | undefined {
  if (!/^[0-9a-f]{16}$/.test(text)) return undefined;
  return Buffer.from(text, 'hex').readBigUInt64LE();
}

/** `util::hash_u64` of a Rust string. */
export function hashText(text: string): bigint {
  const input = new HashInput();
  input.writeString(text);
  return input.finish();
}

/**
 * The `rustc` field of every unit that this compiler builds. `verboseVersion` is the whole standard
 * output of `rustc -vV`, its last newline included (`fingerprint/mod.rs`, `calculate_normal`).
 */
export function rustcFieldHash(verboseVersion: string): bigint {
  return hashText(verboseVersion);
}

const numberKeys = ['rustc', 'target', 'profile', 'path', 'config', 'compile_kind'] as const;
const fingerprintKeys = [
  ...numberKeys,
  'features',
  'declared_features',
  'deps',
  'local',
  'rustflags',
] as const;

/** The order in cargo's `enum LocalFingerprint` gives the discriminants. */
function writeLocal(input: HashInput, local: LocalFingerprint): void {
  switch (local.kind) {
    case 'precalculated':
      input.writeDiscriminant(0);
      input.writeString(local.value);
      return;
    case 'check-dep-info':
      input.writeDiscriminant(1);
      input.writePath(local.depInfo);
      input.writeBool(local.checksum);
      return;
    case 'rerun-if-changed':
      input.writeDiscriminant(2);
      input.writePath(local.output);
      input.writeLength(local.paths.length);
      for (const path of local.paths) input.writePath(path);
      return;
    case 'rerun-if-env-changed':
      input.writeDiscriminant(3);
      input.writeString(local.variable);
      input.writeDiscriminant(local.value === undefined ? 0 : 1);
      if (local.value !== undefined) input.writeString(local.value);
      return;
  }
}

function writeStrings(input: HashInput, values: readonly string[]): void {
  input.writeLength(values.length);
  for (const value of values) input.writeString(value);
}

function asLocal(value: JsonValue | undefined): LocalFingerprint | undefined {
  if (!(value instanceof Map) || value.size !== 1) return undefined;
  const [[variant, content] = []] = value as JsonObject;
  switch (variant) {
    case 'Precalculated':
      return asPrecalculated(content);
    case 'CheckDepInfo':
      return asCheckDepInfo(content);
    case 'RerunIfChanged':
      return asRerunIfChanged(content);
    case 'RerunIfEnvChanged':
      return asRerunIfEnvChanged(content);
    default:
      return undefined;
  }
}

function asPrecalculated(content: JsonValue | undefined): LocalFingerprint | undefined {
  const value = asString(content);
  return value === undefined ? undefined : { kind: 'precalculated', value };
}

function asCheckDepInfo(content: JsonValue | undefined): LocalFingerprint | undefined {
  const fields =
    asObject(content, ['dep_info', 'checksum']) ?? asObject(content, ['dep_info', 'fingerprint']);
  const depInfo = asString(fields?.get('dep_info'));
  const checksum = asChecksum(fields?.get('checksum') ?? fields?.get('fingerprint'));
  if (depInfo === undefined || checksum === undefined) return undefined;
  return { kind: 'check-dep-info', depInfo, checksum };
}

/** Cargo 1.100 writes a method's name where 1.95 has a boolean; both hash to the same byte. */
function asChecksum(value: JsonValue | undefined): boolean | undefined {
  if (value === true || value === 'content') return true;
  return value === false || value === 'mtime' ? false : undefined;
}

function asRerunIfChanged(content: JsonValue | undefined): LocalFingerprint | undefined {
  const fields = asObject(content, ['output', 'paths']);
  const output = asString(fields?.get('output'));
  const paths = asList(fields?.get('paths'), asString);
  if (output === undefined || paths === undefined) return undefined;
  return { kind: 'rerun-if-changed', output, paths };
}

function asRerunIfEnvChanged(content: JsonValue | undefined): LocalFingerprint | undefined {
  const fields = asObject(content, ['var', 'val']);
  const variable = asString(fields?.get('var'));
  const val = fields?.get('val');
  const value = val === null ? undefined : asString(val);
  if (variable === undefined || (val !== null && value === undefined)) return undefined;
  return { kind: 'rerun-if-env-changed', variable, value };
}

function asDependency(value: JsonValue | undefined): FingerprintDependency | undefined {
  if (!Array.isArray(value) || value.length !== 4) return undefined;
  const [id, name, isPublic, hash] = value as readonly JsonValue[];
  const packageId = asU64(id);
  const fingerprintHash = asU64(hash);
  if (packageId === undefined || fingerprintHash === undefined) return undefined;
  if (typeof name !== 'string' || typeof isPublic !== 'boolean') return undefined;
  return { packageId, name, isPublic, fingerprintHash };
}

/** The object if it has exactly these keys. */
function asObject(value: JsonValue | undefined, keys: readonly string[]): JsonObject | undefined {
  if (!(value instanceof Map) || value.size !== keys.length) return undefined;
  const object = value as JsonObject;
  return keys.every((key) => object.has(key)) ? object : undefined;
}

function asList<T>(
  value: JsonValue | undefined,
  item: (value: JsonValue | undefined) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: T[] = [];
  for (const element of value as readonly JsonValue[]) {
    const parsed = item(element);
    if (parsed === undefined) return undefined;
    items.push(parsed);
  }
  return items;
}

function asString(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function asU64(value: JsonValue | undefined): bigint | undefined {
  return typeof value === 'bigint' && value >= 0n && BigInt.asUintN(64, value) === value
    ? value
    : undefined;
}
