/**
 * Who keeps a mount busy. Looks at /proc alone: the links there are text that the kernel makes, so
 * nothing enters the mount.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface MountUser {
  readonly pid: number;
  /** Its name as the kernel has it, 15 bytes at most. */
  readonly command: string;
}

/** More are not named: they are found by the same command. */
const usersMax = 5;

/**
 * Processes whose working directory, root, program or open files lie at or below `mountPoint`, as
 * far as this user may look; what they have mapped only is not looked for.
 */
export async function findMountUsers(mountPoint: string): Promise<readonly MountUser[]> {
  const users: MountUser[] = [];
  for (const name of await readdir('/proc')) {
    if (users.length >= usersMax) break;
    if (!/^\d+$/.test(name) || !(await isBelow(join('/proc', name), mountPoint))) continue;
    users.push({ pid: Number(name), command: await commandOf(name) });
  }
  return users;
}

/** Words for a message: `bash (process 12), vim (process 13)`. */
export function describeMountUsers(users: readonly MountUser[]): string {
  const [first, ...others] = users.map(({ pid, command }) => `${command} (process ${pid})`);
  if (first === undefined) return 'another process';
  return [first, ...others].join(', ');
}

async function isBelow(process: string, mountPoint: string): Promise<boolean> {
  const links = ['cwd', 'root', 'exe'].map((link) => join(process, link));
  for (const fd of await readdir(join(process, 'fd')).catch(() => [])) {
    links.push(join(process, 'fd', fd));
  }
  for (const link of links) {
    // Gone meanwhile, or somebody else's.
    const target = await readlink(link).catch(() => '');
    if (target === mountPoint || target.startsWith(`${mountPoint}/`)) return true;
  }
  return false;
}

async function commandOf(pid: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?');
  return text.trim();
}
