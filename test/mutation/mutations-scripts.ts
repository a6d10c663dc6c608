/* eslint no-template-curly-in-string: off -- sources are quoted as they stand */
/** Paths, build scripts and packages given by path: rules 11 to 14. */
import type { Mutation } from './mutation.js';

export const scriptMutations: readonly Mutation[] = [
  {
    rule: 11,
    name: 'no variable binds a unit to its place',
    edits: [
      {
        file: 'cargo/path-bearing.ts',
        search: "if (first === undefined) return { verdict: 'portable' };",
        replace: "if (first !== '\\0') return { verdict: 'portable' };",
      },
    ],
    testFile: 'e2e/paths.test.ts',
    testName: 'rule 11: is served elsewhere only where',
  },
  {
    rule: 11,
    name: 'macros of other crates are not looked at',
    edits: [
      {
        file: 'units/draft-compilation.ts',
        search: 'because: macros === undefined ? null :',
        replace: "because: macros !== '\\0' ? null :",
      },
    ],
    testFile: 'e2e/paths.test.ts',
    testName: 'rule 11: is not served elsewhere where a macro',
  },
  {
    rule: 11,
    name: 'no macro runs the libraries that it is linked with',
    edits: [
      {
        file: 'units/macro-mentions.ts',
        search: 'const isRunByMacros = runByMacros.has(unit.unitKey);',
        replace: "const isRunByMacros = runByMacros.has('');",
      },
    ],
    testFile: 'e2e/paths.test.ts',
    testName: 'rule 11: a library that asks when it runs',
  },
  {
    rule: 12,
    name: 'directories of other units stay those of the origin',
    edits: [
      {
        file: 'units/output-rewriting.ts',
        search: 'replacePath(part, [latin1(facts.buildDir), latin1(buildDir)]),',
        replace: "(buildDir === '' ? '' : part),",
      },
    ],
    testFile: 'e2e/scripts.test.ts',
    testName: 'rule 12: directories that one script hands to another',
  },
  {
    rule: 12,
    name: 'files of OUT_DIR may name the origin',
    edits: [
      {
        file: 'units/out-dir-paths.ts',
        search: 'return place === undefined ? undefined : `${path} names ${place}`;',
        replace: 'return place === undefined ? undefined : undefined;',
      },
      {
        file: 'units/out-dir-paths.ts',
        search: 'if (place !== undefined) return `${path} ${verb} ${place}`;',
        replace: '',
      },
    ],
    testFile: 'e2e/scripts.test.ts',
    testName: 'rule 12: what a script wrote is served elsewhere only',
  },
  {
    rule: 12,
    name: 'what includes a text that is written anew is shared',
    edits: [
      {
        file: 'units/draft-compilation.ts',
        search: "if (naming !== undefined) return isPrivate('bound-to-path', naming);",
        replace: '',
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'are compiled into what includes them',
  },
  {
    rule: 12,
    name: 'object code may name the origin where it is loaded',
    edits: [
      {
        file: 'cargo/elf-parts.ts',
        search: 'if (!isLoaded && hiddenNames.test(name))',
        replace: 'if (isLoaded || hiddenNames.test(name))',
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'bind the run where its code names them',
  },
  {
    rule: 12,
    name: 'texts of OUT_DIR are served as they are stored',
    edits: [
      {
        file: 'units/rewritten-files.ts',
        search: "if (entry.kind !== 'file' || facts.buildDir === buildDir) continue;",
        replace: "if (entry.kind !== 'file' || facts.buildDir !== '') continue;",
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'are those of this workspace, and the run is served',
  },
  {
    rule: 12,
    name: 'a script may name directories of units that it does not depend on',
    edits: [
      {
        file: 'units/out-dir-paths.ts',
        search: 'return unit !== undefined && unitKeys.has(unit.unitKey);',
        replace: 'return unit !== undefined || unitKeys.size > 0;',
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'bind the run where they name what it does not depend on',
  },
  {
    rule: 12,
    name: 'units with debug information beside them are shared',
    edits: [
      {
        file: 'units/draft-compilation.ts',
        search: 'if (debugFile !== undefined) {',
        replace: "if (debugFile?.path === '') {",
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'with debug information beside the objects',
  },
  {
    rule: 12,
    name: 'variables that steer native builds are not compared',
    edits: [
      {
        file: 'units/environment-fit.ts',
        search: "if (steering) return { reason: 'environment-differs', detail: steering };",
        replace: '',
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a variable that only the compiler reads',
  },
  {
    rule: 12,
    name: 'variables that a script reads without a word are not compared',
    edits: [
      {
        file: 'units/script-environment.ts',
        search: 'return [...declared, ...undeclared];',
        replace: 'return declared;',
      },
    ],
    testFile: 'e2e/scripts.test.ts',
    testName: 'rule 12: a variable that a script reads without declaring it',
  },
  {
    rule: 13,
    name: 'a script that runs again finds what was served',
    edits: [
      {
        file: 'views/serving/view-agent.ts',
        search: 'if (!isOutput(path)) this.#bound().dropTransient(attachment);',
        replace: '',
      },
    ],
    testFile: 'e2e/scripts.test.ts',
    testName: 'rule 13: a script that runs again',
  },
  {
    rule: 13,
    name: 'a file of OUT_DIR is no longer transient after a remount',
    edits: [
      {
        file: 'fs/lower-tree.ts',
        search: 'isTransient: entry.isTransient === true,',
        replace: 'isTransient: false,',
      },
    ],
    testFile: 'e2e/scripts.test.ts',
    testName: 'rule 13: after a remount too',
  },
  {
    rule: 14,
    name: 'packages given by path are shared like vendored ones',
    edits: [
      {
        file: 'units/draft-compilation.ts',
        search: 'rootSource === undefined ? undefined : locatePackage(rootSource, context);',
        replace:
          "(rootSource && locatePackage(rootSource, context)) || { origin: 'directory', packageRoot: buildDir.slice(0, buildDir.lastIndexOf('/')) };",
      },
    ],
    testFile: 'e2e/path-packages.test.ts',
    testName: 'rule 14',
  },
];
