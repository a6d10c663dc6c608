/** Names of variables that are put together. */

const nameCharactersMax = 128;

/**
 * The pattern of a variable's name that a literal is a part of: `"{}_DIR"`, `"MYCFG_"`, `"_DIR"`.
 * Names of variables are in capitals; a part that is less than two letters tells nothing.
 */
export function partOfName(text: string): string | undefined {
  if (text.length > nameCharactersMax || !/[A-Z]/.test(text)) return undefined;
  const open = text.replace(/\{[^{}]*\}/g, '*');
  if (!/^[A-Z0-9_*]+$/.test(open) || !/[A-Z][A-Z0-9_]*[A-Z]/.test(open)) return undefined;
  if (open.includes('*')) return open;
  if (open.endsWith('_')) return `${open}*`;
  return open.startsWith('_') ? `*${open}` : undefined;
}
