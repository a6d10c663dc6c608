/** Rule 21: both layouts of the build-dir, and shapes that nobody knows yet. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { perUnitLayout as perUnit } from '../support/cargo-run.js';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { findIn, itoa, itoaAndAnyhow, nothingToDo, printsFive } from './lifecycle-support.js';

describeEndToEnd('layouts', () => {
  test('rule 21: in the per-unit layout a second workspace compiles only its own package', async () => {
    await using world = await createWorld();
    const options = { dependencies: itoaAndAnyhow };
    const first = await world.workspace('first', options);
    await first.mount();
    const cold = await first.buildAndSettle(perUnit);
    expect(cold.compiled).toEqual(['anyhow', 'anyhow build-script', 'anyhow run', 'app', 'itoa']);
    expect(await first.list('debug/build')).toEqual(['anyhow', 'app', 'itoa']);
    const second = await world.workspace('second', options);
    await second.mount();
    expect((await second.buildAndSettle(perUnit)).compiled).toEqual(['app']);
    expect(await second.mustCargo('build', perUnit)).toMatchObject(nothingToDo);
    await second.unmount();
    await second.mount();
    expect(await second.mustCargo('build', perUnit)).toMatchObject(nothingToDo);
    await second.mustCargo('clean', { ...perUnit, args: [...perUnit.args, '-p', 'itoa'] });
    expect((await second.mustCargo('build', perUnit)).compiled).toEqual(['app', 'itoa']);
  });

  test('rule 21: the two layouts live beside each other and share no unit', async () => {
    await using world = await createWorld();
    const options = { dependencies: itoa, files: { 'src/main.rs': printsFive } };
    const first = await world.workspace('first', options);
    await first.mount();
    const sameFlags = { env: { RUSTC_BOOTSTRAP: '1' } };
    await first.buildAndSettle(sameFlags);
    const second = await world.workspace('second', options);
    await second.mount();
    expect((await second.buildAndSettle(perUnit)).compiled).toEqual(['app', 'itoa']);
    expect((await second.buildAndSettle(sameFlags)).compiled).toEqual(['app']);
    expect(await second.mustCargo('build', perUnit)).toMatchObject(nothingToDo);
    expect(second.output()).toBe('5');
    expect((await world.stats()).store.units).toBe(2);
  });

  test('rule 21: a fingerprint of unknown shape passes through and is not shared', async () => {
    await using world = await createWorld();
    const options = { dependencies: itoa };
    const native = await world.workspace('native', options);
    await native.mustCargo('build');
    const json = await findIn(native, 'debug/.fingerprint', /^itoa-/).then((directory) =>
      join(directory, 'lib-itoa.json'),
    );
    const future = readFileSync(json, 'utf8').replace(
      /"checksum":false|"fingerprint":"mtime"/,
      '$&,"novel":1',
    );
    expect(future).toContain('"novel":1');
    writeFileSync(json, future);
    await native.mount();
    await native.settled();
    expect(readFileSync(json, 'utf8')).toBe(future);
    expect(await native.mustCargo('build')).toMatchObject(nothingToDo);
    await native.settled();
    expect((await world.stats()).store.units).toBe(0);
    const second = await world.workspace('second', options);
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app', 'itoa']);
  });
});
