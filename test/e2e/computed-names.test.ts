import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorld, describeEndToEnd } from '../support/world.js';
import {
  createBuilder,
  macroOf,
  pathWith,
  scripted,
  userOf,
  writeProgram,
} from './asking-crates.js';
import { gitCheckout } from './crates.js';

/** All variables that a condition on their name `k` picks. */
function listed(condition: string): string {
  return `let mut all: Vec<String> = std::env::vars().filter(|(k, _)| ${condition})
    .map(|(k, v)| format!("{k}={v}")).collect(); all.sort(); all.join(",")`;
}

/** Goes up from a path to the workspace, and reads a file of it. */
function readsAbove(start: string, way: string): string {
  return `let mut p = std::path::PathBuf::from(${start}); ${way};
    std::fs::read_to_string(p.join("settings.txt")).unwrap_or_default().trim().to_string()`;
}

describeEndToEnd('what a script or macro finds by a name that it puts together', () => {
  test('is each variable that begins or ends as it says', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        begins: scripted(listed('k.starts_with("MYCFG_")')),
        stripped: scripted(listed('k.strip_prefix("yourcfg").is_some()')),
        ends: scripted(listed('k.ends_with("MYLIMIT")')),
        formatted: scripted(
          'let n = std::env::var("CARGO_PKG_NAME").unwrap().to_uppercase(); std::env::var(format!("{n}_SIZE")).unwrap_or_default()',
        ),
        joined: scripted(
          'let mut n = String::from("FOR_"); n.push_str(&"it".to_uppercase()); std::env::var(n).unwrap_or_default()',
        ),
        listing: macroOf(listed('k.starts_with("MACRO_SEES")')),
        by_macro: userOf('listing'),
      },
      ['begins', 'stripped', 'ends', 'formatted', 'joined', 'by_macro'],
    );
    await build('none');
    const set: Record<string, string> = {};
    for (const [index, more] of [
      { MYCFG_ONE: '1', yourcfgs: 'begins', A_MYLIMIT: 'ends' },
      { MYCFG_ONE: '2' },
      { MYCFG_TWO: 'new', FORMATTED_SIZE: 'is', FOR_IT: 'put', MACRO_SEES_THIS: 'together' },
    ].entries()) {
      Object.assign(set, more);
      const { output } = await build(`changed-${index}`, set);
      for (const value of Object.values(more)) expect(output).toContain(value);
    }
    expect((await build('same', set)).compiled).toEqual(['app']);
    expect((await build('same-none', { ELSE: 'x' })).compiled).toEqual(['app']);
  });

  test('is anything, where it takes all variables: such a unit is not shared', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const all = 'std::env::vars().count().to_string()';
    const { build } = await createBuilder(
      world,
      { script: scripted(all), lists: macroOf(all), by_macro: userOf('lists') },
      ['script', 'by_macro'],
    );
    await build('first');
    const { compiled, workspace } = await build('second', { ONE_MORE: '1' });
    expect([...compiled].sort()).toEqual(['app', 'by_macro', 'script', 'script run']);
    const reasons = (await workspace.explain()).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === 'lists-variables')).toHaveLength(4);
  });

  test('is the number of jobs, which cargo tells', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      { jobs: scripted('std::env::var("NUM_JOBS").unwrap()') },
      ['jobs'],
    );
    await build('one', { CARGO_BUILD_JOBS: '1' });
    expect((await build('two', { CARGO_BUILD_JOBS: '2' })).output).toBe('jobs 2');
    expect((await build('again', { CARGO_BUILD_JOBS: '1' })).compiled).toEqual(['app']);
    const args = ['--profile', 'dev', '-j3'];
    const { workspace } = await build('args', { CARGO_BUILD_JOBS: '1' });
    await workspace.mustCargo('clean');
    await workspace.mustCargo('build', { args });
    expect(workspace.output()).toBe('jobs 3');
  });

  test('is a file beside or above its package, or in a directory that it names apart', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const exists = (path: string): string => `${path}.exists().to_string()`;
    const manifest = 'std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())';
    const { build } = await createBuilder(
      world,
      {
        by_dots: scripted(exists(`${manifest}.join("..").join("..").join("conf.txt")`)),
        by_parents: scripted(
          exists(`${manifest}.parent().unwrap().parent().unwrap().join("conf.toml")`),
        ),
        by_loop: scripted(
          `let mut p = ${manifest}; loop { if p.join(".flagged").exists() { break "found".to_string() } if !p.pop() { break "none".to_string() } }`,
        ),
        by_parts: scripted(
          `["${world.path}/one", "${world.path}"].iter().any(|d| std::path::Path::new(d).join("sdk-data").exists()).to_string()`,
        ),
        on_path: scripted(
          'std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|d| d.join("attack-tool").exists()).to_string()',
        ),
        in_temp: scripted(exists('std::env::temp_dir().join("xcache-test-none")')),
      },
      ['by_dots', 'by_parents', 'by_loop', 'by_parts', 'on_path', 'in_temp'],
    );
    await mkdir(join(world.path, 'bin'));
    const env = pathWith(world, 'bin');
    await build('none', env);
    const again = await build('again', env);
    expect([...again.compiled].sort()).toEqual(['app', 'in_temp', 'in_temp run']);
    const checkouts = dirname(await gitCheckout(world));
    const changes: readonly (readonly [string, string])[] = [
      [join(checkouts, 'conf.txt'), 'by_dots true'],
      [join(checkouts, 'conf.toml'), 'by_parents true'],
      [join(dirname(checkouts), '.flagged'), 'by_loop found'],
      // It holds the workspaces, so nothing in it is compared but what the script names.
      [join(world.path, 'sdk-data'), 'by_parts true'],
      [join(world.path, 'bin/attack-tool'), 'on_path true'],
    ];
    for (const [path, printed] of changes) {
      await writeProgram(path, '');
      const { output } = await build(printed.replaceAll(' ', '-'), env);
      expect(output).toContain(printed);
    }
    const set = await build('set', env);
    expect([...set.compiled].sort()).toEqual(['app', 'in_temp', 'in_temp run']);
  });

  test('is what a macro alone can learn: its words, what is beside it, what it starts', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const macros = {
      words: 'std::env::args().count().to_string()',
      beside:
        'std::path::PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().read_dir().unwrap().count().to_string()',
      starts:
        'String::from_utf8(std::process::Command::new("sh").args(["-c", "echo $TERM"]).output().unwrap().stdout).unwrap()',
      temporary:
        'std::fs::read_to_string(std::env::temp_dir().join("xcache-test-none")).unwrap_or_default()',
      primary: 'std::env::var("CARGO_PRIMARY_PACKAGE").unwrap_or_default()',
      by_c: 'extern "C" { fn getenv(n: *const u8) -> *const u8; } unsafe { getenv(b"zvar_x\\0".as_ptr()).is_null() }.to_string()',
    };
    const users = Object.keys(macros).map((name) => `by_${name}`);
    const { build } = await createBuilder(
      world,
      Object.fromEntries(
        Object.entries(macros).flatMap(([name, text]) => [
          [name, macroOf(text)],
          [`by_${name}`, userOf(name)],
        ]),
      ),
      users,
    );
    await build('first', { TERM: 'one' });
    const second = await build('second', { TERM: 'two' });
    const shared = ['by_by_c'];
    const others = users.filter((name) => !shared.includes(name));
    expect([...second.compiled].sort()).toEqual(['app', ...others].sort());
    expect((await build('third', { zvar_x: '1' })).output).toContain('by_by_c false');
  });

  test('is what a shell or an interpreter finds by itself', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const told = (program: string, flag: string, text: string): string =>
      `let mut c = Command::new("${program}"); c.args(["${flag}", ${JSON.stringify(text)}]); answer(c)`;
    const { build } = await createBuilder(
      world,
      {
        by_shell: scripted(told('sh', '-c', 'echo $myvar')),
        by_module: scripted(told('python3', '-c', 'import zmod; print(zmod.V)')),
        by_list: scripted(told('sh', '-c', 'env | grep ^MYPFX; true')),
      },
      ['by_shell', 'by_module', 'by_list'],
    );
    const module = join(world.path, 'modules/zmod.py');
    const write = async (value: string): Promise<void> => {
      await mkdir(dirname(module), { recursive: true });
      await writeFile(module, `V = ${value}\n`);
    };
    const env = {
      PYTHONPATH: join(world.path, 'modules'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    await write('11');
    await build('first', env);
    const again = await build('again', env);
    expect([...again.compiled].sort()).toEqual(['app', 'by_list', 'by_list run']);
    await write('2222');
    expect((await build('module', env)).output).toContain('by_module 2222');
    expect((await build('set', { ...env, myvar: '7', MYPFX: '8' })).output).toMatch(
      /by_shell 7[^]*by_list MYPFX=8/,
    );
  });

  test('is a file of the workspace above its OUT_DIR: such a unit is not shared', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { build } = await createBuilder(
      world,
      {
        by_lock: scripted(
          readsAbove(
            'std::env::var_os("OUT_DIR").unwrap()',
            'while !p.join("Cargo.lock").exists() { p.pop(); }',
          ),
        ),
        by_count: scripted(
          readsAbove(
            'std::env::current_exe().unwrap()',
            'p = p.ancestors().nth(5).unwrap().to_path_buf()',
          ),
        ),
      },
      ['by_lock', 'by_count'],
    );
    for (const name of ['one', 'two']) {
      const files = { 'settings.txt': name };
      const { compiled, workspace } = await build(name, {}, { files });
      expect([...compiled].filter((unit) => unit.endsWith(' run'))).toHaveLength(2);
      const reasons = (await workspace.explain()).map(({ reason }) => reason);
      expect(reasons).toContain('looks-above');
    }
  });
});

describeEndToEnd('what the compiler itself reads', () => {
  test('is RUSTC_BOOTSTRAP, which lets unstable features in', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const unstable = {
      lib: '#![feature(never_type)]\npub fn value() -> String { String::from("built") }\n',
    };
    const { build } = await createBuilder(world, { unstable }, ['unstable']);
    const env = { RUSTC_BOOTSTRAP: '1' };
    const { workspace } = await build('with', env);
    expect((await build('again', env)).compiled).toEqual(['app']);
    await workspace.mustCargo('clean');
    const run = await workspace.cargo('build');
    expect(run.exitCode).not.toBe(0);
    expect(run.stderr).toContain('E0554');
  });

  test('is what a script in its place reads: variables, files, or anything', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const told = {
      lib: 'pub fn value() -> String { String::from(if cfg!(zed) { "zed" } else { "plain" }) }\n',
    };
    const { build } = await createBuilder(world, { told }, ['told']);
    const flags = join(world.path, 'flags');
    const compiler = (name: string, words: string): Promise<void> =>
      writeProgram(join(world.path, name), `exec rustc "$@" ${words}`);
    await compiler('by-variable', '$MYFLAGS');
    await compiler('by-file', `@${flags}`);
    await compiler('by-text', `$(cat ${flags})`);
    await writeFile(flags, '');
    for (const [index, name] of ['by-variable', 'by-file', 'by-text'].entries()) {
      const env = { RUSTC: join(world.path, name), MYFLAGS: '' };
      await writeFile(flags, '--cap-lints=allow\n');
      expect((await build(`${index}-first`, env)).output).toBe('told plain');
      const again = await build(`${index}-again`, env);
      expect([...again.compiled].sort()).toEqual(name === 'by-text' ? ['app', 'told'] : ['app']);
      await writeFile(flags, '--cfg=zed\n');
      const changed = await build(`${index}-changed`, { ...env, MYFLAGS: '--cfg=zed' });
      expect(changed.output).toBe('told zed');
    }
  });
});
