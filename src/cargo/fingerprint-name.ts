/**
 * The names of a unit's fingerprint files: `<flavor><kind>-<target>` for the hash file, with `.json`
 * for the fingerprint and `dep-` before it for the dep-info (cargo 1.95.0,
 * `core/compiler/build_runner/compilation_files.rs`, `fingerprint_file_path`).
 */

/** `TargetKind::description`: proc-macros are `lib`, both sorts of examples are `example`. */
export type TargetKind = 'lib' | 'bin' | 'integration-test' | 'example' | 'bench' | 'build-script';

/** What a unit is: a target kind, and before it how the target is used where that is not "build". */
export type UnitKind = TargetKind | `${'test' | 'doc' | 'run'}-${TargetKind}`;

export interface FingerprintName {
  readonly kind: UnitKind;
  /** The target's name as in the manifest: `serde`, `build-script-build`, … */
  readonly target: string;
}

const pattern =
  /^((?:test-|doc-|run-)?(?:lib|bin|integration-test|example|bench|build-script))-([^/]+)$/s;

/** Splits `lib-serde` and the like; undefined for `dep-lib-serde`, `lib-serde.json` and all else. */
export function parseFingerprintName(name: string): FingerprintName | undefined {
  const [, kind, target] = pattern.exec(name) ?? [];
  if (kind === undefined || target === undefined || target.includes('.')) return undefined;
  return { kind: kind as UnitKind, target };
}
