/** What people see of decisions, after real builds. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ExplainResult } from '../../src/service/control/protocol.js';
import type { Workspace, WorkspaceOptions } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates } from './crates.js';

const manifest = (name: string, more = ''): string =>
  `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2021"\n${more}`;

/** A program on a library of its own, which has another, on two shared crates. */
async function createApps(world: World): Promise<(name: string) => Promise<Workspace>> {
  const { dependencies } = await createGitCrates(world, {
    low: { lib: 'pub fn low() -> u32 { 1 }\n', build: 'fn main() {}\n' },
    high: {
      lib: 'pub fn high() -> u32 { low::low() }\n',
      dependencies: { low: '{ path = "../low" }' },
    },
  });
  const options: WorkspaceOptions = {
    dependencies: { ...dependencies, upper: '{ path = "upper" }' },
    files: {
      'src/main.rs': 'fn main() { println!("{}", high::high() + upper::upper()); }\n',
      'upper/Cargo.toml': manifest('upper', '[dependencies]\nlower = { path = "../lower" }\n'),
      'upper/src/lib.rs': 'pub fn upper() -> u32 { lower::lower() }\n',
      'lower/Cargo.toml': manifest('lower'),
      'lower/src/lib.rs': 'pub fn lower() -> u32 { 1 }\n',
      'lower/build.rs': 'fn main() {}\n',
    },
  };
  return async (name) => {
    const workspace = await world.workspace(name, options);
    await workspace.mount();
    return workspace;
  };
}

/** `xcache explain` as people see it. */
async function explained(
  world: World,
  directory: string,
  ...args: readonly string[]
): Promise<string> {
  const { exitCode, stdout, stderr } = await world.xcacheIn(directory, 'explain', ...args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

function unitsTwice({ decisions }: ExplainResult): readonly string[] {
  const units = decisions.map(({ build, unit }) => `${build ?? ''} ${unit}`);
  return units.filter((unit, index) => units.indexOf(unit) !== index);
}

/** `app compiled path-package`, sorted. */
function outcomesOf({ decisions }: ExplainResult): readonly string[] {
  return decisions.map((row) => `${row.package ?? '?'} ${row.outcome} ${row.reason}`).sort();
}

describeEndToEnd('what explain and stats show', () => {
  test('of a second workspace: what could be shared was, and the rest is its own', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await createApps(world);
    const first = await create('first');
    await first.buildAndSettle();
    expect((await explained(world, first.path)).split('\n')[1]).toBe(
      "9 units: 0 served, 9 compiled: 5 are this workspace's own, 4 could not be served: see below",
    );
    const before = (await world.stats()).units;
    expect(before).toMatchObject({ missedSharable: 4, missedOwn: 5, missedUndecided: 0 });
    expect(before.hitRate).toBe(0);
    const second = await create('second');
    await second.buildAndSettle();
    const [head, sum] = (await explained(world, join(second.path, 'src'))).split('\n');
    expect(head).toMatch(new RegExp(`^build of .* in ${second.path}, debug$`));
    expect(sum).toBe("9 units: 4 served, 5 compiled: all 5 are this workspace's own");
    const result = await second.explainHere('--last');
    expect(result).toMatchObject({ workspace: second.path, builds: [{ units: 9, served: 4 }] });
    expect(outcomesOf(result)).toEqual([
      'app compiled binary',
      'high served served',
      'low served served',
      'low served served',
      'low served served',
      'lower compiled dependency-private',
      'lower compiled dependency-private',
      'lower compiled path-package',
      'upper compiled dependency-private',
    ]);
    const after = (await world.stats()).units;
    // Nothing that could be shared was missed by the second build.
    expect(after).toMatchObject({ served: 4, missedSharable: 4, missedOwn: 10, hitRate: 0.5 });
    const { stdout } = await world.xcache('stats');
    expect(stdout).toContain(` in ${second.path}\n  served        4 (100 % of the 4 that could be`);
    const all = await second.explainHere('--all');
    expect(all.builds.map(({ workspace }) => workspace)).toEqual([first.path, second.path]);
    expect(unitsTwice(all)).toEqual([]);
  });

  test('of the workspace that one is in, of any outside, and nothing of an unknown package', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await createApps(world);
    const first = await create('first');
    await first.buildAndSettle();
    const second = await create('second');
    await second.buildAndSettle();
    expect(await explained(world, first.path)).toContain(` in ${first.path}, debug\n`);
    const outside = ` in ${second.path}, debug (this directory is in no known workspace)\n`;
    expect(await explained(world, world.path)).toContain(outside);
    const low = await explained(world, first.path, 'low');
    expect(low).toContain(` in ${first.path}, debug\n  compiled  debug/low-`);
    expect(low).not.toContain('high');
    expect(await explained(world, first.path, 'no-such-package')).toMatch(
      /^no unit no-such-package was asked for or built [^\n]*\n$/,
    );
    await first.write({ 'src/main.rs': 'fn main() {}\n' });
    await first.buildAndSettle();
    const [, sum, ...rows] = (await explained(world, first.path)).split('\n');
    expect(sum).toBe("1 unit: 0 served, 1 compiled: 1 is this workspace's own");
    expect(rows.join()).toContain('programs stay in their workspace [binary]');
    // Of an earlier build than the last one.
    expect(await explained(world, first.path, 'low')).toContain('compiled  debug/low-');
  });

  test('is kept over restarts of the service, whatever is in the file', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const create = await createApps(world);
    const first = await create('first');
    await first.buildAndSettle();
    const before = await first.explainHere('--all');
    expect(before.decisions).toHaveLength(9);
    await world.xcache('service', 'restart');
    await first.settled();
    expect(await first.explainHere('--all')).toEqual(before);
    expect((await world.stats()).units).toMatchObject({ missedSharable: 4, missedOwn: 5 });
    await world.xcache('service', 'stop');
    const text = await readFile(world.paths.decisionsFile, 'utf8');
    await writeFile(world.paths.decisionsFile, text.slice(0, -10));
    const torn = await first.explainHere('--all');
    expect(torn.decisions).toEqual(before.decisions.slice(0, -1));
    await world.xcache('service', 'stop');
    await writeFile(world.paths.decisionsFile, Buffer.from([0, 255, 10, 123, 10]));
    expect(await first.explainHere('--all')).toMatchObject({ builds: [] });
    await first.write({ 'src/main.rs': 'fn main() {}\n' });
    await first.buildAndSettle();
    await world.xcache('service', 'restart');
    expect((await first.explainHere()).decisions).toMatchObject([{ package: 'app' }]);
  });

  test('a unit that cargo compiles after all is not called served', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const crates = await createGitCrates(world, {
      solo: { lib: 'pub fn solo() -> u32 { 1 }\n' },
    });
    const first = await world.workspace('first', { dependencies: crates.dependencies });
    await first.mount();
    await first.buildAndSettle();
    // Equal but for its path: the unit has the same hash, and cargo wants it from another checkout.
    await crates.commit({ 'other.txt': 'x' });
    const second = await world.workspace('second', { dependencies: crates.dependencies });
    await second.mount();
    const { compiled } = await second.buildAndSettle();
    const { decisions, builds } = await second.explainHere();
    const rows = decisions.filter(({ outcome }) => outcome === 'compiled');
    expect(rows.map((row) => row.package ?? '').sort()).toEqual(compiled);
    expect(builds).toMatchObject([{ units: 2, compiled: compiled.length }]);
    const { served, missed, savedMs } = (await world.stats()).units;
    expect({ served, missed }).toEqual({
      served: 2 - compiled.length,
      missed: 2 + compiled.length,
    });
    expect(savedMs).toBe(0);
  });
});
