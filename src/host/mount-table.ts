/** The kernel's table of mounts, as this process sees it. Reading it touches no mount. */
import { readFileSync } from 'node:fs';

export interface MountEntry {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor`, as in `/sys/class/bdi`. */
  readonly device: string;
  /** Absolute path, without the table's escapes. */
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** E.g. `ext4`, `fuse.xcache`. */
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** All mounts, oldest first. */
export function readMountTable(): readonly MountEntry[] {
  return parseMountTable(readFileSync('/proc/self/mountinfo'));
}

/** Reads the format of proc_pid_mountinfo(5); lines that do not have it are left out. */
export function parseMountTable(bytes: Buffer): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of bytes.toString('latin1').split('\n')) {
    const [before, after] = splitOnce(line, ' - ');
    const [id, parentId, device, , mountPoint, options] = before.split(' ');
    const [fsType, source, superOptions] = after.split(' ');
    if (!id || !parentId || !device || !mountPoint || !fsType) continue;
    entries.push({
      id: Number(id),
      parentId: Number(parentId),
      device,
      mountPoint: unescape(mountPoint),
      options: options?.split(',') ?? [],
      fsType,
      source: unescape(source ?? ''),
      superOptions: superOptions?.split(',') ?? [],
    });
  }
  return entries;
}

/** The mount that covers exactly `path`; the topmost where several are stacked. */
export function findMount(
  path: string,
  table: readonly MountEntry[] = readMountTable(),
): MountEntry | undefined {
  return table.findLast((entry) => entry.mountPoint === path);
}

/** The mount that the absolute, resolved `path` lies in. */
export function findMountContaining(
  path: string,
  table: readonly MountEntry[] = readMountTable(),
): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const entry of table) {
    if (!isWithin(path, entry.mountPoint)) continue;
    if (!best || entry.mountPoint.length >= best.mountPoint.length) best = entry;
  }
  return best;
}

/** Whether `path` is `directory` or lies below it; both absolute and resolved. */
export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Space, tab, newline and backslash are written as three octal digits after a backslash. */
function unescape(field: string): string {
  const bytes = field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
