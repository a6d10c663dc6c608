import type { ChildProcess } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, nativeOutput, type CrateText } from './crates.js';

/** A body that takes rustc some hundred milliseconds, so that a kill meets it at work. */
const bulk = (name: string): string =>
  Array.from(
    { length: 60 },
    (_, n) =>
      `pub fn ${name}_${n}(v: &[u64]) -> Vec<String> { let mut a: Vec<String> = v.iter().map(|x| format!("{x:?} ${n}")).collect(); a.sort(); a.dedup(); a }`,
  ).join('\n');

const crates: Readonly<Record<string, CrateText>> = {
  base: {
    build:
      'fn main() { let out = std::env::var("OUT_DIR").unwrap(); for n in 0..40 { std::fs::write(format!("{out}/{n}.rs"), format!("pub const N{n}: u32 = {n};")).unwrap(); } println!("cargo:rerun-if-changed=build.rs"); }\n',
    lib: `${Array.from({ length: 40 }, (_, n) => `include!(concat!(env!("OUT_DIR"), "/${n}.rs"));`).join('\n')}\n${bulk('base')}\npub fn value() -> u32 { N39 }\n`,
  },
  left: {
    dependencies: { base: '{ path = "../base" }' },
    lib: `${bulk('left')}\npub fn value() -> u32 { base::value() }\n`,
  },
  right: {
    dependencies: { base: '{ path = "../base" }' },
    lib: `${bulk('right')}\npub fn value() -> u32 { base::value() }\n`,
  },
  top: {
    dependencies: { left: '{ path = "../left" }', right: '{ path = "../right" }' },
    lib: `${bulk('top')}\npub fn value() -> u32 { left::value() + right::value() + top_1(&[1]).len() as u32 }\n`,
  },
};
const files = { 'src/main.rs': 'fn main() { println!("{}", top::value()); }\n' };

async function createMaker(world: World): Promise<(name: string) => Promise<Workspace>> {
  const { dependencies } = await createGitCrates(world, crates);
  const wanted = { top: dependencies['top'] ?? '' };
  return async (name) => await world.workspace(name, { dependencies: wanted, files });
}

/** Ends cargo and everything it started, as a power cut does. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The store is sound, serves what it has, and everything builds. */
async function expectSound(world: World, interrupted: Workspace, next: Workspace): Promise<void> {
  await world.settled();
  expect(await world.verify()).toMatchObject({ problems: [] });
  await next.mount();
  await next.mustCargo('build');
  expect(next.output()).toBe('79');
  await interrupted.mustCargo('build');
  expect(interrupted.output()).toBe('79');
  expect((await next.mustCargo('build')).compiled).toEqual([]);
  await world.settled();
  expect(await world.verify()).toMatchObject({ problems: [] });
}

/** A small generator whose printed seed repeats a run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const seed = Number(process.env['XCACHE_TEST_SEED'] ?? Date.now() % 1_000_000);

describeEndToEnd('a build that was interrupted', () => {
  const moments: Readonly<Record<string, { directory: string; name: RegExp }>> = {
    'a script wrote its first file': { directory: 'debug/build', name: /^base-.*$/ },
    'rustc is at work': { directory: 'debug/deps', name: /^base-.*\.rcgu\.o$/ },
    'an rmeta is there': { directory: 'debug/deps', name: /^libleft-.*\.rmeta$/ },
    'a library is there': { directory: 'debug/deps', name: /^libbase-.*\.rlib$/ },
  };

  for (const [what, { directory, name }] of Object.entries(moments)) {
    test(`rule 2: leaves no partial unit in the store: kill -9 of cargo when ${what}`, async () => {
      await using world = await createWorld({ cargoHome: 'own' });
      const make = await createMaker(world);
      const first = await make('first');
      await first.mount();
      await first.cargo('build', {
        whileRunning: async (cargo) => {
          await waitUntil(what, async () => {
            const names = await first.list(directory);
            return names.some((one) => name.test(one)) || cargo.exitCode !== null;
          });
          killGroup(cargo);
        },
      });
      await expectSound(world, first, await make('another/second'));
    });
  }

  test(`rule 2: leaves no partial unit in the store: kill -9 of cargo at random (seed ${seed})`, async () => {
    const random = createRandom(seed);
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await createMaker(world);
    const first = await make('first');
    await first.mount();
    for (let round = 0; round < 4; round += 1) {
      await first.cargo('build', {
        whileRunning: async (cargo) => {
          await delay(random() * 900);
          killGroup(cargo);
        },
      });
    }
    await expectSound(world, first, await make('another/second'));
  });

  test(`rule 2: leaves no partial unit in the store: kill -9 of the service at random (seed ${seed})`, async () => {
    const random = createRandom(seed);
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await createMaker(world);
    const first = await make('first');
    for (let round = 0; round < 3; round += 1) {
      await first.mount();
      await first.cargo('build', {
        whileRunning: async () => {
          await delay(random() * 1_200);
          await world.killService();
        },
      });
    }
    await first.mount();
    await first.mustCargo('build');
    await expectSound(world, first, await make('another/second'));
  });

  test('rule 2: a unit that failed to compile is not stored, and neither is what hangs on it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      good: { lib: 'pub fn value() -> u32 { 1 }\n' },
      bad: {
        dependencies: { good: '{ path = "../good" }' },
        build:
          'fn main() { if std::env::var_os("BAD_FAILS").is_some() { std::process::exit(1); } println!("cargo:rerun-if-env-changed=BAD_FAILS"); }\n',
        lib: 'pub fn value() -> u32 { good::value() + option_env!("BAD_BREAKS").map_or(1, |v| v.parse::<u32>().unwrap()) }\n#[cfg(broken)] compile_error!("broken");\n',
      },
    });
    const app = { 'src/main.rs': 'fn main() { println!("{}", bad::value()); }\n' };
    const first = await world.workspace('first', { dependencies, files: app });
    await first.mount();
    expect((await first.cargo('build', { env: { BAD_FAILS: '1' } })).exitCode).toBe(101);
    expect((await first.cargo('build', { env: { RUSTFLAGS: '--cfg broken' } })).exitCode).toBe(101);
    await first.settled();
    const { units } = await world.xcacheJson<{ units: { package: string; kind: string }[] }>(
      'units',
    );
    expect(units.filter((unit) => unit.package === 'bad' && unit.kind === 'lib')).toEqual([]);
    await first.mustCargo('build');
    expect(first.output()).toBe('2');
    await first.settled();
    const second = await world.workspace('another/second', { dependencies, files: app });
    await second.mount();
    expect((await second.cargo('build', { env: { RUSTFLAGS: '--cfg broken' } })).exitCode).toBe(
      101,
    );
    expect((await second.cargo('build', { env: { BAD_FAILS: '1' } })).exitCode).toBe(101);
    await second.mustCargo('build');
    expect(second.output()).toBe('2');
    expect(await world.verify()).toMatchObject({ problems: [] });
  });
});

describeEndToEnd('a unit that cargo has begun to build again', () => {
  /** Cargo empties the hash file of what it is going to build; the old JSON stays beside it. */
  test('rule 2: a unit that cargo has begun to build again is not stored', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      begun: { lib: 'pub fn value() -> u32 { 1 }\n' },
      ready: { lib: 'pub fn value() -> u32 { 2 }\n' },
    });
    const options = {
      dependencies,
      files: { 'src/main.rs': 'fn main() { println!("{}", begun::value() + ready::value()); }\n' },
    };
    const first = await world.workspace('first', options);
    await first.mustCargo('build');
    const fingerprints = join(first.target, 'debug/.fingerprint');
    for (const name of await readdir(fingerprints)) {
      if (!name.startsWith('begun-')) continue;
      const hashFile = join(fingerprints, name, 'lib-begun');
      await writeFile(hashFile, '');
      // Its time alone must not be what tells: it is earlier than that of the JSON, as always. (Whole
      // seconds: a rounded time may be later.)
      const writtenSeconds = Math.floor((await stat(`${hashFile}.json`)).mtimeMs / 1_000);
      await utimes(hashFile, writtenSeconds, writtenSeconds);
    }
    await first.mount();
    await first.settled();
    const { units } = await world.xcacheJson<{ units: { package: string }[] }>('units');
    expect(units.map((unit) => unit.package)).not.toContain('begun');
    const second = await world.workspace('another/second', options);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toContain('begun');
    expect(second.output()).toBe('3');
  });
});

describeEndToEnd('files of an earlier build in the way', () => {
  /** Paths of units in `target`, by what an interrupted build may leave. */
  const leftovers: Readonly<Record<string, RegExp>> = {
    'an rmeta': /^debug\/deps\/lib(base|left)-.*\.rmeta$/,
    'a library': /^debug\/deps\/lib(base|right)-.*\.rlib$/,
    'a list of sources': /^debug\/deps\/base-.*\.d$/,
    'an empty hash file': /^debug\/\.fingerprint\/(base|left)-.*\/lib-(base|left)$/,
    'the output of a script': /^debug\/build\/base-.*\/output$/,
    'a file of OUT_DIR': /^debug\/build\/base-.*\/out\/7\.rs$/,
  };

  test('rule 3: a unit is served whole or not at all, and cargo mends the rest', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await createMaker(world);
    const first = await make('first');
    const expected = await nativeOutput(first);
    await first.mount();
    await first.buildAndSettle();
    const all = await readdir(first.target, { recursive: true });
    for (const [index, [what, pattern]] of Object.entries(leftovers).entries()) {
      const second = await make(`another/${index}`);
      await second.mount();
      const planted = all.filter((path) => pattern.test(path));
      expect({ what, count: planted.length > 0 }).toEqual({ what, count: true });
      for (const path of planted) {
        await mkdir(dirname(join(second.target, path)), { recursive: true });
        await writeFile(
          join(second.target, path),
          what === 'an empty hash file' ? '' : 'left over',
        );
      }
      const run = await second.mustCargo('build');
      expect({ what, printed: second.output() }).toEqual({ what, printed: expected });
      expect({ what, compiled: run.compiled }).not.toEqual({ what, compiled: ['app'] });
      for (const path of planted) {
        const text = await readFile(join(second.target, path), 'latin1');
        expect({ what, path, isOld: text === 'left over' }).toEqual({ what, path, isOld: false });
      }
      expect((await second.mustCargo('build')).compiled).toEqual([]);
      await second.settled();
      await second.unmount();
      await rm(second.path, { recursive: true });
    }
    expect(await world.verify()).toMatchObject({ problems: [] });
  });

  test('rule 3: what was missing when cargo planned does not appear while it builds', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      slow: {
        build:
          'fn main() { println!("cargo:rerun-if-changed=build.rs"); if let Ok(gate) = std::env::var("GATE") { std::fs::write(format!("{gate}.waiting"), "").unwrap(); while !std::path::Path::new(&gate).exists() { std::thread::sleep(std::time::Duration::from_millis(10)); } } }\n',
        lib: 'pub fn value() -> u32 { 1 }\n',
      },
      after: {
        dependencies: { slow: '{ path = "../slow" }' },
        lib: 'pub fn value() -> u32 { slow::value() + 1 }\n',
      },
    });
    const wanted = { after: dependencies['after'] ?? '' };
    const app = { 'src/main.rs': 'fn main() { println!("{}", after::value()); }\n' };
    const first = await world.workspace('first', { dependencies: wanted, files: app });
    const second = await world.workspace('another/second', { dependencies: wanted, files: app });
    await first.mount();
    await second.mount();
    const gate = join(world.path, 'gate');
    const run = await second.mustCargo('build', {
      env: { GATE: gate },
      whileRunning: async (cargo) => {
        await waitUntil('the script waits', async () => {
          return (await readdir(world.path)).includes('gate.waiting') || cargo.exitCode !== null;
        });
        await first.buildAndSettle();
        await writeFile(gate, '');
      },
    });
    expect(run.compiled).toEqual(['after', 'app', 'slow', 'slow build-script', 'slow run']);
    expect(second.output()).toBe('2');
    await second.settled();
    expect((await second.mustCargo('build')).compiled).toEqual([]);
    expect(await world.verify()).toMatchObject({ problems: [] });
  });

  test('rule 3: what one lookup finds, the directory lists', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const make = await createMaker(world);
    const first = await make('first');
    await first.mount();
    await first.buildAndSettle();
    const second = await make('another/second');
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
    const isUnit = (name: string): boolean => !name.includes('app');
    for (const directory of ['debug/deps', 'debug/build', 'debug/.fingerprint']) {
      const names = (await second.list(directory)).filter(isUnit);
      expect(names).toEqual((await first.list(directory)).filter(isUnit));
      expect(names.length).toBeGreaterThan(1);
    }
  });
});
