/** What a verification of the store reports. */

/** One thing that is not as it should be. */
export interface StoreProblem {
  readonly kind:
    | 'blob-damaged'
    | 'blob-unreadable'
    | 'blob-missing'
    | 'blob-short'
    | 'blob-second-name'
    | 'blob-writable'
    | 'blob-orphan'
    | 'manifest-damaged'
    | 'manifest-orphan'
    | 'manifest-not-indexed'
    | 'manifest-file-missing'
    | 'index-row-damaged'
    | 'index-row-missing'
    | 'index-row-wrong'
    | 'view-blob-missing'
    | 'foreign-file'
    | 'staging-leftover';
  /** Digest, index key or path. */
  readonly subject: string;
  /** For people. */
  readonly message: string;
}
