/**
 * Looks for paths in texts, by whole names: `/usr/src/x` and `/srcdata` do not name `/src`, but
 * `-I/src/include` and `file:///src` do. Takes time in proportion to the text.
 */

/** What goes on with the name of a file: /a/target2, /a/target-x and /a/target.old are others. */
const nameCharacter = /[A-Za-z0-9_.+~@%\u0080-\uffff-]/;

/** Tables, archives and the like put texts one behind the other without anything between them. */
const binary = /[\x00-\x08\x0e-\x1f]/;

/** Whether a text names `path`, which is absolute, or something below it. In other bytes than text, any
 * occurrence counts. */
export function namesPath(text: string, path: string): boolean {
  if (!text.includes(path)) return false;
  if (binary.test(text)) return true;
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
    if (isStart(text, at) && isEnd(text, at + path.length)) return true;
  }
  return false;
}

/** The text without the paths of `directories` and the slash behind them, where that is what they name. */
export function withoutDirectories(text: string, directories: readonly string[]): string {
  return directories.reduce((left, directory) => withoutDirectory(left, directory), text);
}

function withoutDirectory(text: string, directory: string): string {
  const parts: string[] = [];
  let start = 0;
  const goesUp = upwardPaths(text);
  for (let at = text.indexOf(directory); at >= 0; at = text.indexOf(directory, at + 1)) {
    const end = at + directory.length;
    // Whoever goes up again leaves it: `/cargo/registry/src/../../../w` is to be found.
    if (at < start || !isStart(text, at) || !isEnd(text, end) || goesUp(end)) continue;
    // A mark, so that what stood before and behind does not become one path.
    parts.push(text.slice(start, at), '|');
    start = end;
  }
  return parts.join('') + text.slice(start);
}

/** Whether the path at `at` is not the tail of another: before it is no name that has a slash before it. */
function isStart(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && nameCharacter.test(text[before] ?? '')) before -= 1;
  // `-I/src`, `L/src`: a flag, or the length of what follows.
  return before === at - 1 || text[before] !== '/';
}

function isEnd(text: string, end: number): boolean {
  const next = text[end];
  if (next === undefined || !nameCharacter.test(next)) return true;
  // The full stop of a sentence.
  return next === '.' && !nameCharacter.test(text[end + 1] ?? ' ');
}

/** Tells whether the path that goes on at a place has a `..` in it; to be asked from left to right. */
function upwardPaths(text: string): (from: number) => boolean {
  const separator = /[\s"'`:;,<>|]|$/g;
  let end = -1;
  let lastUp = -1;
  return (from) => {
    if (from >= end) {
      separator.lastIndex = from;
      end = separator.exec(text)?.index ?? text.length;
      const ups = text.slice(from, end).matchAll(/\/\.\.(?=\/|$)/g);
      lastUp = -1;
      for (const { index } of ups) lastUp = from + index;
    }
    return lastUp >= from;
  };
}
