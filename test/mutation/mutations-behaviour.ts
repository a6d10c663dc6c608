/* eslint no-template-curly-in-string: off -- sources are quoted as they stand */
/** Times, the file system and unknown forms: rules 15 to 21. */
import type { Mutation } from './mutation.js';

export const behaviourMutations: readonly Mutation[] = [
  {
    rule: 15,
    name: 'files of one unit have times of their own',
    edits: [
      {
        file: 'views/serving/view-agent.ts',
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
        file: 'views/serving/view-agent.ts',
        search: '.map((offer) => stamped(offer, stampNs));',
        replace: '.map((offer) => stamped(offer, this.#bound().clockNs()));',
      },
    ],
    testFile: 'views/view-agent.test.ts',
    testName: 'rule 17: a unit shows a time from before its inputs were looked at',
  },
  {
    rule: 17,
    name: 'inputs whose times cargo looks at are verified once per session',
    edits: [
      {
        file: 'units/resolver.ts',
        search: '(this.#fits.has(id) && hasFixedInputs(facts))',
        replace: 'this.#fits.has(id)',
      },
    ],
    testFile: 'units/resolver.test.ts',
    testName: 'rule 17: an input that changes between two questions',
  },
  {
    rule: 17,
    name: 'inputs may have changed while the unit was built',
    edits: [
      {
        file: 'units/input-verifier.ts',
        search: 'if (found.newest.atNs > notAfterNs) {',
        replace: "if (found.newest.atNs > notAfterNs && root === '') {",
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'rule 17: an input that changed after the unit was started',
  },
  {
    rule: 18,
    name: 'a unit that replaces another one looks old',
    edits: [
      {
        file: 'views/serving/view-agent.ts',
        search: 'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs })),',
        replace:
          'entries: offer.entries.map((entry) => ({ ...entry, mtimeNs: mtimeNs - 86_400_000_000_000n })),',
      },
    ],
    testFile: 'views/view-agent.test.ts',
    testName: 'rule 18: a unit that comes again',
  },
  {
    rule: 18,
    name: 'a unit that replaces another one keeps the time of an earlier build',
    edits: [
      {
        file: 'views/serving/view-agent.ts',
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
        file: 'views/serving/view-agent.ts',
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
        file: 'views/serving/view-agent.ts',
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
        file: 'views/serving/view-agent.ts',
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
        file: 'views/serving/view-agent.ts',
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
