/** Runs that leave other things in OUT_DIR than files with one name. */
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { createGitCrates, type CrateText } from './crates.js';

/** A crate whose build script does what `body` says, with `out` (OUT_DIR). */
const making = (body: string): CrateText => ({
  build: `use std::{fs, os::unix};
    fn main() { let out = std::path::PathBuf::from(std::env::var("OUT_DIR").unwrap());
    println!("cargo:rerun-if-changed=build.rs"); ${body} }\n`,
  lib: 'pub fn value() -> u32 { 1 }\n',
});

describeEndToEnd('what a run leaves in OUT_DIR', () => {
  test('is named by `explain` where the store does not hold such a thing', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      socket: making('unix::net::UnixListener::bind(out.join("left.sock")).unwrap();'),
      dangling: making('unix::fs::symlink("nowhere", out.join("left.link")).unwrap();'),
    });
    const workspace = await world.workspace('app', { dependencies });
    await workspace.mount();
    await workspace.buildAndSettle();
    const decisions = await workspace.explain();
    for (const [name, file] of [
      ['socket', 'left.sock'],
      ['dangling', 'left.link'],
    ] as const) {
      const refused = decisions.filter(
        ({ unit, outcome }) => unit.startsWith(`debug/${name}-`) && outcome === 'refused',
      );
      expect([name, refused.map(({ reason }) => reason).sort()]).toEqual([
        name,
        ['dependency-private', 'not-storable'],
      ]);
      expect(refused.map(({ message }) => message).join('\n')).toContain(`/out/${file}`);
    }
  });

  test('may have two names for one file: so it has where it is served', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { dependencies } = await createGitCrates(world, {
      twice: {
        ...making(`fs::write(out.join("one"), "1").unwrap();
          fs::hard_link(out.join("one"), out.join("two")).unwrap();`),
        lib: `pub fn value() -> u64 {
          use std::os::unix::fs::MetadataExt;
          let (one, two) = (concat!(env!("OUT_DIR"), "/one"), concat!(env!("OUT_DIR"), "/two"));
          assert_eq!(std::fs::read(two).unwrap(), b"1");
          let (one, two) = (std::fs::metadata(one).unwrap(), std::fs::metadata(two).unwrap());
          if one.ino() == two.ino() { one.nlink() } else { 0 } }\n`,
      },
    });
    const files = { 'src/main.rs': 'fn main() { println!("{}", twice::value()); }\n' };
    for (const name of ['first', 'second']) {
      const workspace = await world.workspace(name, { dependencies, files });
      await workspace.mount();
      const { compiled } = await workspace.buildAndSettle();
      expect(workspace.output()).toBe('2');
      if (name === 'second') expect(compiled).not.toContain('twice run');
    }
  });
});
