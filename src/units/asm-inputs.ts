/** Files that the assembler reads for a crate: no list of sources has them. */
import { readFile } from 'node:fs/promises';
import { asmIncludes, hasAsm, mayIncludeInAsm } from '../cargo/asm-includes.js';
import { isPrivate, type DraftContext, type PrivateVerdict } from './draft-base.js';

/** Larger sources are tables. */
const sourceBytesMax = 32 << 20;

/**
 * Whether files of the package are inputs because of it; private if the assembler may read others.
 * @param sources absolute paths of all sources of the crate outside of the build-dir
 */
export async function readsByAssembler(
  sources: readonly string[],
  { host }: Pick<DraftContext, 'host'>,
): Promise<boolean | PrivateVerdict> {
  const included: string[] = [];
  let isAssembling = false;
  for (const path of sources) {
    if (host.isBelowOwnMount(path)) continue;
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch {
      return isPrivate('input-changed', `${path} cannot be read`);
    }
    if (bytes.includes('asm') && bytes.length <= sourceBytesMax) {
      isAssembling ||= hasAsm(bytes.toString('utf8'));
    }
    if (mayIncludeInAsm(bytes)) included.push(...asmIncludes(bytes.toString('utf8')));
  }
  if (!isAssembling || included.length === 0) return false;
  const outside = included.find((path) => !isInside(path));
  if (outside === undefined) return true;
  const file = outside === '' ? 'a file of a computed name' : outside;
  return isPrivate('undeclared-input', `its assembler text includes ${file}, which nothing lists`);
}

/** Cargo starts the compiler in the directory of a package that is no member of the workspace. */
function isInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
}
