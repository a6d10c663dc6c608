/** Variables by names that are computed, and files that are found by a way that is only hinted at. */
import type { Mutation } from './mutation.js';

export const elsewhereMutations: readonly Mutation[] = [
  {
    rule: 12,
    name: 'a name that a script computes makes nothing count',
    edits: [
      {
        file: 'units/unit-mentions.ts',
        search: 'new Set<string>(units.some(readsAnyVariable) ? [everyVariable] : [])',
        replace: 'new Set<string>()',
      },
    ],
    testFile: 'e2e/any-variable.test.ts',
    testName: 'counts for a script, whatever it is',
  },
  {
    rule: 11,
    name: 'a name that a macro computes makes nothing count',
    edits: [
      {
        file: 'units/unit-mentions.ts',
        search: 'new Set<string>(units.some(readsAnyVariable) ? [everyVariable] : [])',
        replace: 'new Set<string>()',
      },
    ],
    testFile: 'e2e/any-variable.test.ts',
    testName: 'counts for what a macro makes',
  },
  {
    rule: 12,
    name: 'a way up by text is none',
    edits: [
      {
        file: 'cargo/climbing-paths.ts',
        search: "if (cutsAtTarget(tokens)) return 'plainly';",
        replace: '',
      },
    ],
    testFile: 'e2e/found-elsewhere.test.ts',
    testName: 'on its way up from OUT_DIR is the one of this workspace',
  },
  {
    rule: 12,
    name: 'each source of a script climbs for itself',
    edits: [
      {
        file: 'units/unit-mentions.ts',
        search: "looksAbove: extent === 'whole' ? climbOf(unit, sources) : found.looksAbove,",
        replace: 'looksAbove: found.looksAbove,',
      },
    ],
    testFile: 'e2e/found-elsewhere.test.ts',
    testName: 'on its way up from OUT_DIR is the one of this workspace',
  },
  {
    rule: 12,
    name: 'only a single path in a variable counts',
    edits: [
      {
        file: 'units/outside-paths.ts',
        search: '      for (const path of paths) {',
        replace: '      for (const path of [] as string[]) {',
      },
    ],
    testFile: 'e2e/found-elsewhere.test.ts',
    testName: 'by a list in a variable counts with its bytes',
  },
  {
    rule: 12,
    name: 'variables of tools that are scripts do not count',
    edits: [
      {
        file: 'units/script-environment.ts',
        search: '...variablesOfTools(mentioned, environment),',
        replace: '',
      },
    ],
    testFile: 'e2e/found-elsewhere.test.ts',
    testName: 'by a program that is a script, by git or by a library counts, too',
  },
  {
    rule: 11,
    name: 'code that a script has written is not looked into',
    edits: [
      {
        file: 'units/draft-compilation.ts',
        search: "if (place !== undefined) return isPrivate('bound-to-path', place);",
        replace: '',
      },
    ],
    testFile: 'e2e/generated-code.test.ts',
    testName: 'names the place that it has in this workspace',
  },
];
