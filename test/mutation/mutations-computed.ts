/** What is found by a name that is put together, and what only cargo or the compiler is told. */
import type { Mutation } from './mutation.js';

export const computedMutations: readonly Mutation[] = [
  {
    rule: 12,
    name: 'names that a script puts together are not recorded',
    edits: [
      {
        file: 'units/unit-mentions.ts',
        search: 'for (const pattern of mentions.variablePatterns) found.add(pattern);',
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is each variable that begins or ends as it says',
  },
  {
    rule: 12,
    name: 'a script that takes all variables is shared',
    edits: [
      {
        file: 'units/script-environment.ts',
        search: 'if (lister !== undefined) return listsVariables(lister);',
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is anything, where it takes all variables: such a unit is not shared',
  },
  {
    rule: 11,
    name: 'a macro that takes all variables is shared',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: 'if (lister !== undefined) return listsVariables(lister);',
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is anything, where it takes all variables: such a unit is not shared',
  },
  {
    rule: 12,
    name: 'NUM_JOBS is not recorded',
    edits: [
      {
        file: 'units/script-environment.ts',
        search: "used['NUM_JOBS'] = null;",
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is the number of jobs, which cargo tells',
  },
  {
    rule: 12,
    name: 'a script may climb to the workspace',
    edits: [
      {
        file: 'units/script-environment.ts',
        search: 'if (above !== undefined) {',
        replace: "if (above !== undefined && profilePath === '') {",
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is a file of the workspace above its OUT_DIR: such a unit is not shared',
  },
  {
    rule: 12,
    name: 'names above the package are not looked up',
    edits: [
      {
        file: 'units/script-paths.ts',
        search: '...aboveInputs(literals, place, context),',
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is a file beside or above its package, or in a directory that it names apart',
  },
  {
    rule: 12,
    name: 'names in named directories are not looked up',
    edits: [
      {
        file: 'units/script-paths.ts',
        search: '...joinedInputs(literals, place, context),',
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is a file beside or above its package, or in a directory that it names apart',
  },
  {
    rule: 11,
    name: 'a macro may ask what it likes',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: "if (told !== undefined) return isPrivate('macro-asks-cargo', told);",
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is what a macro alone can learn: its words, what is beside it, what it starts',
  },
  {
    rule: 11,
    name: 'what cargo was asked for counts as what is needed',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: 'name === primaryPackage && value !== undefined',
        replace: "name === primaryPackage && value === ''",
      },
    ],
    testFile: 'e2e/primary-package.test.ts',
    testName: 'is shared where it is needed, and private where cargo was asked for it',
  },
  {
    rule: 9,
    name: 'what is needed is served to whoever asks for it',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: "if (config.command.namesPackages) result[primaryPackage] = '1';",
        replace: '',
      },
    ],
    testFile: 'e2e/primary-package.test.ts',
    testName: 'is shared where it is needed, and private where cargo was asked for it',
  },
  {
    rule: 9,
    name: 'what rustc itself reads is not recorded',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: '[...read, ...ofRustc, ...ofLinkers]',
        replace: '[...read, ...ofLinkers]',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is RUSTC_BOOTSTRAP, which lets unstable features in',
  },
  {
    rule: 9,
    name: 'a script in the place of the compiler may read what it likes',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: "if (front && 'unclear' in front) {",
        replace: "if (front && 'unclear' in front && rustc === '') {",
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is what a script in its place reads: variables, files, or anything',
  },
  {
    rule: 9,
    name: 'what a script in the place of the compiler names is not recorded',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: 'const told = front ? front.told',
        replace: "const told = front && rustc === '' ? front.told",
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is what a script in its place reads: variables, files, or anything',
  },
  {
    rule: 12,
    name: 'a length beside a path is left as it is',
    edits: [
      {
        file: 'units/out-dir-paths.ts',
        search: 'mention.isWhole && this.#mayName(mention) && !hasLengthBeside(text, mention);',
        replace: 'mention.isWhole && this.#mayName(mention) && hasLengthBeside !== undefined;',
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'bind the run where a number beside them tells how long they are',
  },
  {
    rule: 8,
    name: 'units of another project’s vendored package come first',
    edits: [
      {
        file: 'units/resolver.ts',
        search: 'near(b) - near(a) || rank(b) - rank(a)',
        replace: '(near(a) === Infinity ? 1 : 0) || rank(b) - rank(a)',
      },
    ],
    testFile: 'e2e/variants.test.ts',
    testName: 'each of two projects is served the package that it has vendored itself',
  },
  {
    rule: 12,
    name: 'modules of interpreters are not compared',
    edits: [
      {
        file: 'units/script-inputs.ts',
        search: 'if (isOpen) for (const each of variablesOfStarters)',
        replace: 'if (isOpen && isSteered === undefined) for (const each of variablesOfStarters)',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is what a shell or an interpreter finds by itself',
  },
  {
    rule: 12,
    name: 'variables of a shell’s text are not recorded',
    edits: [
      {
        file: 'cargo/source-mentions.ts',
        search: '      this.#readShellVariables();\n',
        replace: '',
      },
    ],
    testFile: 'e2e/computed-names.test.ts',
    testName: 'is what a shell or an interpreter finds by itself',
  },
];
