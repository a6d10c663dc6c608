/**
 * The value that a variable, or all variables whose names fit a pattern, is compared by, and the
 * variables that are not compared because no build depends on them.
 */
import { isSetByCargo } from './cargo-variables.js';

/**
 * The tail `_<triple>` with which the cc, pkg-config and cmake crates narrow a variable. Lower case,
 * which keeps LD_LIBRARY_PATH, MAKE_TERMOUT, PYTHON_BASIC_REPL and the like apart.
 */
export const tripleTail: string = '(?:_[a-z][a-z0-9]*[-_][a-zA-Z0-9_.-]+)?';

const emptyIsUnset = new RegExp(
  `^(?:(?:HOST|TARGET)_)?(?:CC|CXX|CPP|FC|LD|AR|AS|NM|RANLIB|STRIP|OBJCOPY|[A-Z0-9_]*FLAGS)${tripleTail}$`,
);

/**
 * A variable's value as it is compared, null for "not set". No tool tells empty flags, or the empty
 * name of a tool, from none; of other variables a script may ask whether they are set at all.
 */
export function comparedValue(name: string, value: string | null | undefined): string | null {
  if (value === undefined || value === null) return null;
  return value === '' && emptyIsUnset.test(name) ? null : value;
}

/**
 * The same of a name or, where it has a `*` in it, of all variables whose names fit it, as one text.
 * Without those that cargo sets itself. Case does not count: scripts compare names in either.
 */
export function valueOf(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): string | null {
  if (!name.includes('*')) return comparedValue(name, variables[name]);
  const fitting = fittingNames(name, variables).flatMap((each) => {
    const value = comparedValue(each, variables[each]);
    return value === null ? [] : [[each, value]];
  });
  return fitting.length === 0 ? null : JSON.stringify(fitting);
}

/** The name itself, or the names of the variables that fit it, sorted. */
export function fittingNames(
  name: string,
  variables: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (!name.includes('*')) return [name];
  const pattern = new RegExp(`^${name.replaceAll('*', '.*')}$`, 'i');
  return Object.keys(variables)
    .filter((each) => pattern.test(each) && !isSetByCargo(each) && !isReadForShow(each))
    .sort();
}

/**
 * Variables that no build depends on, though libraries of scripts and macros read them: whether a
 * terminal has colours, the job server of make. Clippy sets the wrapper, which is rustc with lints.
 */
const readForShow: ReadonlySet<string> = new Set([
  ...['TERM', 'COLORTERM', 'NO_COLOR', 'CLICOLOR', 'CLICOLOR_FORCE', 'FORCE_COLOR', 'COLUMNS'],
  ...['LINES', 'RUST_LOG', 'RUST_LOG_STYLE', 'RUST_BACKTRACE', 'RUST_LIB_BACKTRACE'],
  ...['CARGO_MAKEFLAGS', 'MAKEFLAGS', 'MFLAGS', 'RUSTC_WORKSPACE_WRAPPER'],
]);

/** Whether a variable that a library mentions, rather than the script itself, is left out. */
export function isReadForShow(name: string): boolean {
  return readForShow.has(name);
}
