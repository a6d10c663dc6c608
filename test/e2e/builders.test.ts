/** Units whose builder is gone: left by a killed service, or in a directory that was taken over. */
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openOverlay } from '../../src/fs/overlay.js';
import { blobPathIn } from '../../src/units/blob-access.js';
import { viewDirectory } from '../../src/views/view-directory.js';
import { perUnitLayout, type CargoOptions } from '../support/cargo-run.js';
import { waitUntil } from '../support/processes.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates } from './crates.js';

/** A script that hands on what it has read of the environment and declares nothing of it. */
const silent = {
  build:
    'fn main() { println!("cargo:rustc-env=SEEN={}", std::env::var("SILENT_MODE").unwrap_or("none".into())); println!("cargo:rerun-if-changed=build.rs"); }\n',
  lib: 'pub fn value() -> String { format!("{} {}", env!("SEEN"), cfg!(wrapped)) }\n',
  package: 'build = "build.rs"\n[lints.rust]\nunexpected_cfgs = "allow"',
};
const files = { 'src/main.rs': 'fn main() { println!("{}", silent::value()); }\n' };

async function workspacesOf(world: World): Promise<(name: string) => Promise<Workspace>> {
  const { dependencies } = await createGitCrates(world, { silent });
  return async (name) => await world.workspace(name, { dependencies, files });
}

/** Makes cargo build the workspace's own package again, and only that. */
async function edit(workspace: Workspace): Promise<void> {
  await workspace.write({ 'src/main.rs': `${await workspace.read('src/main.rs')}\n` });
}

async function reasons(workspace: Workspace): Promise<ReadonlySet<string>> {
  return new Set((await workspace.explain()).map(({ reason }) => reason));
}

function isFilled(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Builds, and kills the service as soon as the script has run, before its run can be stored. */
async function buildUntilKilled(workspace: Workspace, options: CargoOptions): Promise<void> {
  const { world } = workspace;
  const { upperDirectory } = viewDirectory(world.paths.viewsDirectory, workspace.target);
  const fingerprints = join(upperDirectory, 'debug/.fingerprint');
  const hasRun = (): boolean =>
    existsSync(fingerprints) &&
    readdirSync(fingerprints).some((unit) =>
      isFilled(join(fingerprints, unit, 'run-build-script-build-script-build.json')),
    );
  await workspace.cargo('build', {
    ...options,
    whileRunning: async () => {
      await waitUntil('the script has run', hasRun);
      await world.killService();
    },
  });
}

describeEndToEnd('what a killed service left', () => {
  test.each([
    { next: 'another variable', mode: 'b', shown: 'b false', boot: 'this' },
    { next: 'the same environment', mode: 'a', shown: 'a false', boot: 'this' },
    { next: 'the same environment', mode: 'a', shown: 'a false', boot: 'another' },
  ])('is not taken for what $next builds, in $boot boot', async ({ mode, shown, boot }) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const workspace = await workspacesOf(world);
    const first = await workspace('first');
    await first.mount();
    await buildUntilKilled(first, { env: { SILENT_MODE: 'a' } });
    if (boot !== 'this') writtenInBoot(first, 'of-the-day-before');
    expect((await world.xcache('service', 'start')).exitCode).toBe(0);
    await first.buildAndSettle({ env: { SILENT_MODE: mode } });
    // What is private stays private in later mounts.
    await world.xcacheJson('service', 'restart');
    await edit(first);
    await first.buildAndSettle({ env: { SILENT_MODE: mode } });
    // As cargo has it without xcache.
    expect(first.output()).toBe('a false');
    if (boot !== 'this') expect(await reasons(first)).toContain('earlier-boot');
    else if (mode === 'b') expect(await reasons(first)).toContain('environment-changed');

    const second = await workspace('second');
    await second.mount();
    const { compiled } = await second.mustCargo('build', { env: { SILENT_MODE: mode } });
    expect(second.output()).toBe(shown);
    if (boot === 'this' && mode === 'a') expect(compiled).toEqual(['app']);
    else expect(compiled).toContain('silent run');
  });
});

/** Makes the journal of a view say that its units were built in another boot of the machine. */
function writtenInBoot({ world, target }: Workspace, boot: string): void {
  const { upperDirectory, journalPath } = viewDirectory(world.paths.viewsDirectory, target);
  const nothing = (): void => undefined;
  const overlay = openOverlay({
    upperDirectory,
    journalPath,
    lower: {
      isVolatile: () => false,
      resolve: () => [],
      backingPath: blobPathIn(join(world.paths.storeDirectory, 'blobs')),
    },
    observer: {
      attached: nothing,
      changed: nothing,
      attributesChanged: nothing,
      removed: nothing,
      appeared: nothing,
      detached: nothing,
      rootEmptied: nothing,
    },
  });
  const builders = [...overlay.notes()].filter(([key]) => key.startsWith('builder:'));
  expect(builders).not.toEqual([]);
  for (const [key, value] of builders) overlay.note(key, value.replace(/^\S+/, boot));
  overlay.close();
}

describeEndToEnd('what was in a directory that is taken over', () => {
  test.each([
    ['classic', {}],
    ['per-unit', perUnitLayout],
  ])('stays private until it is built again, in the %s layout', async (_name, layout) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const workspace = await workspacesOf(world);
    const first = await workspace('first');
    const odd = { ...layout, env: { ...('env' in layout ? layout.env : {}), SILENT_MODE: 'odd' } };
    await first.mustCargo('build', odd);
    await first.mount();
    await first.settled();
    expect([...(await reasons(first))]).toEqual(['taken-over']);
    await edit(first);
    await first.buildAndSettle(layout);
    expect(first.output()).toBe('odd false');
    const second = await workspace('second');
    await second.mount();
    expect((await second.buildAndSettle(layout)).compiled).toContain('silent run');
    expect(second.output()).toBe('none false');

    await first.mustCargo('clean', layout);
    await first.buildAndSettle(layout);
    expect(first.output()).toBe('none false');
    const third = await workspace('third');
    await third.mount();
    expect((await third.mustCargo('build', layout)).compiled).toEqual(['app']);
  });

  test('may have been built behind a wrapper', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const workspace = await workspacesOf(world);
    const wrapper = join(world.path, 'wrapper');
    writeFileSync(
      wrapper,
      '#!/bin/sh\ncase "$*" in *--crate-name*) exec "$@" --cfg wrapped ;; *) exec "$@" ;; esac\n',
    );
    chmodSync(wrapper, 0o755);
    const first = await workspace('first');
    await first.mustCargo('build', { env: { RUSTC_WRAPPER: wrapper } });
    await first.mount();
    await edit(first);
    await first.buildAndSettle();
    const second = await workspace('second');
    await second.mount();
    await second.mustCargo('build');
    expect(second.output()).toBe('none false');
  });
});
