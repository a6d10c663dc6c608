import { describe, expect, it } from 'vitest';
import { mergeMentions } from '../../src/cargo/mention-sets.js';
import { mayMention, sourceMentions } from '../../src/cargo/source-mentions.js';
import { isProgramName, isVariableName, textMentions } from '../../src/cargo/text-mentions.js';

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

describe('variables by a part of their name', () => {
  const patterns = (source: string): readonly string[] =>
    [...sourceMentions(`use std::env; ${source}`).variablePatterns].sort();

  it('are those that a program looks for among all', () => {
    const all = 'for (k, v) in env::vars()';
    expect(patterns(`${all} { k.starts_with("MYCFG") }`)).toEqual(['MYCFG*']);
    expect(patterns(`${all} { k.strip_prefix("mycfg") }`)).toEqual(['mycfg*']);
    expect(patterns(`${all} { k.ends_with("_DIR") }`)).toEqual(['*_DIR']);
    expect(patterns(`${all} { k.contains("CFG") }`)).toEqual(['*CFG*']);
    expect(patterns('fn f(k: &str) { k.starts_with("MYCFG") } env::var("X")')).toEqual([]);
  });

  it('are those whose name is put together', () => {
    expect(patterns('env::var(format!("{n}_DIR"))')).toEqual(['*_DIR']);
    expect(patterns('env::var(format!("LIB_{}_{}", a, b))')).toEqual(['LIB_*_*']);
    expect(patterns('let n = "MY_".to_owned() + x; env::var(n)')).toEqual(['MY_*']);
    expect(patterns('env::var(format!("{a}_{b}"))')).toEqual([]);
    expect(patterns('let t = "MY_"; env::var("X")')).toEqual([]);
  });

  it('are all where nothing tells which', () => {
    const lists = (source: string): boolean => sourceMentions(source).listsVariables;
    expect(lists('std::env::vars().collect()')).toBe(true);
    expect(lists('use std::env::vars_os; vars_os()')).toBe(true);
    expect(lists('use std::env; self.vars(); fn vars() {}')).toBe(false);
  });
});

describe('the place of a program', () => {
  const above = (source: string): string => sourceMentions(source).looksAbove;

  it('may lead out of the build-dir', () => {
    const start = 'let p = env::var("OUT_DIR");';
    expect(above(`${start} p.ancestors()`)).toBe('plainly');
    expect(above(`${start} p.ancestors().nth(5)`)).toBe('plainly');
    expect(above(`${start} p.ancestors().nth(3)`)).toBe('no');
    expect(above('env::current_exe().join("../../../../x")')).toBe('plainly');
    expect(above(`${start} while !p.join("Cargo.lock").exists() { p.pop(); }`)).toBe('perhaps');
    expect(above(`${start} p.parent()`)).toBe('no');
    expect(above('p.ancestors()')).toBe('no');
  });

  it('leads nowhere by a path that comes from elsewhere', () => {
    const other = 'fn out() { env::var("OUT_DIR") }';
    expect(above(`${other} fn f() { let c = tool(); for a in c.ancestors() {} }`)).toBe('no');
    expect(above(`${other} fn f() { let c = out(); let d = c; d.ancestors() }`)).toBe('plainly');
    expect(above(`${other} fn f(c: &Path) { c.ancestors() }`)).toBe('plainly');
    expect(above(`${other} fn f(c: &Path) { let mut d = c.join("x"); loop { d.pop(); } }`)).toBe(
      'perhaps',
    );
    expect(above(`${other} fn f() { let d = it(); loop { d.parent(); } }`)).toBe('no');
    expect(above(`${other} fn f() { let mut d = it(); d = out(); d.ancestors() }`)).toBe('plainly');
  });

  it('may lead from its package to what is beside it', () => {
    const beside = (source: string): boolean => sourceMentions(source).looksBeside;
    expect(beside('env::var("CARGO_MANIFEST_DIR").parent()')).toBe(true);
    expect(beside('p.join("CARGO_MANIFEST_DIR").join("..")')).toBe(true);
    expect(beside('env::var("CARGO_MANIFEST_DIR").join("x")')).toBe(false);
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
