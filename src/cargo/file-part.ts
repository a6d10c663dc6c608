/** A stretch of a file that holds object code. */
export interface FilePart {
  /** Of the section. */
  readonly name: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** `hidden`: for linkers' tables and debuggers. `opaque`: visible, but encoded. */
  readonly kind: 'visible' | 'hidden' | 'opaque';
}
