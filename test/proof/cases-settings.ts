/** One setting of cargo or rustc in the store, another one in the build: they must not meet. */
import { chmodSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVendoredCrates } from '../e2e/crates.js';
import { perUnitLayout } from '../support/cargo-run.js';
import { createGitRepository } from '../support/git-repository.js';
import type { World } from '../support/world.js';
import { otherPath, printing, type ProofCase, type Scene, type Setting } from './proof-case.js';

/** A library, and one with a build script. */
const small = {
  dependencies: { itoa: '=1.0.19', anyhow: '=1.0.104' },
  files: printing(['itoa::Buffer::new().format(5)', 'anyhow::anyhow!("seven")']),
};
const smallUnits = ['anyhow', 'anyhow build-script', 'anyhow run', 'itoa'];

/** The store knows `small` in another setting only, so nothing of it may be served. */
function nothingInCommon(app: Partial<Setting>, origin: Partial<Setting>): Scene {
  return {
    app: { ...small, ...app },
    origins: [{ ...small, ...origin }],
    built: smallUnits,
    served: [],
  };
}

function writeScript(world: World, name: string, body: string): string {
  const path = join(world.path, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

const flags = (text: string): Partial<Setting> => ({ env: { RUSTFLAGS: text } });
const triple = 'x86_64-unknown-linux-gnu';

const flagCases: readonly ProofCase[] = [
  {
    name: 'the store was filled with another --remap-path-prefix',
    group: 'full',
    setup: ({ path }) =>
      nothingInCommon(
        flags(`--remap-path-prefix=${path}=/one`),
        flags(`--remap-path-prefix=${path}=/two`),
      ),
  },
  {
    name: 'the store was filled with the same --remap-path-prefix',
    group: 'full',
    setup: ({ path }) =>
      otherPath({ ...small, ...flags(`--remap-path-prefix=${path}=/one`) }, ['anyhow', 'itoa']),
  },
  {
    name: 'the store was filled for any processor and this build is for the one at hand',
    group: 'full',
    setup: () => nothingInCommon(flags('-Ctarget-cpu=native'), {}),
  },
  {
    name: 'both builds are for the processor at hand',
    group: 'full',
    setup: () => otherPath({ ...small, ...flags('-Ctarget-cpu=native') }, ['anyhow', 'itoa']),
  },
  {
    name: 'the store was filled with another linker',
    group: 'full',
    setup: (world) => {
      const linker = writeScript(world, 'bin/cc', 'exec cc "$@"');
      return nothingInCommon({}, { env: { CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER: linker } });
    },
  },
  {
    name: 'both builds use GNU ld',
    group: 'full',
    setup: () =>
      otherPath(
        {
          ...small,
          env: {
            RUSTC_BOOTSTRAP: '1',
            RUSTFLAGS: '-Clink-self-contained=-linker -Clink-arg=-fuse-ld=bfd -Zunstable-options',
          },
        },
        ['anyhow', 'itoa'],
      ),
  },
  {
    name: 'the store was filled behind a RUSTC_WRAPPER',
    group: 'full',
    setup: (world) => {
      const wrapper = writeScript(world, 'bin/wrap', 'exec "$@" --cfg wrapped');
      return nothingInCommon({}, { env: { RUSTC_WRAPPER: wrapper } });
    },
  },
  {
    name: 'the store was filled without the RUSTC_WRAPPER of this build',
    group: 'full',
    setup: (world) => {
      const wrapper = writeScript(world, 'bin/wrap', 'exec "$@" --cfg wrapped');
      return nothingInCommon({ env: { RUSTC_WRAPPER: wrapper } }, {});
    },
  },
];

const profileCases: readonly ProofCase[] = [
  {
    name: 'the store was filled by a release build',
    group: 'full',
    setup: () => nothingInCommon({}, { args: ['--release'] }),
  },
  {
    name: 'the store was filled with another optimization level',
    group: 'full',
    setup: () => nothingInCommon({ manifest: '[profile.dev.package."*"]\nopt-level = 2\n' }, {}),
  },
  {
    name: 'both builds are for a target by name',
    group: 'full',
    setup: () => otherPath({ ...small, args: ['--target', triple] }, ['anyhow', 'itoa']),
  },
  {
    name: 'the store was filled for a target by name, and this build is for the host',
    group: 'full',
    setup: () => nothingInCommon({}, { args: ['--target', triple] }),
  },
  {
    name: 'both builds have the per-unit layout',
    group: 'full',
    setup: () => otherPath({ ...small, ...perUnitLayout }, ['anyhow', 'itoa']),
  },
  {
    name: 'the store was filled in the other layout',
    group: 'full',
    setup: () => nothingInCommon(perUnitLayout, { env: { RUSTC_BOOTSTRAP: '1' } }),
  },
];

const constant = (number: number): string => `pub fn value() -> u32 { ${number} }\n`;

const sourceCases: readonly ProofCase[] = [
  {
    name: 'a vendored crate was edited since',
    group: 'short',
    setup: async (world) => {
      const { path, config, dependencies } = await createVendoredCrates(world, {
        edited: { lib: constant(1) },
        same: { lib: constant(1) },
      });
      const app = {
        dependencies,
        files: { ...printing(['edited::value()', 'same::value()']), '.cargo/config.toml': config },
      };
      const change = async (): Promise<void> => {
        await writeFile(join(path, 'edited/src/lib.rs'), constant(2));
      };
      return { ...otherPath(app, ['same']), built: ['edited'], change };
    },
  },
  {
    name: 'a branch has another commit now',
    group: 'full',
    cargoHome: 'own',
    setup: async (world) => {
      const manifest = (name: string): string =>
        `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2021"\n`;
      const [moving, still] = [
        await createGitRepository(world, 'moving'),
        await createGitRepository(world, 'still'),
      ];
      await moving.commit({ 'Cargo.toml': manifest('moving'), 'src/lib.rs': constant(1) });
      await still.commit({ 'Cargo.toml': manifest('still'), 'src/lib.rs': constant(1) });
      const app = {
        dependencies: {
          moving: `{ git = "${moving.url}", branch = "main" }`,
          still: `{ git = "${still.url}", branch = "main" }`,
        },
        files: printing(['moving::value()', 'still::value()']),
      };
      const change = async (): Promise<void> => {
        await moving.commit({ 'src/lib.rs': constant(2) });
      };
      return { ...otherPath(app, ['still']), built: ['moving'], change };
    },
  },
  {
    name: 'a dependency of dependencies is replaced by [patch]',
    group: 'full',
    setup: (world) => {
      const sources = join(world.cargoHome, 'registry/src');
      const [index = ''] = readdirSync(sources);
      const patched = join(world.path, 'patched');
      cpSync(join(sources, index, 'itoa-1.0.19'), patched, { recursive: true });
      writeFileSync(join(patched, 'src/patched.rs'), '');
      const files = printing(['serde_json::to_string(&5).unwrap()']);
      const app = { dependencies: { serde_json: '=1.0.154' }, files };
      return {
        app: { ...app, manifest: `[patch.crates-io]\nitoa = { path = "${patched}" }\n` },
        origins: [app],
        built: ['itoa', 'serde_json'],
        served: ['serde_core', 'serde_json build-script', 'memchr'],
      };
    },
  },
];

export const settingCases: readonly ProofCase[] = [...sourceCases, ...flagCases, ...profileCases];
