/**
 * Where the compiled entry file of a worker thread lies. Worker threads need JavaScript: under a
 * test runner that loads the TypeScript sources, the entry is the one that the last build left in
 * `dist`.
 */

/**
 * The URL of the worker entry `name` (without extension) that stands beside the calling module.
 * Whether the file exists is for the caller to check; it does in every built tree.
 */
export function workerEntryUrl(importMetaUrl: string, name: string): URL {
  if (!importMetaUrl.endsWith('.ts')) return new URL(`./${name}.js`, importMetaUrl);
  const source = new URL(`./${name}.js`, importMetaUrl);
  const at = source.pathname.lastIndexOf('/src/');
  if (at < 0) return source;
  const built = new URL(source);
  built.pathname = `${source.pathname.slice(0, at)}/dist/${source.pathname.slice(at + '/src/'.length)}`;
  return built;
}
