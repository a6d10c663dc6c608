/** Which runs of build scripts are told to have changed the build-dir outside of their OUT_DIR. */
import { expect, test } from 'vitest';
import { byteStringFromText, type VirtualPath } from '../../src/base/byte-string.js';
import type { ScriptMark } from '../../src/host/script-tree.js';
import { namedUnit } from '../../src/units/unit-files.js';
import type { NoteKeeper } from '../../src/views/serving/builder-notes.js';
import { SideEffects } from '../../src/views/serving/side-effects.js';

const root = '/home/ws/target';
const directory = 'debug/build/maker-1111111111111111';
const outDir = `${directory}/out`;
const unitKey = namedUnit(`${directory}/invoked.timestamp` as VirtualPath)?.unitKey ?? '';

const cargoPid = 10;
const scriptPid = 11;
const strangerPid = 12;
const daemonPid = 13;

/** As the script's program and its daemon are seen by the processes above and their environment. */
const marks = new Map<number, readonly ScriptMark[]>([
  [cargoPid, []],
  [
    scriptPid,
    [
      {
        kind: 'program',
        path: byteStringFromText(`${root}/debug/build/maker-2222222222222222/build-script-build`),
      },
    ],
  ],
  [daemonPid, [{ kind: 'out-dir', path: byteStringFromText(`${root}/${outDir}`) }]],
]);

class Journal implements NoteKeeper {
  readonly all = new Map<string, string>();

  note(key: string, value: string | null): void {
    if (value === null) this.all.delete(key);
    else this.all.set(key, value);
  }

  notes(): ReadonlyMap<string, string> {
    return this.all;
  }
}

/** The side effects of a view, as a mount with this journal begins. */
function open(journal = new Journal()) {
  const reports: (readonly [string, string | undefined])[] = [];
  const effects = new SideEffects({
    root,
    keeper: journal,
    scriptsAt: (pid) => marks.get(pid),
    report: (key, message) => void reports.push([key, message]),
  });
  const change = (path: string, pid: number, verb: 'wrote' | 'removed' = 'wrote'): void =>
    effects.seen(path as VirtualPath, { pid, uid: 0, gid: 0 }, verb);
  const start = (): void => change(`${directory}/invoked.timestamp`, cargoPid);
  return { effects, journal, reports, change, start };
}

test('a script that keeps to its OUT_DIR has none', () => {
  const { effects, reports, change, start } = open();
  start();
  change(outDir, scriptPid);
  change(`${outDir}/a/b`, scriptPid);
  effects.ended(unitKey);
  expect(effects.all()).toEqual([]);
  expect(reports).toEqual([]);
});

test('a path that only begins like OUT_DIR is outside of it', () => {
  const { effects, change, start } = open();
  start();
  change(`${outDir}side`, scriptPid);
  expect(effects.all()).toEqual([[unitKey, `its script wrote ${outDir}side outside of OUT_DIR`]]);
});

test('the first one is reported and written down, and it stays when it is taken back', () => {
  const { effects, journal, reports, change, start } = open();
  start();
  change('debug/beside', scriptPid);
  change('debug/beside', scriptPid, 'removed');
  const message = 'its script wrote debug/beside outside of OUT_DIR';
  expect(reports).toEqual([[unitKey, message]]);
  expect(effects.all()).toEqual([[unitKey, message]]);
  expect([...journal.all.values()]).toEqual([message]);
});

test('what is done by cargo is none', () => {
  const { effects, change, start } = open();
  start();
  change('debug/deps/libx.rlib', cargoPid);
  change('debug/deps/libx.rlib', cargoPid, 'removed');
  expect(effects.all()).toEqual([]);
});

test('a process that the script has left behind acts for it, also after the run', () => {
  const { effects, change, start } = open();
  start();
  effects.ended(unitKey);
  change(`${outDir}/late`, daemonPid);
  expect(effects.all()).toEqual([]);
  change('debug/late', daemonPid);
  expect(effects.all().map(([key]) => key)).toEqual([unitKey]);
});

test('they outlast a mount, until cargo starts the script again', () => {
  const first = open();
  first.start();
  first.change('debug/beside', scriptPid);
  const second = open(first.journal);
  expect(second.effects.all()).toEqual(first.effects.all());
  second.start();
  expect(second.effects.all()).toEqual([]);
  expect(second.reports).toEqual([[unitKey, undefined]]);
  expect(first.journal.all.size).toBe(0);
});

test('a run of which the start was not seen is taken to have had one', () => {
  const { effects } = open();
  effects.ended(unitKey);
  expect(effects.all()).toEqual([
    [unitKey, 'it is not known what its script wrote before the mount'],
  ]);
});

test('of a change by nobody known each script that runs may be the one, not one that has ended', () => {
  const { effects, change, start } = open();
  start();
  effects.ended(unitKey);
  change('notes.txt', strangerPid);
  expect(effects.all()).toEqual([]);
  start();
  change('notes.txt', strangerPid);
  expect(effects.all()).toEqual([
    [unitKey, 'while its script ran, a process that is not known wrote notes.txt'],
  ]);
});

test.each(['debug/deps', 'debug/incremental/x/y', '.rustc_info.json', `${outDir}/a`])(
  'cargo and compilers write %s by themselves, so nobody known is no script there',
  (path) => {
    const { effects, change, start } = open();
    start();
    change(path, 0);
    expect(effects.all()).toEqual([]);
  },
);

test('what is forgotten below a directory is forgotten, and nothing beside it', () => {
  const { effects, change, start } = open();
  start();
  change('debug/beside', scriptPid);
  effects.forgetBelow('deb' as VirtualPath);
  effects.forgetBelow('release' as VirtualPath);
  expect(effects.all()).toHaveLength(1);
  effects.forgetBelow('debug' as VirtualPath);
  expect(effects.all()).toEqual([]);
});
