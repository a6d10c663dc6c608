/* eslint no-template-curly-in-string: off -- sources are quoted as they stand */
/** Paths, scripts, times and the file system: rules 11 to 21. */
import type { Mutation } from './mutation.js';

export const behaviourMutations: readonly Mutation[] = [
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
        file: 'service/units/draft-compilation.ts',
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
        file: 'service/units/macro-mentions.ts',
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
        file: 'service/units/output-rewriting.ts',
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
        file: 'service/units/out-dir-paths.ts',
        search: 'return place === undefined ? undefined : `${path} names ${place}`;',
        replace: 'return place === undefined ? undefined : undefined;',
      },
      {
        file: 'service/units/out-dir-paths.ts',
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
        file: 'service/units/draft-compilation.ts',
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
        file: 'service/units/rewritten-files.ts',
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
        file: 'service/units/out-dir-paths.ts',
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
        file: 'service/units/draft-compilation.ts',
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
        file: 'service/units/resolver.ts',
        search: "if (steering) return { reason: 'environment-differs', detail: steering };",
        replace: '',
      },
    ],
    testFile: 'e2e/scripts.test.ts',
    testName: 'rule 12: declared files and variables',
  },
  {
    rule: 12,
    name: 'variables that a script reads without a word are not compared',
    edits: [
      {
        file: 'service/units/draft-script-run.ts',
        search: 'withUndeclared(declaredVariables(base), undeclared)',
        replace: 'withUndeclared(declaredVariables(base), [])',
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
        file: 'service/serving/view-agent.ts',
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
        file: 'service/units/draft-compilation.ts',
        search: 'rootSource === undefined ? undefined : locatePackage(rootSource, context);',
        replace:
          "(rootSource && locatePackage(rootSource, context)) || { origin: 'directory', packageRoot: buildDir.slice(0, buildDir.lastIndexOf('/')) };",
      },
    ],
    testFile: 'e2e/path-packages.test.ts',
    testName: 'rule 14',
  },
  {
    rule: 15,
    name: 'files of one unit have times of their own',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: 'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs })),',
        replace:
          'entries: offer.entries.map((entry, at) => ({ ...entry, mtimeNs: mtimeNs - BigInt(at) })),',
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 15: all files of a served unit have one time',
  },
  {
    rule: 15,
    name: 'a remount gives new times',
    edits: [
      {
        file: 'fs/lower-tree.ts',
        search: '    mtimeNs: entry.mtimeNs,\n    atimeNs',
        replace: '    mtimeNs: BigInt(Date.now()) * 1_000_000n,\n    atimeNs',
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 15: after a remount nothing is dirty',
  },
  {
    rule: 16,
    name: 'served files are stamped ahead of the clock of writes',
    edits: [
      {
        file: 'fs/overlay.ts',
        search: 'return this.#open.work.nowNs();',
        replace: 'return this.#open.work.nowNs() + 50_000_000n;',
      },
    ],
    testFile: 'fs/overlay.test.ts',
    testName: 'rule 16: the clock for served files',
  },
  {
    rule: 16,
    name: 'served files are stamped by the precise clock, others by the coarse one',
    edits: [
      {
        file: 'fs/overlay.ts',
        search: 'return this.#open.work.nowNs();',
        replace: 'return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));',
      },
    ],
    testFile: 'fs/overlay.test.ts',
    testName: 'rule 16: the clock for served files',
  },
  {
    rule: 16,
    name: 'times are kept to the microsecond only',
    edits: [
      {
        file: 'fs/time-overrides.ts',
        search: 'this.#byRealIno.set(times.realIno, times);\n    inode.times = times;',
        replace: '',
      },
    ],
    testFile: 'conformance/in-process.test.ts',
    testName: 'to the nanosecond',
  },
  {
    rule: 17,
    name: 'a unit shows the time after its inputs were looked at',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: '.map((offer) => stamped(offer, stampNs));',
        replace: '.map((offer) => stamped(offer, this.#bound().clockNs()));',
      },
    ],
    testFile: 'service/view-agent.test.ts',
    testName: 'rule 17: a unit shows a time from before its inputs were looked at',
  },
  {
    rule: 17,
    name: 'inputs whose times cargo looks at are verified once per session',
    edits: [
      {
        file: 'service/units/resolver.ts',
        search: '(this.#fits.has(id) && hasFixedInputs(facts))',
        replace: 'this.#fits.has(id)',
      },
    ],
    testFile: 'service/resolver.test.ts',
    testName: 'rule 17: an input that changes between two questions',
  },
  {
    rule: 17,
    name: 'inputs may have changed while the unit was built',
    edits: [
      {
        file: 'service/units/input-verifier.ts',
        search: 'if (found === undefined || found.newestNs > notAfterNs) return undefined;',
        replace: 'if (found === undefined) return undefined;',
      },
    ],
    testFile: 'service/input-verifier.test.ts',
    testName: 'rule 17: an input that changed after the unit was started',
  },
  {
    rule: 18,
    name: 'a unit that replaces another one looks old',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: 'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs })),',
        replace:
          'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs: mtimeNs - 86_400_000_000_000n })),',
      },
    ],
    testFile: 'service/view-agent.test.ts',
    testName: 'rule 18: a unit that comes again',
  },
  {
    rule: 18,
    name: 'a unit that replaces another one keeps the time of an earlier build',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: 'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs })),',
        replace:
          'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs: mtimeNs - 86_400_000_000_000n })),',
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 18: what was built with other bytes',
  },
  {
    rule: 19,
    name: 'link copies',
    edits: [
      {
        file: 'fs/create.ts',
        search: 'linkSync(hostPathOfInode(state, inode), path);',
        replace: "openSync(path, 'w');",
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 19: names of one file share inode',
  },
  {
    rule: 19,
    name: 'the kernel may remember that a unit is not there',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: 'if (!isUnitName(directory, name)) return false;',
        replace: "if (!isUnitName(directory, name) || name !== '') return false;",
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 20: a package that was cleaned',
  },
  {
    rule: 20,
    name: 'deletions are not remembered',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: 'this.#tombstones.add(unitKey);\n',
        replace: '',
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 20: a package that was cleaned',
  },
  {
    rule: 20,
    name: 'deletions are forgotten by a remount',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: "this.#bound().note(tombstonePrefix + unitKey, '1');",
        replace: '',
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 20: a deletion is remembered across a remount',
  },
  {
    rule: 20,
    name: 'removing a profile is not the start of a new one',
    edits: [
      {
        file: 'service/serving/view-agent.ts',
        search: "if (path === '' || profilePath === path || profilePath.startsWith(`${path}/`)) {",
        replace: "if (path === '') {",
      },
    ],
    testFile: 'e2e/rules-15-21.test.ts',
    testName: 'rule 20: a package that was cleaned',
  },
  {
    rule: 21,
    name: 'unknown fields of a fingerprint are ignored',
    edits: [
      {
        file: 'cargo/fingerprint.ts',
        search: 'if (!(value instanceof Map) || value.size !== keys.length) return undefined;',
        replace: 'if (!(value instanceof Map)) return undefined;',
      },
    ],
    testFile: 'e2e/layout.test.ts',
    testName: 'rule 21: a fingerprint of unknown shape',
  },
  {
    rule: 21,
    name: 'the per-unit layout is not known',
    edits: [
      {
        file: 'cargo/layout.ts',
        search: "place.kind === 'build' && perUnitFingerprintDirectory.test(below);",
        replace: "place.kind === 'build' && below === '';",
      },
    ],
    testFile: 'e2e/layout.test.ts',
    testName: 'rule 21: in the per-unit layout a second workspace',
  },
];
