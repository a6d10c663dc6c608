/** Rule 14: what may change at any time is compiled in each workspace. */
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';

const reader = `use proc_macro::TokenStream;
#[proc_macro]
pub fn template(_: TokenStream) -> TokenStream {
    let path = std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("template.txt");
    format!("{:?}", std::fs::read_to_string(path).unwrap()).parse().unwrap()
}
`;

const manifest = (name: string, more: string): string =>
  `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2021"\n${more}`;

describeEndToEnd('packages given by path', () => {
  test('rule 14: are compiled in each worktree, where a macro may read another template', async () => {
    await using world = await createWorld();
    const build = async (
      name: string,
      text: string,
    ): Promise<{ readonly compiled: readonly string[]; readonly output: string }> => {
      const workspace = await world.workspace(name, {
        dependencies: { pages: '{ path = "pages" }' },
        files: {
          'src/main.rs': 'fn main() { println!("{}", pages::text()); }\n',
          'reader/Cargo.toml': manifest('reader', '[lib]\nproc-macro = true\n'),
          'reader/src/lib.rs': reader,
          'pages/Cargo.toml': manifest(
            'pages',
            '[dependencies]\nreader = { path = "../reader" }\n',
          ),
          'pages/src/lib.rs': "pub fn text() -> &'static str { reader::template!() }\n",
          'pages/template.txt': text,
        },
      });
      await workspace.mount();
      const { compiled } = await workspace.buildAndSettle();
      return { compiled, output: workspace.output() };
    };
    const compiled = ['app', 'pages', 'reader'];
    expect(await build('first', 'one')).toEqual({ compiled, output: 'one' });
    expect(await build('other', 'two')).toEqual({ compiled, output: 'two' });
    expect((await world.stats()).store.units).toBe(0);
  });
});
