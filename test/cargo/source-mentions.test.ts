import { describe, expect, it } from 'vitest';
import {
  isProgramName,
  isVariableName,
  mayMention,
  mergeMentions,
  sourceMentions,
  textMentions,
} from '../../src/cargo/source-mentions.js';

describe('variables in a source', () => {
  it('are the arguments of functions that read them, whatever their name', () => {
    const { variables, touchesEnvironment } = sourceMentions(
      'use std::env; fn f() { env::var("http_proxy").ok(); std::env::var_os("A1"); }',
    );
    expect([...variables]).toEqual(['http_proxy', 'A1']);
    expect(touchesEnvironment).toBe(true);
  });

  it('may be any literal that has the form of a name, not what a comment says', () => {
    const { names } = sourceMentions(
      '// "COMMENT"\nconst A: &str = "MY_MODE"; f(r"RAW", c"C_TEXT", b"BYTES"); "two words"; "";',
    );
    expect([...names]).toEqual(['MY_MODE', 'RAW', 'C_TEXT', 'BYTES']);
    expect([...names].every(isVariableName)).toBe(true);
  });

  it('are read where functions of std or libc do it, not by env! or in a field of that name', () => {
    const touches = (source: string): boolean => sourceMentions(source).touchesEnvironment;
    expect(touches('use std::env::var; fn f() { var("X"); }')).toBe(true);
    expect(touches('use std::{env, fs}; fn f() { for (k, v) in env::vars() {} }')).toBe(true);
    expect(touches('unsafe { libc::getenv(c"X".as_ptr()) }')).toBe(true);
    expect(touches('use std::env as e; fn f() { e::var_os("X"); }')).toBe(true);
    expect(touches('env!("X"); option_env!("Y");')).toBe(false);
    expect(touches('struct S { env: u8 } fn f(s: S) { s.env + var("x") }')).toBe(false);
    expect(touches('extern "C" { fn getenv(s: *const u8); }')).toBe(false);
  });

  it('are computed where the name is no literal', () => {
    const computes = (source: string): boolean => sourceMentions(source).readsComputedVariable;
    expect(computes('std::env::var(name)')).toBe(true);
    expect(computes('std::env::var(&format!("{a}_DIR"))')).toBe(true);
    expect(computes('std::env::var("NAME")')).toBe(false);
    expect(computes('fn var(x: u8) {} std::env::var(&"NAME")')).toBe(false);
  });
});

describe('programs in a source', () => {
  it('are started by name, by a computed name, or by the compiler’s', () => {
    const named = sourceMentions('Command::new("foo-config").arg("--libs")');
    expect([...named.programs]).toEqual(['foo-config']);
    expect(named).toMatchObject({ startsPrograms: true, hasComputedCommand: false });
    const computed = sourceMentions('Command::new(&path).spawn()');
    expect(computed).toMatchObject({ startsPrograms: true, hasComputedCommand: true });
    const rustc = sourceMentions('let r = env::var_os("RUSTC").unwrap(); Command::new(r)');
    expect(rustc).toMatchObject({ startsPrograms: true, hasComputedCommand: false });
  });

  it('are started through libc and through crates for shells', () => {
    const starts = (source: string): boolean => sourceMentions(source).startsPrograms;
    expect(starts('libc::execvp(a, b)')).toBe(true);
    expect(starts('libc::system(c"x".as_ptr())')).toBe(true);
    expect(starts('xshell::cmd!(sh, "git status").run()')).toBe(true);
    expect(starts('pub fn execvp(a: u8); pub fn system(a: u8);')).toBe(false);
    expect(starts('fn main() { println!("no") }')).toBe(false);
  });

  it('are words of what a shell is told to run', () => {
    const { names } = sourceMentions(
      'Command::new("sh").arg("-c").arg("foo-config --libs|sed s/X/")',
    );
    expect([...names]).toEqual(expect.arrayContaining(['sh', 'foo-config', 'sed']));
    expect([...sourceMentions('f("foo-config --libs")').names]).toEqual([]);
  });

  it('have names without spaces, or paths from the root', () => {
    expect(['cc', 'c++', 'foo-config', 'python3.11', '/opt/x/cc'].every(isProgramName)).toBe(true);
    expect(['', 'a b', 'a/b', './a', '/a b', 'x'.repeat(65), 'a:b'].some(isProgramName)).toBe(
      false,
    );
  });
});

describe('files in a source', () => {
  const outside = (source: string): string | undefined => sourceMentions(source).outsideName;

  it('are read by std::fs and the like, not by a type of that name', () => {
    const reads = (source: string): boolean => sourceMentions(source).readsFiles;
    expect(reads('std::fs::read_to_string(p)')).toBe(true);
    expect(reads('use std::{env, fs}; ')).toBe(true);
    expect(reads('File::open(p)')).toBe(true);
    expect(reads('fn f(file: syn::File) { stdin.read_to_string(&mut s) }')).toBe(false);
  });

  it('lie outside of the package by a path, the home directory, .env or by walking up', () => {
    expect(outside('read("/etc/greeting")')).toBe('/etc/greeting');
    expect(outside('read("~/.greeting")')).toBe('~/.greeting');
    expect(outside('env::var("HOME")')).toBe('HOME');
    expect(outside('dir.join(".env")')).toBe('.env');
    expect(outside('dotenvy::dotenv()')).toBe('dotenvy');
    expect(outside('let mut d = env::current_dir(); d.pop();')).toBe('current_dir');
    expect(outside('f("/"); f("//"); f("/* */"); f("a/b"); f("/x")')).toBe(undefined);
  });
});

describe('a source', () => {
  it('has no mentions in items that only its tests have', () => {
    const source =
      'fn a() {} #[cfg(test)] mod tests { use std::env; fn t() { env::var("X"); f("{") } } #[cfg(test)] use std::fs; fn z() { g("Z9") }';
    expect(sourceMentions(source)).toMatchObject({ touchesEnvironment: false, readsFiles: false });
    expect([...sourceMentions(source).names]).toEqual(['Z9']);
  });

  it('has what stands beside a field or an arm that only its tests have', () => {
    const arms =
      'use std::env; fn f() { match m { #[cfg(test)] M::T => None, M::R => env::var("ARM").ok() } }';
    expect([...sourceMentions(arms).variables]).toEqual(['ARM']);
    const list = 'use std::env; const A: &[u8] = &[#[cfg(test)] f(a, b), env::var("ITEM")];';
    expect([...sourceMentions(list).variables]).toEqual(['ITEM']);
    const generic = '#[cfg(test)] pub(crate) fn f<A, B>(a: A) { env::var("X") } fn z() { g("Z9") }';
    expect([...sourceMentions(generic).names]).toEqual(['Z9']);
  });

  it('has words in capitals and arguments of macros, which may become names', () => {
    const { words } = sourceMentions('e!(XA_STR); f!(lower); g(not_this); Some(X1)');
    expect([...words]).toEqual(['XA_STR', 'lower', 'X1']);
  });

  it('looks for programs by a crate, or along PATH', () => {
    const probes = (source: string): string => sourceMentions(source).probesPath;
    expect(probes('which::which("tool").is_ok()')).toBe('by-crate');
    expect(probes('use which::which; which("tool")')).toBe('by-crate');
    expect(probes('std::env::split_paths(&p).any(|d| d.join("tool").exists())')).toBe('by-hand');
    expect(probes('std::env::var_os("PATH")')).toBe('by-hand');
    expect(probes('self.which("tool"); fn which() {}')).toBe('no');
  });

  it('starts what is in its package by a path from there', () => {
    const computes = (source: string): boolean => sourceMentions(source).hasComputedCommand;
    expect(computes('Command::new("./run")')).toBe(true);
    const mixed = 'Command::new(env::var("RUSTC")); Command::new(format!("{d}/run.sh"))';
    expect(computes(mixed)).toBe(true);
    expect(computes('Command::new("cc"); f("run.c")')).toBe(false);
  });

  it('reads files where it asks a path whether there is one', () => {
    const reads = (source: string): boolean => sourceMentions(source).readsFiles;
    expect(reads('std::path::Path::new(&d).join("flag").exists()')).toBe(true);
    expect(reads('use std::path::PathBuf; p.try_exists()')).toBe(true);
    expect(reads('event.metadata().is_event()')).toBe(false);
    expect(mayMention('Path::new(&d).join("flag").is_file()')).toBe(true);
  });

  it('that is not Rust mentions all of its words', () => {
    const text = '#!/bin/sh\nexec foo-config "$GREETING" # it\'s';
    for (const mentions of [sourceMentions(`${text}"`), textMentions(text)]) {
      expect([...mentions.names]).toEqual(
        expect.arrayContaining(['/bin/sh', 'foo-config', 'GREETING']),
      );
      expect(mentions.startsPrograms).toBe(true);
    }
  });

  it('is looked at closely wherever a close look finds something', () => {
    for (const source of [
      'std::env::var("X")',
      'use std::env::{self, var};',
      'libc::getenv(x)',
      'Command::new("x")',
      'libc::system(x)',
      'libc::posix_spawnp(x)',
      'cmd!("x")',
      'std::fs::read("x")',
      'fs_err::read("x")',
      'File::open("x")',
      'glob::glob("x")',
      'dotenvy::dotenv()',
    ]) {
      expect(mayMention(source)).toBe(true);
    }
    expect(mayMention('env!("X"); extern "C" { fn getenv(a: u8); pub fn system(a: u8); }')).toBe(
      false,
    );
  });

  it('adds to what others mention', () => {
    const merged = mergeMentions([
      sourceMentions('f("A1")'),
      sourceMentions('std::env::var("B1"); std::fs::read("/etc/x")'),
    ]);
    expect([...merged.names]).toEqual(['A1', 'B1', '/etc/x']);
    expect(merged).toMatchObject({
      touchesEnvironment: true,
      startsPrograms: false,
      readsFiles: true,
      outsideName: '/etc/x',
    });
  });
});
