/** Whether the user has the per-user mount. Kept beside the views: setup writes it, every start reads it. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { saveFile } from '../../base/atomic-file.js';
import { isErrno } from '../../base/errors.js';

const schema = v.strictObject({ version: v.literal(1), isEnabled: v.boolean() });

function pathOf(viewsDirectory: string): string {
  return join(dirname(viewsDirectory), 'auto-mount.json');
}

/** False where nobody has asked for it, or where the file cannot be understood. */
export async function loadAutoMountSetting(viewsDirectory: string): Promise<boolean> {
  try {
    const text = await readFile(pathOf(viewsDirectory), 'utf8');
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success && parsed.output.isEnabled;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Durable at return. */
export async function saveAutoMountSetting(
  viewsDirectory: string,
  isEnabled: boolean,
): Promise<void> {
  const text = `${JSON.stringify({ version: 1, isEnabled })}\n`;
  await saveFile(pathOf(viewsDirectory), text);
}
