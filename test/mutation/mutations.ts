/** Identity, completeness and inputs: rules 1 to 10. */
import type { Mutation } from './mutation.js';

export const mutations: readonly Mutation[] = [
  {
    rule: 1,
    name: 'units are looked up without their hash',
    edits: [
      {
        file: 'units/unit-facts.ts',
        search: '    unit.profilePath,\n    unit.unitHash,\n',
        replace: '    unit.profilePath,\n',
      },
    ],
    testFile: 'e2e/lifecycle.test.ts',
    testName: 'keeps the variants of RUSTFLAGS apart',
  },
  {
    rule: 2,
    name: 'a hash file that is empty or of another build counts as complete',
    edits: [
      {
        file: 'units/unit-files.ts',
        search: 'if (actual !== expected) return undefined;',
        replace: '',
      },
    ],
    testFile: 'e2e/completeness.test.ts',
    testName: 'rule 2: a unit that cargo has begun to build again is not stored',
  },
  {
    rule: 2,
    name: 'outputs may be missing',
    edits: [
      {
        file: 'units/draft-compilation.ts',
        search: 'if (missing !== undefined) return isPrivate(',
        replace: 'if (missing === "") return isPrivate(',
      },
    ],
    testFile: 'e2e/bad-input-store.test.ts',
    testName: 'has a unit with %s: what is whole is shared',
  },
  {
    rule: 3,
    name: 'a unit is asked for again within one session',
    edits: [
      {
        file: 'views/serving/view-agent.ts',
        search:
          'if (last?.pid === cargo.pid && last.startTicks === cargo.startTicks) return false;',
        replace: '',
      },
    ],
    testFile: 'views/view-agent.test.ts',
    testName: 'rule 3: one cargo process gets one answer about a unit',
  },
  {
    rule: 3,
    name: 'a unit is served around files of another build',
    edits: [
      {
        file: 'fs/attach.ts',
        search:
          'if (!isValidPath(entry.path) || !hasFreePlace(state, entry, planned)) return false;',
        replace: 'if (!isValidPath(entry.path)) return false;',
      },
    ],
    testFile: 'e2e/completeness.test.ts',
    testName: 'rule 3: a unit is served whole or not at all',
  },
  {
    rule: 4,
    name: 'copy-up links the stored file instead of copying it',
    edits: [
      {
        file: 'fs/copy-up.ts',
        search: 'const from = state.backing.lower(extent);',
        replace:
          'if (extent.offset === 0) { linkSync(state.lower.backingPath(extent.digest), temporary); return; }\n  const from = state.backing.lower(extent);',
      },
    ],
    testFile: 'e2e/immutability.test.ts',
    testName: 'rule 4: nothing that is done to them',
  },
  {
    rule: 5,
    name: 'programs and packages of the workspace are shared',
    edits: [
      {
        file: 'cargo/shareability.ts',
        search: "if (kind === 'lib' ||",
        replace: "if (kind === 'bin' || kind === 'test-bin' || kind === 'lib' ||",
      },
      {
        file: 'units/draft-compilation.ts',
        search: 'rootSource === undefined ? undefined : locatePackage(rootSource, context);',
        replace:
          "(rootSource && locatePackage(rootSource, context)) || { origin: 'directory', packageRoot: buildDir.slice(0, buildDir.lastIndexOf('/')) };",
      },
    ],
    testFile: 'e2e/immutability.test.ts',
    testName: 'rule 5',
  },
  {
    rule: 6,
    name: 'a dependency may have other bytes than those that the unit was built against',
    edits: [
      {
        file: 'units/resolver.ts',
        search:
          'return facts.identity === dependency.identity && facts.outputs === dependency.outputs;',
        replace: 'return facts.identity === dependency.identity;',
      },
    ],
    testFile: 'units/resolver.test.ts',
    testName: 'rule 6: a unit is not served with a dependency of which',
  },
  {
    rule: 7,
    name: 'variables that a script declared are not compared',
    edits: [
      {
        file: 'units/environment-fit.ts',
        search: 'of facts.variables) {',
        replace: 'of facts.variables.slice(0, 0)) {',
      },
    ],
    testFile: 'e2e/identity.test.ts',
    testName: 'rule 7: of several runs of one script',
  },
  {
    rule: 7,
    name: 'a dependency may have another fingerprint than the unit names',
    edits: [
      {
        file: 'units/resolver.ts',
        search:
          'return facts.identity === dependency.identity && facts.outputs === dependency.outputs;',
        replace: 'return facts.outputs === dependency.outputs;',
      },
    ],
    testFile: 'e2e/identity.test.ts',
    testName: 'rule 7: a unit goes with the fingerprints',
  },
  {
    rule: 8,
    name: 'inputs are not compared',
    edits: [
      {
        file: 'units/input-fit.ts',
        search: 'for (const set of facts.inputs) {',
        replace: 'for (const set of facts.inputs.slice(0, 0)) {',
      },
    ],
    testFile: 'e2e/inputs.test.ts',
    testName: 'rule 8: a vendored crate has the content of now',
  },
  {
    rule: 8,
    name: 'inputs are not compared, by the proof',
    edits: [
      {
        file: 'units/input-fit.ts',
        search: 'for (const set of facts.inputs) {',
        replace: 'for (const set of facts.inputs.slice(0, 0)) {',
      },
    ],
    testFile: 'proof/proof.test.ts',
    testName: 'a vendored crate was edited since',
  },
  {
    rule: 8,
    name: 'flags that read files are no obstacle',
    edits: [
      {
        file: 'cargo/shareability.ts',
        search: 'if (flag === undefined) return;',
        replace: "if (flag === undefined || flag !== '') return;",
      },
    ],
    testFile: 'e2e/inputs.test.ts',
    testName: 'rule 8: a compiler flag that reads a file',
  },
  {
    rule: 8,
    name: 'mount namespaces are not told apart',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: 'if (start.hasOtherMounts) {',
        replace: "if (start.program === '') {",
      },
    ],
    testFile: 'e2e/inputs.test.ts',
    testName: 'rule 8: in another mount namespace',
  },
  {
    rule: 9,
    name: 'any wrapper counts as transparent',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: "if (wrapper !== '' && !transparentWrappers.has(baseName(wrapper))) {",
        replace: "if (wrapper === '\\0') {",
      },
    ],
    testFile: 'e2e/inputs.test.ts',
    testName: 'rule 9: with an unknown wrapper',
  },
  {
    rule: 9,
    name: 'a known wrapper is no part of the namespace',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: '      baseName(wrapper),\n',
        replace: '',
      },
    ],
    testFile: 'e2e/inputs.test.ts',
    testName: 'rule 9: a known wrapper has units of its own',
  },
  {
    rule: 9,
    name: 'the program in the place of rustc is no part of the namespace',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: '      toolchain.compilerIdentity,\n',
        replace: '',
      },
    ],
    testFile: 'e2e/inputs.test.ts',
    testName: 'rule 9: another program in the place of rustc',
  },
  {
    rule: 9,
    name: 'the processor is not compared',
    edits: [
      {
        file: 'units/environment-fit.ts',
        search: 'if (facts.cpu !== null && facts.cpu !== environment.cpu) {',
        replace: "if (facts.cpu === '') {",
      },
    ],
    testFile: 'units/resolver.test.ts',
    testName: 'rule 9: a unit for the processor of another machine',
  },
  {
    rule: 10,
    name: 'variables of the user are not recorded',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: '.filter(([name]) => !isSetForCompilers(name) || name === primaryPackage)',
        replace: '.filter(() => false)',
      },
    ],
    testFile: 'e2e/paths.test.ts',
    testName: 'rule 10: a variable of the user',
  },
  {
    rule: 10,
    name: 'a variable that holds the workspace does not bind',
    edits: [
      {
        file: 'cargo/path-bearing.ts',
        search: "(root) => root !== '' && root !== '/' && namesPath(rest, root),",
        replace: "(root) => root === '\\0' && namesPath(rest, root),",
      },
    ],
    testFile: 'cargo/path-bearing.test.ts',
    testName: 'rule 10: a unit depends on its place through',
  },
];
