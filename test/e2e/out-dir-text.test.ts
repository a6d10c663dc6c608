/** Rule 12: what a script leaves in OUT_DIR and what names OUT_DIR, in a workspace at another path. */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { perUnitLayout } from '../support/cargo-run.js';
import type { CargoOptions } from '../support/cargo-run.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd, type World } from '../support/world.js';
import { createGitCrates, nativeOutput, type CrateText } from './crates.js';

const script = (body: string): string =>
  `#[allow(unused)] fn cc(out: &str, args: &[&str]) { assert!(std::process::Command::new("cc").current_dir(out).args(args).status().unwrap().success()); }\n` +
  `fn main() { let out = std::env::var("OUT_DIR").unwrap(); ${body} println!("cargo:rerun-if-changed=build.rs"); }\n`;
const write = (name: string, format: string): string =>
  `std::fs::write(format!("{out}/${name}"), format!(${JSON.stringify(format)})).unwrap();`;

interface Built {
  readonly first: Workspace;
  readonly second: Workspace;
  readonly compiled: readonly string[];
}

/** Builds in two workspaces whose paths differ in length; the second prints what plain cargo makes it print. */
async function buildTwice(
  world: World,
  crates: Readonly<Record<string, CrateText>>,
  main: string,
  options: CargoOptions & { readonly manifest?: string } = {},
): Promise<Built> {
  const { dependencies } = await createGitCrates(world, crates);
  const { manifest = '', ...cargo } = options;
  const files = { 'src/main.rs': `fn main() { ${main} }\n` };
  const first = await world.workspace('first', { dependencies, files, manifest });
  await first.mount();
  await first.buildAndSettle(cargo);
  const second = await world.workspace('another/second', { dependencies, files, manifest });
  const expected = cargo.args === undefined ? await nativeOutput(second) : undefined;
  await second.mount();
  const { compiled } = await second.mustCargo('build', cargo);
  if (expected !== undefined) expect(second.output()).toBe(expected);
  expect((await second.mustCargo('build', cargo)).compiled).toEqual([]);
  return { first, second, compiled };
}

/** Of the one run of a package's script. */
async function outDir(workspace: Workspace, name: string): Promise<string> {
  const build = join(workspace.target, 'debug/build');
  for (const directory of await workspace.list('debug/build')) {
    if (!directory.startsWith(`${name}-`)) continue;
    const names = await workspace.list(`debug/build/${directory}`);
    if (names.includes('out')) return join(build, directory, 'out');
  }
  for (const hash of await workspace.list(`debug/build/${name}`)) {
    const names = await workspace.list(`debug/build/${name}/${hash}`);
    if (names.includes('run')) return join(build, name, hash, 'out');
  }
  throw new Error(`${workspace.path} has no OUT_DIR of ${name}`);
}

/** As autotools and CMake leave them. */
const configured: CrateText = {
  package: 'links = "conf"',
  build: script(
    [
      write('conf.pc', 'prefix={out}\nLibs: -L{out}/lib -L$(prefix)/lib\n'),
      write('CMakeCache.txt', 'CMAKE_INSTALL_PREFIX:PATH={out}\nURL=file://{out}/x;{out}/y\n'),
      write('Makefile', 'LIBDIR := $(DESTDIR){out}/lib\nall: {out}/a.o \\\n  {out}/lib/../b.o\n'),
      // Broken in the middle of the path, as autoconf does it.
      'let (a, b) = out.split_at(6);',
      write('config.status', 'S["prefix"]="{a}"\\\n"{b}/lib"\nS["other"]="{out}"\n'),
      'std::os::unix::fs::symlink(format!("{out}/conf.pc"), format!("{out}/link.pc")).unwrap();',
      'println!("cargo:root={out}");',
    ].join(' '),
  ),
  lib: 'pub fn text() -> &\'static str { "conf" }\n',
};

const dependent: CrateText = {
  dependencies: { 'conf-sys': '{ path = "../conf-sys" }' },
  build: script(
    `let root = std::env::var("DEP_CONF_ROOT").unwrap(); println!("cargo:rustc-link-search=native={root}/lib"); ${write('found', 'found in {root}/lib\n')}`,
  ),
  lib: "pub fn text() -> &'static str { conf_sys::text() }\n",
};

describeEndToEnd('files in OUT_DIR that name it', () => {
  test.each([
    ['classic', {}],
    ['per-unit', perUnitLayout],
  ] as const)('are those of this workspace, and the run is served: %s', async (_, options) => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { first, second, compiled } = await buildTwice(
      world,
      { 'conf-sys': configured, user: dependent },
      'println!("{} {}", user::text(), conf_sys::text());',
      options,
    );
    expect(compiled).toEqual(['app']);
    const [there, here] = [await outDir(first, 'conf-sys'), await outDir(second, 'conf-sys')];
    for (const name of ['conf.pc', 'CMakeCache.txt', 'Makefile', 'link.pc']) {
      const text = readFileSync(join(here, name), 'utf8');
      expect(text).toBe(readFileSync(join(there, name), 'utf8').replaceAll(there, here));
      expect(text).not.toContain(first.path);
    }
    expect(readFileSync(join(here, 'config.status'), 'utf8').replaceAll('"\\\n"', '')).toBe(
      `S["prefix"]="${here}/lib"\nS["other"]="${here}"\n`,
    );
    expect(readlinkSync(join(here, 'link.pc'))).toBe(join(here, 'conf.pc'));
    const user = await outDir(second, 'user');
    expect(readFileSync(join(user, 'found'), 'utf8')).toBe(`found in ${here}/lib\n`);
    expect((await world.verify()).problems).toEqual([]);
  });

  test('are compiled into what includes them, which is not shared', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const included: CrateText = {
      build: script(
        `${write('place', '{out}')} std::os::unix::fs::symlink("place", format!("{out}/link")).unwrap();`,
      ),
      lib: 'pub fn text() -> &\'static str { include_str!(concat!(env!("OUT_DIR"), "/place")) }\n',
    };
    const { compiled } = await buildTwice(
      world,
      {
        included,
        linked: { ...included, lib: included.lib.replace('/place', '/link') },
        plain: { ...included, lib: 'pub fn text() -> usize { 1 }\n' },
      },
      'println!("{} {} {}", included::text(), linked::text(), plain::text());',
    );
    expect(compiled).toEqual(['app', 'included', 'linked']);
  });

  test.each([
    ['classic', {}],
    ['per-unit', perUnitLayout],
  ] as const)(
    'bind the run where its code names them, not its debugger: %s',
    async (_, options) => {
      await using world = await createWorld({ cargoHome: 'own' });
      const native = (name: string, flags: string, more: string): CrateText => ({
        build: script(
          `${write('v.c', `const char *${name}(void) {{ return VALUE; }}\n`)} std::fs::write(format!("{out}/data.txt"), "data").unwrap(); ` +
            `cc(&out, &["-g", "-c", ${flags}, &format!("{out}/v.c"), "-o", "v.o"]); ${more} println!("cargo:rustc-link-search=native={out}"); println!("cargo:rustc-link-lib=static=${name}");`,
        ),
        lib: `extern "C" { fn ${name}() -> *const std::ffi::c_char; }\npub fn value() -> String { unsafe { std::ffi::CStr::from_ptr(${name}()) }.to_str().unwrap().into() }\n`,
      });
      const archive = (name: string): string =>
        `let _ = std::process::Command::new("ar").current_dir(&out).args(["rcs", "lib${name}.a", "v.o"]).status(); std::fs::remove_file(format!("{out}/v.o")).unwrap();`;
      const { second, compiled } = await buildTwice(
        world,
        {
          names: native('names', '&format!("-DVALUE=\\"{out}/data.txt\\"")', archive('names')),
          debugged: native('debugged', '"-DVALUE=\\"same\\""', archive('debugged')),
        },
        'println!("{} {}", names::value(), debugged::value());',
        options,
      );
      expect(compiled).toEqual(['app', 'names', 'names run']);
      expect(second.output()).toBe(`${await outDir(second, 'names')}/data.txt same`);
      const reasons = (await second.explain()).map((decision) => JSON.stringify(decision));
      expect(
        reasons.some((text) => /libnames\.a names .* in its code \(v\.o, \.rodata/.test(text)),
      ).toBe(true);
    },
  );

  test('in a file that is shut to others keep the run in its workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const mode = 'use std::os::unix::fs::PermissionsExt as _;';
    const { compiled } = await buildTwice(
      world,
      {
        shut: {
          build: script(
            `${mode} ${write('key', 'secret')} std::fs::set_permissions(format!("{out}/key"), std::fs::Permissions::from_mode(0o600)).unwrap();`,
          ),
          lib: `pub fn mode() -> u32 { ${mode} std::fs::metadata(concat!(env!("OUT_DIR"), "/key")).unwrap().permissions().mode() }\n`,
        },
      },
      'println!("{:o}", shut::mode());',
    );
    expect(compiled).toContain('shut run');
  });

  test('bind the run where a number beside them tells how long they are', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { compiled } = await buildTwice(
      world,
      {
        generated: {
          build: script(
            'std::fs::write(format!("{out}/gen.rs"), format!("pub const P: &[u8; {}] = b\\"{out}/etc\\\\0\\";", out.len() + 5)).unwrap();',
          ),
          lib: 'include!(concat!(env!("OUT_DIR"), "/gen.rs"));\n',
        },
        prefixed: {
          build: script(
            'std::fs::write(format!("{out}/list.txt"), format!("{}:{out}\\nnext", out.len())).unwrap();',
          ),
          lib: `pub fn rest() -> String {
    let text = std::fs::read_to_string(concat!(env!("OUT_DIR"), "/list.txt")).unwrap();
    let (length, rest) = text.split_once(':').unwrap();
    rest[length.parse::<usize>().unwrap()..].to_string()
}
`,
        },
        told: {
          build: script(
            'println!("cargo:rustc-env=ODIR={out}"); println!("cargo:rustc-env=OLEN={}", out.len());',
          ),
          lib: 'pub fn fits() -> bool { env!("ODIR").len().to_string() == env!("OLEN") }\n',
        },
      },
      'println!("{} {:?} {}", generated::P.len() > 0, prefixed::rest(), told::fits());',
    );
    expect(compiled).toEqual(expect.arrayContaining(['generated run', 'prefixed run', 'told run']));
  });

  test('move where numbers stand beside them that only people read', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { compiled } = await buildTwice(
      world,
      {
        progress: {
          build: script(
            'for percent in 0..=200 { println!("[{percent:3}%] Building C object {out}/a.o"); } println!("cargo:root={out}");',
          ),
          lib: 'pub fn value() -> i32 { 1 }\n',
        },
      },
      'println!("{}", progress::value());',
    );
    expect(compiled).toEqual(['app']);
  });

  test('bind the run where they name what it does not depend on, or the workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const up = (levels: number): string =>
      `let up = std::path::Path::new(&out).ancestors().nth(${levels}).unwrap().display().to_string();`;
    const crate = (body: string): CrateText => ({
      build: script(body),
      lib: 'pub fn text() -> &\'static str { "x" }\n',
    });
    const crates = {
      beside: crate(
        `${up(2)} println!("cargo:rustc-link-search=native={up}/other-0123456789abcdef/out");`,
      ),
      deps: crate(`${up(3)} ${write('x.pc', 'Libs: -L{up}/deps\n')}`),
      root: crate(`${up(5)} ${write('x.cmake', 'set(ROOT "{up}")\n')}`),
      encoded: crate(`let url = out.replace("/", "%2F"); ${write('x.url', 'file://{url}')}`),
      broken: crate(`let (a, b) = out.split_at(9); ${write('x.txt', '{a}\\\n{b}\n')}`),
      named: crate('std::fs::create_dir_all(format!("{out}/x.dir{out}")).unwrap();'),
    };
    const names = Object.keys(crates);
    const main = names.map((name) => `println!("{}", ${name}::text());`).join(' ');
    const { compiled } = await buildTwice(world, crates, main);
    expect(compiled).toEqual(['app', ...names.flatMap((name) => [name, `${name} run`])].sort());
  });

  test('are those of the target directory after leaving', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    Object.assign(world.env, {
      XDG_CONFIG_HOME: join(world.path, 'config'),
      XDG_RUNTIME_DIR: '',
      DBUS_SESSION_BUS_ADDRESS: '',
    });
    await world.xcacheJson('setup');
    const { dependencies } = await createGitCrates(world, { 'conf-sys': configured });
    const files = { 'src/main.rs': 'fn main() { print!("{}", conf_sys::text()); }\n' };
    const first = await world.workspace('first', { dependencies, files });
    await first.buildAndSettle();
    const second = await world.workspace('another/second', { dependencies, files });
    expect((await second.buildAndSettle()).compiled).toEqual(['app']);
    expect((await world.xcache('teardown', '--materialize')).exitCode).toBe(0);
    for (const workspace of [first, second]) {
      expect((await workspace.mustCargo('build')).compiled).toEqual([]);
      const here = await outDir(workspace, 'conf-sys');
      expect(readFileSync(join(here, 'conf.pc'), 'utf8')).toContain(`prefix=${here}\n`);
      expect(readFileSync(join(here, 'config.status'), 'utf8')).toContain(`"${here}/lib"\n`);
      expect(readlinkSync(join(here, 'link.pc'))).toBe(join(here, 'conf.pc'));
    }
  });

  test('with debug information beside the objects nothing names the other workspace', async () => {
    await using world = await createWorld({ cargoHome: 'own' });
    const { first, second, compiled } = await buildTwice(
      world,
      { held: { lib: 'pub fn value() -> String { format!("{:?}", std::env::args().count()) }\n' } },
      'println!("{}", held::value());',
      { manifest: '[profile.dev]\nsplit-debuginfo = "unpacked"\n' },
    );
    expect(compiled).toEqual(['app', 'held']);
    const program = readFileSync(join(second.target, 'debug/app'));
    expect(program.includes(first.path)).toBe(false);
    const reasons = (await second.explain()).map(({ reason }) => reason);
    expect(reasons).toContain('split-debuginfo');
  });
});
