/** Directories in which compilers of C look for headers: no crate says which of them it includes. */
import type { DraftContext, WantedInputs } from './draft-base.js';
import { plainPath } from './native-inputs.js';
import { searchedDirectory } from './outside-paths.js';

/** What every compiler searches by itself. */
const usualDirectories: readonly string[] = ['/usr/include', '/usr/local/include'];

const searchVariables = /^(?:CPATH|(?:C|CPLUS|OBJC)_INCLUDE_PATH)$/;
const option =
  /(?<![^\s"'])(?:-I|-isystem|-iquote|-idirafter|-isysroot|-include|-imacros|--sysroot)[\s=]*["']?(\/[^\s"']+)/g;

/** The sets for a unit that may compile C with these variables. */
export function headerInputs(
  variables: Readonly<Record<string, string>>,
  context: Pick<DraftContext, 'environment' | 'host'>,
): readonly WantedInputs[] {
  const named = headerDirectories(variables).filter((path) => !usualDirectories.includes(path));
  return [
    ...usualDirectories.map((root): WantedInputs => ({ kind: 'directories', root, paths: [] })),
    ...named
      .filter((path) => !context.host.isBelowOwnMount(path))
      .map((path) => searchedDirectory(path, context)),
  ];
}

/** Absolute paths that the variables give to compilers, each once. */
export function headerDirectories(variables: Readonly<Record<string, string>>): readonly string[] {
  const found = new Set<string>();
  for (const [name, value] of Object.entries(variables)) {
    if (searchVariables.test(name)) {
      for (const path of value.split(':')) if (path.startsWith('/')) found.add(plainPath(path));
    } else if (/FLAGS(?:_[a-z].*)?$/.test(name)) {
      for (const [, path] of value.matchAll(option)) if (path) found.add(plainPath(path));
    }
  }
  return [...found].filter((path) => path !== '/');
}
