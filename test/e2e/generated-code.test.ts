/** What is compiled from a source in OUT_DIR may tell where that lay. */
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { createBuilder } from './asking-crates.js';
import type { CrateText } from './crates.js';

/** A library that includes what its script writes. */
function generating(code: string, lib: string): CrateText {
  return {
    build: `fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    std::fs::write(format!("{}/x.rs", std::env::var("OUT_DIR").unwrap()), r###"${code}"###).unwrap();
}
`,
    lib: `include!(concat!(env!("OUT_DIR"), "/x.rs"));\n${lib}\n`,
  };
}

/** Where a panic in `broken` says that it is. */
const placeOfPanic = `pub fn value() -> String {
    use std::sync::{Arc, Mutex};
    let place = Arc::new(Mutex::new(String::new()));
    let told = place.clone();
    std::panic::set_hook(Box::new(move |info| *told.lock().unwrap() = info.location().unwrap().file().to_string()));
    let _ = std::panic::catch_unwind(|| broken(None));
    let found = place.lock().unwrap().clone();
    found
}`;

const crates: Readonly<Record<string, CrateText>> = {
  named: generating('pub fn value() -> String { file!().to_string() }', ''),
  constant: generating(
    'pub const PLACE: &str = file!();',
    'pub fn value() -> String { PLACE.to_string() }',
  ),
  generic: generating(
    "pub fn place<T>(_: T) -> &'static str { std::panic::Location::caller().file() }",
    'pub fn value() -> String { place(1).to_string() }',
  ),
  panicking: generating('pub fn broken(x: Option<u8>) -> u8 { x.unwrap() }', placeOfPanic),
};

describeEndToEnd('code that a script has written', () => {
  test('names the place that it has in this workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const names = Object.keys(crates);
    const { build } = await createBuilder(world, crates, names);
    await build('größe');
    const { compiled, output } = await build('number-two');
    for (const name of names) {
      expect(compiled).toContain(name);
      expect(output).toMatch(new RegExp(`^${name} .*/number-two/`, 'm'));
    }
  });

  test('is shared where it names none', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const plain = generating(
      'pub fn sum(a: u8, b: u8) -> u8 { a.wrapping_add(b) }',
      'pub fn value() -> String { sum(1, 2).to_string() }',
    );
    const { build } = await createBuilder(world, { plain }, ['plain']);
    await build('one');
    expect((await build('two')).compiled).toEqual(['app']);
  });
});
