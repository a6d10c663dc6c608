/**
 * A manifest describes one stored unit: which bytes stand at which paths. The store does not know
 * what a unit means; what the owner needs to judge it lies in `facts`, opaque here.
 */

/** Hex BLAKE3, 64 characters. */
export type Digest = string & { readonly __digest: unique symbol };

/** Where a file's bytes lie: `length` bytes at `offset` of the blob `digest`. */
export interface ManifestFile {
  readonly kind: 'file';
  /** Relative to the build-dir, `/`-separated; a byte string (see base/byte-string). */
  readonly path: string;
  readonly blob: Digest;
  readonly offset: number;
  readonly sizeBytes: number;
  /** 0o644 or 0o755. */
  readonly mode: number;
  /** Files with the same number are hard links of one inode. */
  readonly linkGroup?: number;
}

export interface ManifestDirectory {
  readonly kind: 'directory';
  readonly path: string;
}

export interface ManifestSymlink {
  readonly kind: 'symlink';
  readonly path: string;
  /** Relative and inside the unit. */
  readonly target: string;
}

export type ManifestEntry = ManifestFile | ManifestDirectory | ManifestSymlink;

export interface Manifest {
  readonly version: 1;
  /** Under which the owner finds its candidates; see `Store.candidates`. */
  readonly lookupKey: string;
  /** Directories before what they hold. */
  readonly entries: readonly ManifestEntry[];
  /** When the unit was stored, milliseconds since the epoch. */
  readonly createdMs: number;
  /**
   * Names that exist in the store as long as a unit carries them; see `Store.hasMarker`. Without
   * repeats.
   */
  readonly markers?: readonly string[];
  /** JSON value of the owner. */
  readonly facts: unknown;
}
