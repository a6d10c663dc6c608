/** The version of this program, from its package.json. */
import { readFileSync } from 'node:fs';

/** Semantic version, e.g. `0.1.0`. Reads one small file, once per process start. */
export function loadProgramVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const content: unknown = JSON.parse(text);
  if (typeof content === 'object' && content !== null && 'version' in content) {
    return String(content.version);
  }
  throw new Error('package.json has no version');
}
