/* eslint no-template-curly-in-string: off -- sources are quoted as they stand */
/** What scripts and macros use and leave without saying so, and units of unknown builders. */
import type { Mutation } from './mutation.js';

export const useMutations: readonly Mutation[] = [
  {
    rule: 11,
    name: 'macros may read files outside of their package',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: "if (outside !== undefined) return isPrivate('macro-reads-files', outside);",
        replace: '',
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a file that a macro finds outside of its package',
  },
  {
    rule: 12,
    name: 'the files of the package are no inputs of its script',
    edits: [
      {
        file: 'units/script-inputs.ts',
        search: '    packageTree(script.facts),\n',
        replace: '',
      },
    ],
    testFile: 'e2e/native-inputs.test.ts',
    testName: 'count for a vendored crate, also if its script declares nothing but itself',
  },
  {
    rule: 12,
    name: 'files of pkg-config are not compared',
    edits: [
      {
        file: 'units/native-walk.ts',
        search: "if (name.endsWith('.pc')) walk.addPath(join(path, name), name);",
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'is every .pc file on the path of pkg-config',
  },
  {
    rule: 12,
    name: 'files of pkg-config are no inputs of a script',
    edits: [
      {
        file: 'units/script-inputs.ts',
        search: 'const asksPkgConfig = mentions.usesPkgConfig || tools.isOpen;',
        replace: "const asksPkgConfig = packageRoot === '';",
      },
    ],
    testFile: 'e2e/native-inputs.test.ts',
    testName: 'of which a script asks pkg-config for no more than the version',
  },
  {
    rule: 12,
    name: 'whether a directory is there is not compared',
    edits: [
      {
        file: 'units/native-walk.ts',
        search: "walk.line(path, look.kind === 'missing' ? 'missing' : kindOf(look));",
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'is the presence of a directory, whatever is in it',
  },
  {
    rule: 12,
    name: 'headers that a script hands on by metadata are not compared',
    edits: [
      {
        file: 'units/native-inputs.ts',
        search: "else sets.push({ kind: 'content', root: path, paths: [] });",
        replace: '',
      },
    ],
    testFile: 'e2e/native-inputs.test.ts',
    testName: 'count for those who get their headers by metadata',
  },
  {
    rule: 12,
    name: 'variables that libraries of a script read are not compared',
    edits: [
      {
        file: 'units/unit-mentions.ts',
        search: "if (role !== 'own' && !mentions.touchesEnvironment) continue;",
        replace: "if (role !== 'own') continue;",
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a variable that a library of a script reads',
  },
  {
    rule: 12,
    name: 'PROFILE of a custom profile is taken for that of every workspace',
    edits: [
      {
        file: 'units/script-environment.ts',
        search: 'if (asking !== undefined) {',
        replace: "if (asking === '') {",
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is PROFILE, where a profile of its own name may inherit another',
  },
  {
    rule: 12,
    name: 'tools are not compared',
    edits: [
      {
        file: 'units/environment-fit.ts',
        search: "if (tool !== undefined) return { reason: 'tool-differs', detail: tool };",
        replace: '',
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a program of a name that is another one on PATH',
  },
  {
    rule: 12,
    name: 'programs that values of variables name are no tools',
    edits: [
      {
        file: 'units/script-tools.ts',
        search: 'const fromValues = values.flatMap(',
        replace: 'const fromValues = values.slice(0, 0).flatMap(',
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a program of a name that is another one on PATH',
  },
  {
    rule: 12,
    name: 'that a tool is not there is not recorded',
    edits: [
      {
        file: 'units/script-tools.ts',
        search: 'for (const name of [...names, ...probed]) found.set(name, tools.identify(name));',
        replace:
          'for (const name of [...names, ...probed]) if (tools.identify(name) !== null) found.set(name, tools.identify(name));',
      },
    ],
    testFile: 'units/script-tools.test.ts',
    testName: 'a tool that is not there is recorded as that',
  },
  {
    rule: 12,
    name: 'a compiler cache is known without the compiler behind it',
    edits: [
      {
        file: 'host/tools.ts',
        search: 'const parts = behind.map(({ identity }) => identity);',
        replace: 'const parts = behind.slice(0, 0).map(({ identity }) => identity);',
      },
    ],
    testFile: 'host/tools.test.ts',
    testName: 'of a compiler cache has the compiler behind it',
  },
  {
    rule: 12,
    name: 'programs that a script names are not looked at',
    edits: [
      {
        file: 'host/tools.ts',
        search: 'if (named !== undefined && named !== path) paths.set(named, word);',
        replace: '',
      },
    ],
    testFile: 'host/tools.test.ts',
    testName: 'of a script has the programs that it names, and those that they name',
  },
  {
    rule: 12,
    name: 'what a shim chooses is not asked for',
    edits: [
      {
        file: 'host/tools.ts',
        search:
          'if (askedForVersion.test(basename(name)) && depth === 0) parts.push(this.#version(path));',
        replace: '',
      },
    ],
    testFile: 'host/tools.test.ts',
    testName: 'of a shim has what it answers when asked for its version',
  },
  {
    rule: 12,
    name: 'a program may have come or gone on PATH while the unit was built',
    edits: [
      {
        file: 'host/tools.ts',
        search: 'if (stats !== undefined && stats.mtimeNs > sinceNs) return true;',
        replace: '',
      },
    ],
    testFile: 'host/tools.test.ts',
    testName: 'is in doubt where the program, or a directory before it, was changed since',
  },
  {
    rule: 12,
    name: 'what a script writes outside of OUT_DIR is not noticed',
    edits: [
      {
        file: 'views/serving/side-effects.ts',
        search: 'if (runs.some((run) => isWithin(path, unitPlaces(run).outDir))) continue;',
        replace: 'if (runs.length >= 0) continue;',
      },
    ],
    testFile: 'e2e/side-effects.test.ts',
    testName: 'makes its run one that each workspace does itself, and what it left is there',
  },
  {
    rule: 12,
    name: 'side effects are forgotten with the service',
    edits: [
      {
        file: 'views/serving/side-effects.ts',
        search: 'this.#options.keeper.note(notePrefix + unitKey, message);',
        replace: '',
      },
    ],
    testFile: 'e2e/side-effects.test.ts',
    testName: 'is known after the service was killed',
  },
  {
    rule: 12,
    name: 'own OUT_DIR in a text of OUT_DIR stays that of the origin',
    edits: [
      {
        file: 'units/output-rewriting.ts',
        search: 'if (!isInOutDir) return rewriteForeignPaths(bytes, facts, buildDir);',
        replace:
          "if (!isInOutDir || path !== '') return rewriteForeignPaths(bytes, facts, buildDir);",
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'are those of this workspace, and the run is served',
  },
  {
    rule: 12,
    name: 'object code in OUT_DIR is not looked into',
    edits: [
      {
        file: 'units/out-dir-paths.ts',
        search: 'return `${path} names ${this.#anyName(bytes)} in its code (${object.where})`;',
        replace: 'return undefined;',
      },
    ],
    testFile: 'e2e/out-dir-text.test.ts',
    testName: 'bind the run where its code names them, not its debugger',
  },
  {
    rule: 12,
    name: 'only the first member of an archive is looked into',
    edits: [
      {
        file: 'cargo/object-code.ts',
        search: 'for (const { name, start, end } of members) {',
        replace: 'for (const { name, start, end } of members.slice(0, 1)) {',
      },
    ],
    testFile: 'cargo/object-code.test.ts',
    testName: 'is looked for in each member of an archive',
  },
  {
    rule: 12,
    name: 'object code that is encoded counts as looked into',
    edits: [
      {
        file: 'cargo/object-code.ts',
        search: 'if (opaque !== undefined)',
        replace: "if (opaque?.name === '')",
      },
    ],
    testFile: 'cargo/object-code.test.ts',
    testName: 'is not looked for in what is encoded',
  },
  {
    rule: 12,
    name: 'a unit of an earlier builder is judged by whatever session comes',
    edits: [
      {
        file: 'views/earlier-builders.ts',
        search:
          'return this.#met.get(note.digest) ?? (this.#met.size > 0 ? changedEnvironment : undefined);',
        replace: 'return [...this.#met.values()][0];',
      },
      {
        file: 'views/earlier-builders.ts',
        search: 'this.#before[builder] === digest ? environment : changedEnvironment',
        replace: 'environment',
      },
    ],
    testFile: 'e2e/builders.test.ts',
    testName: 'is not taken for what',
  },
  {
    rule: 12,
    name: 'a unit of an earlier boot is judged like one of this',
    edits: [
      {
        file: 'views/earlier-builders.ts',
        search: 'if (note.boot !== this.#boot) return earlierBoot;',
        replace: '',
      },
    ],
    testFile: 'e2e/builders.test.ts',
    testName: 'is not taken for what',
  },
  {
    rule: 12,
    name: 'what was in a directory that is taken over is judged by whatever session comes',
    edits: [
      {
        file: 'views/earlier-builders.ts',
        search: 'if (note === undefined) return takenOver;',
        replace: 'if (note === undefined) return [...this.#met.values()][0];',
      },
    ],
    testFile: 'e2e/builders.test.ts',
    testName: 'stays private until it is built again, in the',
  },
  {
    rule: 15,
    name: 'a unit that was served and then compiled stays a hit',
    edits: [
      {
        file: 'units/decisions.ts',
        search: "const wasServed = row.state === 'served';",
        replace: "const wasServed = row.state === 'served' && row.package === '\\0';",
      },
    ],
    testFile: 'units/decisions.test.ts',
    testName: 'count as found dirty where it was served and then compiled',
  },
  {
    rule: 15,
    name: 'the counters keep a unit that was served and then compiled',
    edits: [
      {
        file: 'views/view-tally.ts',
        search: 'if (end.wasServed) store.addCounters({ served: -1, savedMs: -end.savedMs });',
        replace: '',
      },
    ],
    testFile: 'views/view-tally.test.ts',
    testName: 'is a miss: in the counters, in the decisions and in the sum of the session',
  },
  {
    rule: 17,
    name: 'what was removed or renamed below a directory meanwhile is not noticed',
    edits: [
      {
        file: 'units/input-walk.ts',
        search:
          '// An entry that was removed or renamed leaves its trace here alone.\n    this.note(stats.ctimeNs, real);',
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'that were removed or renamed after the unit was started are not recorded',
  },
  {
    rule: 17,
    name: 'a directory of the package that was put in place of another is not noticed',
    edits: [
      {
        file: 'units/input-verifier.ts',
        search: "if (look.kind === 'there') walk.note(look.stats.ctimeNs, look.real);",
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'that were removed or renamed after the unit was started are not recorded',
  },
  {
    rule: 17,
    name: 'sets of inputs that held are not compared again, whatever cargo looks at',
    edits: [
      {
        file: 'units/session-inputs.ts',
        search: 'const key = isFixed ? JSON.stringify(',
        replace: "const key = set.kind !== 'tree' ? JSON.stringify(",
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'are compared at each question, and within a session once if cargo never looks',
  },
];
