import {
  chmod,
  link,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { UnitsResult } from '../../src/service/control/protocol.js';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { createGitCrates, type CrateText } from './crates.js';

const crates: Readonly<Record<string, CrateText>> = {
  one: {
    build:
      'fn main() { let out = std::env::var("OUT_DIR").unwrap(); std::fs::write(format!("{out}/v"), "1").unwrap(); println!("cargo:rerun-if-changed=build.rs"); }\n',
    lib: 'pub fn value() -> &\'static str { include_str!(concat!(env!("OUT_DIR"), "/v")) }\n',
  },
  two: { lib: 'pub fn value() -> u32 { 2 }\n' },
  // Large enough for a blob of its own; small files share one.
  three: {
    lib: 'pub static BULK: [u8; 65_536] = [7; 65_536];\npub fn value() -> u32 { u32::from(BULK[5]) - 4 }\n',
  },
};
const files = {
  'src/main.rs':
    'fn main() { println!("{} {} {}", one::value(), two::value(), three::value()); }\n',
};

/** Everything that may happen to a file, each on a fresh one; the path is that of a served file. */
const assaults: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'write in place': async (path) => {
    await using file = await open(path, 'r+');
    await file.write('assault', 0);
  },
  append: async (path) => {
    await writeFile(path, 'assault', { flag: 'a' });
  },
  'open with truncation': async (path) => {
    await writeFile(path, '');
  },
  truncate: async (path) => {
    await truncate(path, 10);
  },
  'truncate an open file': async (path) => {
    await using file = await open(path, 'r+');
    await file.truncate(3);
    await file.write('x', 100_000);
  },
  'write through a shared mapping': async (path) => {
    const script =
      'import mmap,sys\nwith open(sys.argv[1],"r+b") as f:\n m=mmap.mmap(f.fileno(),0)\n m[0:4]=b"XXXX"\n m.flush()\n m.close()';
    expect(spawnSync('python3', ['-c', script, path]).status).toBe(0);
    await Promise.resolve();
  },
  'fallocate a hole': async (path) => {
    spawnSync('/usr/bin/fallocate', ['-p', '-o', '0', '-l', '4096', path]);
    await Promise.resolve();
  },
  'change mode and times': async (path) => {
    await chmod(path, 0o600);
    await utimes(path, 1, 1);
  },
  'rename over it': async (path) => {
    await writeFile(`${path}.new`, 'assault');
    await rename(`${path}.new`, path);
  },
  'rename away and write': async (path) => {
    await rename(path, `${path}.away`);
    await writeFile(`${path}.away`, 'assault');
  },
  'write through a second link': async (path) => {
    await link(path, `${path}.link`);
    await writeFile(`${path}.link`, 'assault', { flag: 'r+' });
  },
  'unlink while open and write': async (path) => {
    await using file = await open(path, 'r+');
    await rm(path);
    await file.write('assault', 0);
  },
  'exchange two files': async (path) => {
    const script =
      'import ctypes,sys\nlibc=ctypes.CDLL(None)\nopen(sys.argv[1]+".x","w").write("assault")\nlibc.renameat2(-100,sys.argv[1].encode(),-100,(sys.argv[1]+".x").encode(),2)';
    spawnSync('python3', ['-c', script, path]);
    await writeFile(`${path}.x`, 'assault', { flag: 'r+' }).catch(() => undefined);
  },
};

describeEndToEnd('served files', () => {
  test('rule 4: nothing that is done to them in one workspace reaches the store or another', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, crates);
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('another/second', { dependencies, files });
    await second.mount();
    const third = await world.workspace('third', { dependencies, files });
    await third.mount();
    expect((await third.mustCargo('build')).compiled).toEqual(['app']);
    const isServed = (name: string): boolean => /^lib(one|two|three)-.*\.(rlib|rmeta)$/.test(name);
    const served = (await third.list('debug/deps')).filter(isServed);
    expect(served).toHaveLength(6);
    const before = new Map<string, Buffer>();
    for (const name of served)
      before.set(name, await readFile(join(third.target, 'debug/deps', name)));

    for (const [what, assault] of Object.entries(assaults)) {
      await second.cargo('clean');
      await second.mustCargo('build');
      const deps = join(second.target, 'debug/deps');
      const targets = (await readdir(deps)).filter(isServed);
      expect({ what, targets }).toEqual({ what, targets: served });
      for (const name of targets) {
        const mode = (await stat(join(deps, name))).mode & 0o777;
        expect({ what, name, mode }).toEqual({ what, name, mode: 0o644 });
        await assault(join(deps, name));
      }
      for (const [name, bytes] of before) {
        const now = await readFile(join(third.target, 'debug/deps', name));
        expect({ what, name, isSame: now.equals(bytes) }).toEqual({ what, name, isSame: true });
      }
    }
    expect(await world.verify()).toMatchObject({ problems: [] });
    // Where it was done, a build mends it.
    await second.cargo('clean');
    await second.mustCargo('build');
    expect(second.output()).toBe('1 2 3');
    expect((await first.mustCargo('build')).compiled).toEqual([]);
  }, 240_000);

  test('rule 4: a served unit that becomes dirty is rebuilt here alone', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, crates);
    const first = await world.workspace('first', { dependencies, files });
    await first.mount();
    await first.buildAndSettle();
    const second = await world.workspace('another/second', { dependencies, files });
    await second.mount();
    await second.mustCargo('build');
    for (const directory of await second.list('debug/.fingerprint')) {
      if (!/^(one|two)-/.test(directory)) continue;
      for (const name of await second.list(`debug/.fingerprint/${directory}`)) {
        if (/^lib-(one|two)$/.test(name)) {
          await writeFile(join(second.target, 'debug/.fingerprint', directory, name), '');
        }
      }
    }
    const run = await second.buildAndSettle();
    expect(run.compiled).toEqual(['one', 'two']);
    expect(second.output()).toBe('1 2 3');
    expect(await world.verify()).toMatchObject({ problems: [] });
    expect((await first.mustCargo('build')).compiled).toEqual([]);
  });

  test('rule 5: the workspace’s own units, programs, tests and unhashed files stay in it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      ...crates,
      shared: {
        library: 'crate-type = ["dylib", "rlib"]',
        lib: 'pub fn value() -> u32 { 4 }\n',
      },
    });
    const workspace = await world.workspace('first', {
      dependencies: { ...dependencies, beside: '{ path = "beside" }' },
      files: {
        ...files,
        'build.rs': 'fn main() {}\n',
        'src/lib.rs': 'pub fn own() {}\n#[test] fn tested() {}\n',
        'examples/shown.rs': 'fn main() {}\n',
        'tests/whole.rs': '#[test] fn tested() {}\n',
        'beside/Cargo.toml':
          '[package]\nname = "beside"\nversion = "1.0.0"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib", "rlib"]\n',
        'beside/src/lib.rs': 'pub fn beside() {}\n',
        'beside/build.rs': 'fn main() {}\n',
      },
    });
    await workspace.mount();
    await workspace.mustCargo('build', {
      env: { CARGO_INCREMENTAL: '1' },
      args: ['--all-targets'],
    });
    await workspace.mustCargo('test', { env: { CARGO_INCREMENTAL: '1' } });
    await workspace.mustCargo('doc', { args: ['--no-deps', '-p', 'app'] });
    await workspace.settled();
    const { units } = await world.xcacheJson<UnitsResult>('units');
    // A dynamic library of a git package carries a hash; sharing it is neither needed nor wrong.
    const others = units.filter((unit) => unit.package !== 'shared');
    const stored = new Set(others.map((unit) => `${unit.package} ${unit.kind}`));
    expect([...stored].sort()).toEqual([
      'one build-script',
      'one lib',
      'one run-build-script',
      'three lib',
      'two lib',
    ]);
    const second = await world.workspace('another/second', { dependencies, files });
    await second.mount();
    const { compiled } = await second.mustCargo('build');
    expect(compiled.filter((name) => name !== 'shared')).toEqual(['app']);
    expect(second.output()).toBe('1 2 3');
  });
});
