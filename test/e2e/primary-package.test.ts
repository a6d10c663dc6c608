/** What cargo was asked to build and what that needs are told different things. */
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import type { Workspace } from '../support/workspace.js';
import { createGitCrates, nativeOutput } from './crates.js';

const asks = {
  lib: 'pub fn value() -> &\'static str { option_env!("CARGO_PRIMARY_PACKAGE").map_or("needed", |_| "asked for") }\n',
};
const files = { 'src/main.rs': 'fn main() { println!("{}", asks::value()); }\n' };

describeEndToEnd('a library that reads CARGO_PRIMARY_PACKAGE', () => {
  test('is shared where it is needed, and private where cargo was asked for it', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, { asks });
    const make = async (name: string): Promise<Workspace> =>
      await world.workspace(name, { dependencies, files });
    const asked = await make('asked');
    await asked.mount();
    await asked.mustCargo('build', { args: ['-p', 'asks'] });
    await asked.settled();
    expect((await asked.explain()).map(({ reason }) => reason)).toContain('asked-for');

    const first = await make('first');
    expect(await nativeOutput(first)).toBe('needed');
    await first.mount();
    expect((await first.buildAndSettle()).compiled).toEqual(['app', 'asks']);
    expect(first.output()).toBe('needed');

    const second = await make('second');
    await second.mount();
    expect((await second.mustCargo('build')).compiled).toEqual(['app']);
    expect(second.output()).toBe('needed');

    const third = await make('third');
    await third.mount();
    const args = ['-p', 'asks'];
    expect((await third.mustCargo('build', { args })).compiled).toEqual(['asks']);
    // Cargo itself takes what is there, whoever asked for it.
    expect((await third.mustCargo('build')).compiled).toEqual(['app']);
    expect(third.output()).toBe('asked for');
  });
});
