/** One way to switch a rule off, and the test that must notice. */

export interface Edit {
  /** Below `src/`. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly search: string;
  readonly replace: string;
}

export interface Mutation {
  /** The number of the rule: `rule 7` in names of tests. */
  readonly rule: number;
  /** What the program does without the rule. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Below `test/`. */
  readonly testFile: string;
  /** A part of the name of the test, or of several. */
  readonly testName: string;
}
