/**
 * What a build script printed, as cargo keeps it in `output` (`stdout` in the per-unit layout) and
 * reads it again for each fresh run (cargo 1.95.0, f2d3ce0bd, `core/compiler/custom_build.rs`,
 * `BuildOutput::parse`).
 */

export interface Directive {
  /** `rustc-cfg`, `rustc-env`, `rerun-if-changed`, …; `metadata` for `cargo:KEY=VALUE` of any other key. */
  readonly key: string;
  readonly value: string;
}

export interface BuildOutput {
  readonly directives: readonly Directive[];
  /** As printed: relative to the package root, or absolute. */
  readonly rerunIfChanged: readonly string[];
  readonly rerunIfEnvChanged: readonly string[];
}

/**
 * The directives in a script's output. Lines that cargo would reject are left out: a run with such
 * a line fails and leaves no output.
 */
export function parseBuildOutput(output: string): BuildOutput {
  const directives: Directive[] = [];
  for (const line of output.split('\n')) {
    const directive = parseDirective(line.trim());
    if (directive !== undefined) directives.push(directive);
  }
  const valuesOf = (key: string): readonly string[] =>
    directives.flatMap((directive) => (directive.key === key ? directive.value : []));
  return {
    directives,
    rerunIfChanged: valuesOf('rerun-if-changed'),
    rerunIfEnvChanged: valuesOf('rerun-if-env-changed'),
  };
}

/**
 * Every place in the output that names the build-dir of its origin other than as the script's own
 * OUT_DIR: cargo replaces OUT_DIR when it reads the output elsewhere, but nothing else (rule 12).
 * `OUT_DIR/../…` counts, as it leads to other units. Returns each path once, as far as it can be told
 * from the text around it. All three texts must be of the same encoding; bytes as latin1 are fine.
 */
export function foreignPaths(
  output: string,
  ownOutDir: string,
  buildDirRoot: string,
): readonly string[] {
  const found = new Set<string>();
  if (buildDirRoot === '') return [];
  for (let at = output.indexOf(buildDirRoot); at >= 0;) {
    const next = output.indexOf(buildDirRoot, at + buildDirRoot.length);
    const [line = ''] = output.slice(at, next < 0 ? undefined : next).split('\n', 1);
    const path = leadingPath(line, buildDirRoot);
    if (!isAtOrBelow(path, ownOutDir) || goesUp.test(line)) found.add(path);
    at = next;
  }
  return [...found];
}

/** Keys that `cargo:KEY=VALUE` has had since before `cargo::`; any other key there is metadata. */
const oldKeys: ReadonlySet<string> = new Set([
  'rustc-flags',
  'rustc-link-lib',
  'rustc-link-search',
  'rustc-link-arg-cdylib',
  'rustc-cdylib-link-arg',
  'rustc-link-arg-bins',
  'rustc-link-arg-bin',
  'rustc-link-arg-tests',
  'rustc-link-arg-benches',
  'rustc-link-arg-examples',
  'rustc-link-arg',
  'rustc-cfg',
  'rustc-check-cfg',
  'rustc-env',
  'warning',
  'rerun-if-changed',
  'rerun-if-env-changed',
]);

function parseDirective(line: string): Directive | undefined {
  const isNew = line.startsWith('cargo::');
  if (!isNew && !line.startsWith('cargo:')) return undefined;
  const data = line.slice(isNew ? 'cargo::'.length : 'cargo:'.length);
  const equals = data.indexOf('=');
  if (equals < 0) return undefined;
  const key = data.slice(0, equals);
  if (!isNew && !oldKeys.has(key)) return { key: 'metadata', value: data };
  return { key, value: data.slice(equals + 1) };
}

/** The path below `root` that `text` starts with, up to a character that usually ends one. */
function leadingPath(text: string, root: string): string {
  const end = text.slice(root.length).search(/["'`\s:;,=|<>()[\]{}]/);
  return end < 0 ? text : text.slice(0, root.length + end);
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** Looked for in everything up to the next path, as a name may hold what usually ends a path. */
const goesUp = /\/\.\.(?![^\s/"'`:;,)\]}>])/;
