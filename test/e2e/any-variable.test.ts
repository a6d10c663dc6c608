/** A variable whose name does not stand in any source: every variable counts then. */
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { createBuilder, macroOf, scripted, userOf } from './asking-crates.js';

const orNone = 'unwrap_or_default()';
const firstOf = (names: string): string =>
  `${names}.iter().find_map(std::env::var_os).map(|v| v.into_string().unwrap()).${orNone}`;
const fromFile = (path: string): string =>
  `std::env::var(std::fs::read_to_string(${path}).unwrap().trim()).${orNone}`;
const fromProcess = `std::fs::read("/proc/self/environ").unwrap().split(|b| *b == 0)
  .find_map(|l| std::str::from_utf8(l).ok().and_then(|l| l.strip_prefix("xct_process=")).map(String::from)).${orNone}`;

/** By name of the crate: the variable that its script reads, and how. */
const scripts: Readonly<Record<string, readonly [string, string, ...string[]]>> = {
  renamed: ['xct_renamed', `{ use std::env::var as get; get("xct_renamed").${orNone} }`],
  handed_on: ['XctHanded_DIR', firstOf('["XctHanded_DIR", "XCTHANDED_DIR"]')],
  unusual: ['XCT_x86_64-unknown', `std::env::var("XCT_x86_64-unknown").${orNone}`],
  of_process: ['xct_process', fromProcess],
  shown: [
    'XCTSHOWN',
    `{ #[derive(Debug)] enum E { XctShown } std::env::var(format!("{:?}", E::XctShown).to_uppercase()).${orNone} }`,
  ],
  changed: [
    'XCT_CHANGED',
    `{ fn get(n: &str) -> String { std::env::var(n.replace("-", "_").to_ascii_uppercase()).${orNone} } get("xct-changed") }`,
  ],
  in_constants: [
    'xct.constant',
    `{ const N: [&str; 2] = ["xct.constant", "xct.other"]; N.into_iter().map(std::env::var).filter_map(Result::ok).collect::<String>() }`,
  ],
  by_file: ['XCT_BY_FILE', fromFile('"Cargo.toml.name"')],
  by_package: [
    'XCT_ABOUT',
    `std::env::var(std::env::var("CARGO_PKG_DESCRIPTION").unwrap()).${orNone}`,
  ],
  by_library: ['XCT_SHOUTED', 'shouting::get("xct_shouted")', 'shouting'],
  of_library: ['XCT_CONSTANT', `std::env::var(shouting::KEY).${orNone}`, 'shouting'],
  of_listing: ['xctlisted', `shouting::all().remove("xctlisted").${orNone}`, 'shouting'],
};

const shouting = {
  lib: `pub const KEY: &str = "XCT_CONSTANT";
pub fn get(n: &str) -> String { let n = n.to_uppercase(); std::env::var(n).unwrap_or_default() }
pub fn all() -> std::collections::HashMap<String, String> { std::env::vars().collect() }
`,
};

/** Half of the variables in one build, the others in the next. */
async function changesEach(
  build: Awaited<ReturnType<typeof createBuilder>>['build'],
  crates: readonly (readonly [crate: string, variable: string])[],
): Promise<void> {
  const set: Record<string, string> = {};
  const middle = crates.length >> 1;
  for (const [index, some] of [crates.slice(0, middle), crates.slice(middle)].entries()) {
    for (const [crate, variable] of some) set[variable] = `of-${crate}`;
    const { output } = await build(`changed-${index}`, set);
    for (const [crate] of some) expect(output).toContain(`${crate} of-${crate}`);
  }
}

describeEndToEnd('a variable whose name no source tells', () => {
  test('counts for a script, whatever it is', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const crates = Object.fromEntries(
      Object.entries(scripts).map(([name, [, expression, ...libraries]]) => {
        const crate = scripted(expression, libraries);
        const files = name === 'by_file' ? { 'Cargo.toml.name': 'XCT_BY_FILE\n' } : {};
        const about = name === 'by_package' ? 'description = "XCT_ABOUT"' : '';
        return [name, { ...crate, files, package: about }];
      }),
    );
    const names = Object.keys(scripts);
    const { build } = await createBuilder(world, { ...crates, shouting }, names);
    await build('none', { PWD: '/one', SHLVL: '1' });
    expect((await build('same', { PWD: '/two', SHLVL: '2' })).compiled).toEqual(['app']);
    await changesEach(
      build,
      Object.entries(scripts).map(([name, [variable]]) => [name, variable]),
    );
  });

  test('counts for what a macro makes', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const told = 'let n = input.to_string();';
    const macros: Record<string, readonly [string, string]> = {
      upper: ['XCT_UPPER', `${told} std::env::var(format!("xct_{n}").to_uppercase()).${orNone}`],
      mapped: ['xct_mapped', `${told} [n].iter().filter_map(|n| std::env::var(n).ok()).collect()`],
      by_library: ['XCT_SHOUTED', 'shouting::get("xct_shouted")'],
      of_package: [
        'XCT_IN_FILE',
        fromFile('std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/name.conf"'),
      ],
    };
    const dependencies = { shouting: '{ path = "../shouting" }' };
    const crates = Object.fromEntries(
      Object.entries(macros).flatMap(([name, [variable, expression]]) => [
        [`m_${name}`, macroOf(expression, dependencies)],
        [
          `u_${name}`,
          {
            ...userOf(`m_${name}`, name === 'mapped' ? 'xct_mapped' : name),
            files: { 'name.conf': `${variable}\n` },
          },
        ],
      ]),
    );
    const users = Object.keys(macros).map((name) => `u_${name}`);
    const { build } = await createBuilder(world, { ...crates, shouting }, users);
    await build('none');
    expect((await build('same')).compiled).toEqual(['app']);
    await changesEach(
      build,
      Object.entries(macros).map(([name, [variable]]) => [`u_${name}`, variable]),
    );
  });
});
