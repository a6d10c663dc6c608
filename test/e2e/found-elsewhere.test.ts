/** Files that a script finds by a way that its source only hints at. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createBuilder, pathWith, scripted, writeProgram } from './asking-crates.js';

async function write(world: World, name: string, text: string): Promise<string> {
  const path = join(world.path, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const outDir = 'let out = std::env::var("OUT_DIR").unwrap();';
const settings = 'join("settings.txt")).unwrap_or_default().trim().to_string()';

/** Expressions for what `settings.txt` of the workspace says. */
const waysUp: Readonly<Record<string, string>> = {
  by_text: `${outDir} let up = out.split("/target/").next().unwrap(); std::fs::read_to_string(format!("{up}/settings.txt")).unwrap_or_default().trim().to_string()`,
  by_parts: `${outDir} let up: std::path::PathBuf = std::path::Path::new(&out).components().take_while(|c| c.as_os_str() != "target").collect(); std::fs::read_to_string(up.${settings}`,
  by_steps: `${outDir} let p = std::path::Path::new(&out); let up = p.parent().unwrap().parent().unwrap().parent().unwrap().parent().unwrap().parent().unwrap(); std::fs::read_to_string(up.${settings}`,
  by_count: `${outDir} let mut p = std::path::PathBuf::from(&out); for _ in 0..5 { p.pop(); } std::fs::read_to_string(p.${settings}`,
  by_search: `${outDir} let up = std::iter::successors(Some(std::path::Path::new(&out)), |p| p.parent()).find(|p| p.join("settings.txt").exists()).unwrap_or(std::path::Path::new("/")); std::fs::read_to_string(up.${settings}`,
  by_program:
    'let me = std::env::args().next().unwrap(); let up = std::path::Path::new(&me).ancestors().nth(5).unwrap_or(std::path::Path::new("/")); std::fs::read_to_string(up.join("settings.txt")).unwrap_or_default().trim().to_string()',
};

describeEndToEnd('a file that a script finds', () => {
  test('on its way up from OUT_DIR is the one of this workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const crates = Object.fromEntries(
      Object.entries(waysUp).map(([name, expression]) => [name, scripted(expression)]),
    );
    const apart = {
      build: `mod up;\nfn main() { println!("cargo:rerun-if-changed=build.rs"); println!("cargo:rustc-env=FOUND={}", up::find(&std::env::var("OUT_DIR").unwrap())); }\n`,
      lib: 'pub fn value() -> String { env!("FOUND").to_string() }\n',
      files: {
        'up.rs':
          'pub fn find(p: &str) -> String { std::path::Path::new(p).ancestors().find_map(|d| std::fs::read_to_string(d.join("settings.txt")).ok()).unwrap_or_default().trim().to_string() }\n',
      },
    };
    const { build } = await createBuilder(world, { ...crates, apart }, [
      ...Object.keys(waysUp),
      'apart',
    ]);
    await build('one', {}, { files: { 'settings.txt': 'one\n' } });
    const { output } = await build('number-two', {}, { files: { 'settings.txt': 'two\n' } });
    for (const name of [...Object.keys(waysUp), 'apart']) expect(output).toContain(`${name} two`);
  });

  test('by a list in a variable counts with its bytes', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const readAll = (variable: string, mark: string, after = ''): string =>
      `std::env::var("${variable}").unwrap_or_default().split(${mark}).map(|f| std::fs::read_to_string(f${after}).unwrap_or_default().trim().to_string()).collect::<Vec<_>>().join("+")`;
    const crates = {
      colons: scripted(readAll('XCT_COLONS', "':'")),
      commas: scripted(readAll('XCT_COMMAS', "','")),
      urls: scripted(readAll('XCT_URLS', "' '", '.trim_start_matches("file://")')),
      options: scripted(
        readAll('XCT_OPTIONS', "' '", '.trim_start_matches("-I").to_string() + "/x.conf"'),
      ),
      search: scripted(readAll('XCT_SEARCH_PATH', "':'", '.to_string() + "/x.conf"')),
    };
    const { build } = await createBuilder(world, crates, Object.keys(crates));
    const at = (name: string): string => join(world.path, name);
    const set = async (text: string): Promise<void> => {
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'include/x.conf', 'search/x.conf']) {
        await write(world, name, `${text}\n`);
      }
    };
    const env = {
      XCT_COLONS: `${at('a')}:${at('b')}`,
      XCT_COMMAS: `${at('c')},${at('d')}`,
      XCT_URLS: `file://${at('e')} file://${at('f')}`,
      XCT_OPTIONS: `-I${at('include')} -I/nowhere`,
      XCT_SEARCH_PATH: `/nowhere:${at('search')}`,
    };
    await set('one');
    await build('one', env);
    expect((await build('same', env)).compiled).toEqual(['app']);
    await set('two');
    const { output } = await build('changed', env);
    expect(output).not.toContain('one');
  });

  test('by a program that is a script, by git or by a library counts, too', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const run = (name: string, ...args: readonly string[]): string =>
      `answer({ let mut c = Command::new("${name}"); c.args(&[${args.map((arg) => `"${arg}"`).join(', ')}] as &[&str]); c })`;
    const crates = {
      by_script: scripted(run('xct-gen')),
      by_git: scripted(run('git', 'config', '--get', 'xct.mode')),
    };
    const release = await write(world, 'opt/release', 'one\n');
    const library = {
      lib: `pub fn release() -> String { std::fs::read_to_string("${release}").unwrap_or_default().trim().to_string() }\n`,
    };
    const by_library = scripted('library::release()', ['library']);
    const used = [...Object.keys(crates), 'by_library'];
    const { build } = await createBuilder(world, { ...crates, library, by_library }, used);
    await writeProgram(join(world.path, 'bin/xct-gen'), 'echo "mode $xct_gen_mode"');
    const config = await write(world, 'gitconfig', '[xct]\n  mode = one\n');
    const path = pathWith(world, 'bin');
    const env = { ...path, GIT_CONFIG_GLOBAL: config };
    await build('one', env);
    expect((await build('same', env)).compiled).toEqual(['app']);
    await write(world, 'gitconfig', '[xct]\n  mode = two\n');
    await write(world, 'opt/release', 'two\n');
    const { output } = await build('other', { ...env, xct_gen_mode: 'fast' });
    expect(output).toContain('by_script mode fast');
    expect(output).toContain('by_git two');
    expect(output).toContain('by_library two');
    const other = await write(world, 'other-config', '[xct]\n  mode = three\n');
    expect((await build('third', { ...path, GIT_CONFIG_GLOBAL: other })).output).toContain('three');
  });
});
