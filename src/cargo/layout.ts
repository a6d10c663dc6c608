/**
 * Where cargo puts the files of a unit below a build-dir, in both layouts (cargo 1.95.0, f2d3ce0bd,
 * `core/compiler/layout.rs` and `build_runner/compilation_files.rs`):
 *
 * - classic: `<profile>/{.fingerprint,build}/<package>-<H>/…`, `<profile>/{deps,examples}/…-<H>…`
 * - per-unit: `<profile>/build/<package>/<H>/{fingerprint,out,run}/…` (default since cargo 1.100)
 *
 * `<profile>` is one directory, or two with `--target`: `x86_64-unknown-linux-gnu/debug`.
 */
import type { ByteName, VirtualPath } from '../base/byte-string.js';
import { parseFingerprintName } from './fingerprint-name.js';

export type Layout = 'classic' | 'per-unit';

declare const unitHashBrand: unique symbol;

/** 16 lower-case hex digits: cargo's `Metadata::unit_id`, the directory hash H. */
export type UnitHash = string & { readonly [unitHashBrand]: true };

/** Which unit a path of a build-dir belongs to. */
export interface UnitPath {
  readonly layout: Layout;
  /** `debug`, `<triple>/release`, … */
  readonly profilePath: VirtualPath;
  /** Known where the path names the package; names in `deps/` carry only the crate. */
  readonly packageName: string | undefined;
  readonly unitHash: UnitHash;
  /** Identity of the unit's place within a view: equal for all paths of one unit. */
  readonly unitKey: string;
}

/** A per-unit layout's directory of all units of one package. */
export interface PackageDirectory {
  readonly profilePath: VirtualPath;
  readonly packageName: string;
}

/** Where a unit's files lie. */
export interface UnitLocations {
  /** Belong to the unit as a whole; not all of them exist for every kind of unit. */
  readonly directories: readonly VirtualPath[];
  /** Hold files of many units. */
  readonly shared: readonly SharedDirectory[];
}

export interface SharedDirectory {
  readonly directory: VirtualPath;
  /** Whether the entry `name` of the directory is the unit's. */
  readonly belongs: (name: ByteName) => boolean;
}

/**
 * The unit that a path belongs to: any path at or below the first component that carries the unit
 * hash. Undefined for everything else, and for units without a hash (rule 5).
 */
export function parseUnitPath(path: VirtualPath): UnitPath | undefined {
  const place = findPlace(path);
  return place === undefined ? undefined : parseUnitAt(path, place);
}

/**
 * Whether a unit could appear under `name` in `directory` later, so that its absence must not be
 * cached (rule 19): the name carries a unit hash, names a package in the per-unit layout, or lies
 * directly in a unit's own directories, which cargo makes before it looks for the files.
 */
export function isUnitName(directory: VirtualPath, name: ByteName): boolean {
  const place = findPlace(directory);
  if (place === undefined) return false;
  if (place.end >= directory.length) {
    return place.kind === 'build' ? packagePattern.test(name) : hashOfName(place.kind, name) !== '';
  }
  const below = directory.slice(place.end + 1);
  const depth = below.split('/', 4).length;
  if (place.kind !== 'build') return place.kind === '.fingerprint' && depth === 1;
  if (depth === 1) return hashPattern.test(name) || dashedHash(below) !== '';
  return depth <= 3 && hashPattern.test(below.split('/', 2)[1] ?? '');
}

/** The package whose units a per-unit layout's directory `<profile>/build/<package>` holds. */
export function isPackageDirectory(path: VirtualPath): PackageDirectory | undefined {
  const place = findPlace(path);
  if (place?.kind !== 'build') return undefined;
  const packageName = path.slice(place.end + 1);
  if (!packagePattern.test(packageName) || dashedHash(packageName) !== '') return undefined;
  return { profilePath: place.profilePath, packageName };
}

/** The unit whose building ends with the writing of `path`, its fingerprint JSON (rule 2). */
export function isFingerprintJson(path: VirtualPath): UnitPath | undefined {
  if (!path.endsWith('.json')) return undefined;
  const slash = path.lastIndexOf('/');
  if (parseFingerprintName(path.slice(slash + 1, -'.json'.length)) === undefined) return undefined;
  const place = findPlace(path);
  if (place === undefined) return undefined;
  const below = path.slice(place.end + 1, slash);
  const isExpected =
    place.kind === '.fingerprint'
      ? !below.includes('/')
      : place.kind === 'build' && perUnitFingerprintDirectory.test(below);
  return isExpected ? parseUnitAt(path, place) : undefined;
}

/**
 * The profile directory that `path` is or lies in; undefined for the build-dir's own files.
 * `<a>/<b>` alone cannot tell a triple's profile from a file in a profile: it counts as the former
 * if `b` is `debug` or `release`.
 */
export function profileScope(path: VirtualPath): VirtualPath | undefined {
  const [first = '', second, third] = path.split('/', 3);
  if (first === '' || first.startsWith('.') || notProfiles.has(first)) return undefined;
  if (second === undefined) return first.includes('.') ? undefined : path;
  const isBelowTriple =
    !profileMembers.has(second) &&
    ((third !== undefined && profileMembers.has(third)) ||
      second === 'debug' ||
      second === 'release');
  return (isBelowTriple ? `${first}/${second}` : first) as VirtualPath;
}

/** Where to look for the files of a unit whose package is known. */
export function unitLocations(unit: UnitPath & { readonly packageName: string }): UnitLocations {
  const { profilePath, packageName, unitHash } = unit;
  const at = (rest: string): VirtualPath => `${profilePath}/${rest}` as VirtualPath;
  if (unit.layout === 'per-unit') {
    return { directories: [at(`build/${packageName}/${unitHash}`)], shared: [] };
  }
  const belongs = (name: ByteName): boolean => hashOfName('deps', name) === unitHash;
  return {
    directories: [
      at(`.fingerprint/${packageName}-${unitHash}`),
      at(`build/${packageName}-${unitHash}`),
    ],
    shared: [
      { directory: at('deps'), belongs },
      { directory: at('examples'), belongs },
    ],
  };
}

type Kind = 'deps' | 'examples' | '.fingerprint' | 'build';

/** A directory that holds units, somewhere at the start of a path. */
interface Place {
  readonly kind: Kind;
  readonly profilePath: VirtualPath;
  /** Where the name of the directory ends in the path. */
  readonly end: number;
}

const kinds: ReadonlySet<string> = new Set<Kind>(['deps', 'examples', '.fingerprint', 'build']);
/** Directories of a profile; cargo reserves none of them but `build` as a profile name. */
const profileMembers: ReadonlySet<string> = new Set([...kinds, 'incremental', '.cargo-lock']);
/** First components that hold other things; `tmp` belongs to tests, which may run cargo in it. */
const notProfiles: ReadonlySet<string> = new Set(['tmp', 'doc', 'package', 'cargo-timings']);

const hashPattern = /^[0-9a-f]{16}$/;
/** Registry packages have ASCII names; units of others are not shared. */
const packagePattern = /^[A-Za-z0-9_-]+$/;
const perUnitFingerprintDirectory = /^[^/]+\/[0-9a-f]{16}\/fingerprint$/;
const hashLength = 16;

/** Finds the second or third component that holds units and has a name below or is the last. */
function findPlace(path: VirtualPath): Place | undefined {
  const first = path.indexOf('/');
  if (first <= 0 || notProfiles.has(path.slice(0, first))) return undefined;
  const place = placeAfter(path, first);
  if (place !== undefined && !isProfileBelow(path, place)) return place;
  const second = path.indexOf('/', first + 1);
  return second < 0 ? place : (placeAfter(path, second) ?? place);
}

function placeAfter(path: VirtualPath, slash: number): Place | undefined {
  const next = path.indexOf('/', slash + 1);
  const end = next < 0 ? path.length : next;
  const kind = path.slice(slash + 1, end);
  if (!kinds.has(kind)) return undefined;
  return { kind: kind as Kind, profilePath: path.slice(0, slash) as VirtualPath, end };
}

/** Whether `<triple>/deps` is rather a custom profile named `deps` with its own `deps` and so on. */
function isProfileBelow(path: VirtualPath, place: Place): boolean {
  if (place.kind !== 'deps' && place.kind !== 'examples') return false;
  return placeAfter(path, place.end) !== undefined;
}

function parseUnitAt(path: VirtualPath, place: Place): UnitPath | undefined {
  const rest = path.slice(place.end + 1);
  const [name = '', next = ''] = rest.split('/', 2);
  const { profilePath } = place;
  if (place.kind === 'build' && hashPattern.test(next) && packagePattern.test(name)) {
    return unitPath('per-unit', { profilePath, packageName: name, hash: next });
  }
  const hash = hashOfName(place.kind, name);
  if (hash === '') return undefined;
  const isNamed = place.kind === 'build' || place.kind === '.fingerprint';
  const packageName = isNamed ? name.slice(0, -hashLength - 1) : undefined;
  return unitPath('classic', { profilePath, packageName, hash });
}

function unitPath(
  layout: Layout,
  parts: { profilePath: VirtualPath; packageName: string | undefined; hash: string },
): UnitPath {
  const { profilePath, packageName, hash } = parts;
  const unitKey = `${profilePath}#${layout}#${hash}`;
  return { layout, profilePath, packageName, unitHash: hash as UnitHash, unitKey };
}

/** The unit hash in a classic name, or `''`. Names in `deps/` carry it before the first dot. */
function hashOfName(kind: Kind, name: string): string {
  if (kind === 'deps' || kind === 'examples') {
    const dot = name.indexOf('.');
    return dashedHash(dot < 0 ? name : name.slice(0, dot));
  }
  return packagePattern.test(name) ? dashedHash(name) : '';
}

/** H where `stem` is `<something>-H`, else `''`. */
function dashedHash(stem: string): string {
  const dash = stem.length - hashLength - 1;
  if (dash < 1 || stem[dash] !== '-') return '';
  const hash = stem.slice(dash + 1);
  return hashPattern.test(hash) ? hash : '';
}
