/**
 * The places outside of cargo's world that a build script's output leads to: directories that are
 * searched for libraries, the libraries, and absolute paths that it hands to the linker, to its own
 * crate and to dependents (cargo 1.95.0, f2d3ce0bd, `core/compiler/custom_build.rs`; rustc 1.95.0,
 * `rustc_session/src/config/native_libs.rs`).
 */
import type { BuildOutput, Directive } from './build-output.js';

export interface NativeLibrary {
  /** What the linker looks for: after renaming, without `lib` and extension. */
  readonly name: string;
  /** Its bytes go into what is linked, for `static` into the library of the crate. */
  readonly isStatic: boolean;
  /** The name is that of the file. */
  readonly isVerbatim: boolean;
}

export interface LinkDirectives {
  /** As printed, in order, each once: absolute, or relative to the package. */
  readonly searchDirectories: readonly string[];
  /** Each once. */
  readonly libraries: readonly NativeLibrary[];
  /** Absolute paths in arguments of the linker. */
  readonly linkerPaths: readonly string[];
  /** Absolute paths in metadata, which dependents get as `DEP_…`. */
  readonly metadataPaths: readonly string[];
  /** Absolute paths in variables of the own crate. */
  readonly variablePaths: readonly string[];
}

export function linkDirectives({ directives }: BuildOutput): LinkDirectives {
  const found = new Collector();
  for (const directive of directives) found.add(directive);
  return {
    searchDirectories: [...found.searched],
    libraries: [...found.libraries.values()],
    linkerPaths: [...found.linker],
    metadataPaths: [...found.metadata],
    variablePaths: [...found.variables],
  };
}

/** A library in one word, as `-l` has it: `z`, `static=foo`, `static:+verbatim=foo.lib`. */
export function libraryWord({ name, isStatic, isVerbatim }: NativeLibrary): string {
  const kind = isStatic ? 'static' : 'dylib';
  if (isVerbatim) return `${kind}:+verbatim=${name}`;
  return isStatic ? `static=${name}` : name;
}

/** Reads what `libraryWord` writes, and every value of `-l`. */
export function parseLibraryWord(word: string): NativeLibrary {
  const equals = word.indexOf('=');
  const [kind = '', modifiers = ''] = equals < 0 ? [] : word.slice(0, equals).split(':');
  const [name = '', renamed = ''] = word.slice(equals + 1).split(':');
  return {
    name: renamed === '' ? name : renamed,
    isStatic: kind === 'static' || kind === 'static-nobundle',
    isVerbatim: modifiers.split(',').includes('+verbatim'),
  };
}

/** Names under which the linker, or rustc for a static one, takes a library; the first wins. */
export function libraryFileNames({ name, isStatic, isVerbatim }: NativeLibrary): readonly string[] {
  if (isVerbatim) return [name];
  return isStatic ? [`lib${name}.a`] : [`lib${name}.so`, `lib${name}.a`];
}

/**
 * Names of `#[link(name = "…", kind = "static")]` in a Rust source. The text is searched, not
 * parsed, so an attribute that is configured away counts.
 */
export function staticLinkAttributes(source: string): readonly string[] {
  if (!/\bkind\s*=\s*"static/.test(source)) return [];
  const names = [...source.matchAll(/\bname\s*=\s*"([^"\n]{1,256})"/g)].map(
    ([, name = '']) => name,
  );
  return [...new Set(names)];
}

/**
 * Libraries of `#[link(…)]` in a Rust source, also in `cfg_attr` and in macros. As above, what is
 * configured away counts. Frameworks and `raw-dylib` name no file that the linker reads.
 */
export function linkAttributes(source: string): readonly NativeLibrary[] {
  const found = new Map<string, NativeLibrary>();
  for (const [, words = ''] of source.matchAll(linkAttribute)) {
    const name = /\bname\s*=\s*r?#*"([^"\n]{1,256})"/.exec(words)?.[1];
    const kind = /\bkind\s*=\s*r?#*"([^"\n]{1,32})"/.exec(words)?.[1] ?? 'dylib';
    if (name === undefined || kind === 'framework' || kind === 'raw-dylib') continue;
    const isVerbatim = /\bmodifiers\s*=\s*"[^"]*\+verbatim/.test(words);
    const library = { name, isStatic: kind === 'static', isVerbatim };
    found.set(libraryWord(library), library);
  }
  return [...found.values()];
}

const linkAttribute =
  /\blink\s*\(((?:[^()"]|"[^"\n]{0,256}"|\((?:[^()]|\([^()]*\))*\)){1,1024})\)/g;

/**
 * Libraries that are the compiler's or the C library's, whose identities are compared for every unit.
 * The linker finds them in directories of its own, beside those that anything names.
 */
const toolchainLibraries: ReadonlySet<string> = new Set([
  ...['c', 'm', 'dl', 'rt', 'pthread', 'util', 'resolv', 'anl', 'crypt', 'nsl', 'c_nonshared'],
  ...['gcc', 'gcc_s', 'gcc_eh', 'stdc++', 'supc++', 'atomic', 'gomp', 'quadmath', 'gfortran'],
  ...['c++', 'c++abi', 'unwind', 'asan', 'lsan', 'tsan', 'ubsan', 'itm', 'ssp', 'ssp_nonshared'],
]);

/** Whether a library is part of the toolchain. */
export function isToolchainLibrary({ name, isVerbatim }: NativeLibrary): boolean {
  return !isVerbatim && toolchainLibraries.has(name);
}

/** The same by the name under which a linked file asks for it: `libc.so.6`, `ld-linux-x86-64.so.2`. */
export function isToolchainSoname(soname: string): boolean {
  if (/^(?:ld-linux|ld-musl|ld64|linux-vdso|ld)[-.\w]*$/.test(soname)) return true;
  // The standard library and the driver of rustc carry a hash.
  if (/^lib(?:std|rustc_driver|test|proc_macro)-[0-9a-f]{16}\.so$/.test(soname)) return true;
  const name = /^lib(.+?)\.so(?:\.|$)/.exec(soname)?.[1];
  return name !== undefined && toolchainLibraries.has(name);
}

class Collector {
  readonly searched = new Set<string>();
  readonly libraries = new Map<string, NativeLibrary>();
  readonly linker = new Set<string>();
  readonly metadata = new Set<string>();
  readonly variables = new Set<string>();

  add({ key, value }: Directive): void {
    if (key === 'rustc-link-search') this.#addSearch(value);
    else if (key === 'rustc-link-lib') this.#addLibrary(value);
    else if (key === 'rustc-flags') this.#addFlags(value);
    else if (key === 'rustc-cdylib-link-arg' || key.startsWith('rustc-link-arg')) {
      this.#addLinkerArgument(value);
    } else if (key === 'metadata') addPaths(this.metadata, valueOf(value));
    else if (key === 'rustc-env') addPaths(this.variables, valueOf(value));
  }

  #addSearch(value: string): void {
    this.searched.add(value.replace(searchKind, ''));
  }

  #addLibrary(value: string): void {
    // A framework is found by other means; `raw-dylib` names what is looked for when programs start.
    if (/^(?:framework|raw-dylib|link-arg)[:=]/.test(value)) return;
    const library = parseLibraryWord(value);
    if (library.name !== '') this.libraries.set(libraryWord(library), library);
  }

  /** Cargo lets nothing but `-l` and `-L` through, with their values joined or as the next word. */
  #addFlags(value: string): void {
    const words = value.split(/\s+/).filter((word) => word !== '');
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at] ?? '';
      const flag = word.slice(0, 2);
      if (flag !== '-l' && flag !== '-L') continue;
      const rest = word.length > 2 ? word.slice(2) : (words[++at] ?? '');
      if (flag === '-l') this.#addLibrary(rest);
      else this.#addSearch(rest);
    }
  }

  /** One argument, or several after `-Wl,`; `-L` and its directory may be two arguments. */
  #addLinkerArgument(value: string): void {
    for (const word of value.split(/[\s,]+/)) {
      if (word.startsWith('-L/')) this.searched.add(word.slice(2));
      else if (word.startsWith('-l:')) {
        this.#addLibrary(`dylib:+verbatim=${word.slice(3)}`);
      } else if (/^-l[^=]+$/.test(word)) this.#addLibrary(word.slice(2));
      else addPaths(this.linker, word);
    }
  }
}

const searchKind = /^(?:dependency|crate|native|framework|all)=/;

function valueOf(assignment: string): string {
  return assignment.slice(assignment.indexOf('=') + 1);
}

/** A value is one path, a list of some kind, or flags that hold paths. */
function addPaths(into: Set<string>, value: string): void {
  if (/^\/[^:;,]*$/.test(value) && !/ [-/]/.test(value)) into.add(value);
  for (const [, path = ''] of value.matchAll(absolutePath)) into.add(path);
}

const absolutePath = /(?:^|[\s:;,="'@])(?:-[A-Za-z]{1,9})?(\/[^\s:;,"']*)/g;
