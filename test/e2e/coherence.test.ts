import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { UnitsResult } from '../../src/service/control/protocol.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, readArtifact, type CrateText } from './crates.js';

/** `gen` includes a generated file, so its crate hash differs from build-dir to build-dir. */
const crates: Readonly<Record<string, CrateText>> = {
  gen: {
    build:
      'fn main() { let out = std::env::var("OUT_DIR").unwrap(); std::fs::write(format!("{out}/gen.rs"), "#[inline] pub fn generated<T: Default>() -> (T, u32) { (T::default(), 7) }\\npub struct Made(pub u32);\\n").unwrap(); println!("cargo:rerun-if-changed=build.rs"); }\n',
    lib: 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\n',
  },
  middle: {
    dependencies: { gen: '{ path = "../gen" }' },
    lib: '#[inline] pub fn made() -> gen::Made { gen::Made(gen::generated::<u8>().1) }\n',
  },
  upper: {
    dependencies: { middle: '{ path = "../middle" }', gen: '{ path = "../gen" }' },
    lib: 'pub fn value() -> u32 { let gen::Made(n) = middle::made(); n }\n',
  },
};
const files = { 'src/main.rs': 'fn main() { println!("{}", upper::value()); }\n' };

async function create(world: World): Promise<(name: string) => Promise<Workspace>> {
  const { dependencies } = await createGitCrates(world, crates);
  const wanted = { upper: dependencies['upper'] ?? '', gen: dependencies['gen'] ?? '' };
  return async (name) => await world.workspace(name, { dependencies: wanted, files });
}

const rmeta = async (workspace: Workspace): Promise<Buffer> =>
  await readArtifact(workspace, 'debug/deps', /^libgen-.*\.rmeta$/);

describeEndToEnd('units that were built against each other', () => {
  test.each(['not yet', 'already'])(
    'rule 6: a local variant of a dependency, %s in the store, never meets a dependent of another',
    async (when) => {
      await using world = await createWorld({ cargoHome: 'own' });
      const make = await create(world);
      const first = await make('first');
      await first.mount();
      await first.buildAndSettle();

      // Here `gen` is built before xcache comes: equal names and fingerprints, another crate hash.
      const second = await make('another/second');
      await second.mustCargo('build', { args: ['-p', 'gen'] });
      await second.mount();
      if (when === 'already') {
        const { compiled } = await second.buildAndSettle({ args: ['-p', 'gen'] });
        expect(compiled).toEqual([]);
      }
      expect(await rmeta(second)).not.toEqual(await rmeta(first));
      const run = await second.mustCargo('build');
      expect(run.stderr).not.toContain('E0460');
      expect(run.compiled).toEqual(['app', 'middle', 'upper']);
      expect(second.output()).toBe('7');
      await second.settled();

      // Both variants are stored now; a third workspace gets all of one.
      const third = await make('third');
      await third.mount();
      expect((await third.mustCargo('build')).compiled).toEqual(['app']);
      const variants = [await rmeta(first), await rmeta(second)];
      const own = await rmeta(third);
      expect(variants.some((bytes) => bytes.equals(own))).toBe(true);
    },
  );

  test('rule 6: `cargo clean -p` of a dependency rebuilds what was built against it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await create(world);
    const first = await make('first');
    await first.mount();
    await first.buildAndSettle();
    const second = await make('another/second');
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
    for (const name of ['gen', 'middle', 'gen', 'upper']) {
      await second.mustCargo('clean', { args: ['-p', name] });
      const run = await second.mustCargo('build');
      expect(run.stderr).not.toContain('E0460');
      expect(run.compiled).toContain(name);
      expect(second.output()).toBe('7');
      await second.settled();
    }
    const third = await make('third');
    await third.mount();
    expect((await third.mustCargo('build')).compiled).toEqual(['app']);
    expect(await world.verify()).toMatchObject({ problems: [] });
  });

  test('rule 6: dependents are not served where their dependency was deleted by hand', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await create(world);
    const first = await make('first');
    await first.mount();
    await first.buildAndSettle();
    const second = await make('another/second');
    await second.mount();
    await second.mustCargo('build', { args: ['-p', 'gen'] });
    for (const name of await readdir(join(second.target, 'debug/deps'))) {
      if (/^libgen-.*\.rmeta$/.test(name)) await rm(join(second.target, 'debug/deps', name));
    }
    const run = await second.mustCargo('build');
    expect(run.stderr).not.toContain('E0460');
    expect(run.compiled).toContain('gen');
    expect(second.output()).toBe('7');
    expect((await second.mustCargo('build')).compiled).toEqual([]);
  });

  test('rule 6: what clean-up leaves in the store still fits together', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await create(world);
    for (const name of ['first', 'another/second']) {
      const maker = await make(name);
      await maker.mount();
      await maker.mustCargo('build', { args: ['-p', 'gen'] });
      await maker.cargo('clean', { args: ['-p', 'gen'] });
      await maker.buildAndSettle();
      await maker.unmount();
      await rm(maker.path, { recursive: true });
    }
    const { units } = await world.xcacheJson<UnitsResult>('units');
    const total = units.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const part of [3, 2, 1, 0]) {
      await world.xcacheJson('gc', '--max-size', String(Math.floor((total * part) / 4)));
      const user = await make(`user-${part}`);
      await user.mount();
      const run = await user.mustCargo('build');
      expect(run.stderr).not.toContain('E0460');
      expect(user.output()).toBe('7');
      await user.unmount();
      await rm(user.path, { recursive: true });
    }
    expect(await world.verify()).toMatchObject({ problems: [] });
  });
});
