/** What a test must not leave behind: mounts and processes below its directory. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Mount points at or below a directory, inner ones first, from the kernel's table: a dead one would not answer. */
export function mountsBelow(directory: string): readonly string[] {
  const unescape = (text: string): string =>
    text.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => unescape(line.split(' ')[1] ?? ''))
    .filter((point) => point === directory || point.startsWith(`${directory}/`))
    .reverse();
}

/** Detaches a mount even where nobody serves it any more. */
export function detachMount(directory: string): void {
  for (const argv of [
    ['umount', '-l', directory],
    ['fusermount3', '-uz', directory],
  ]) {
    if (spawnSync(argv[0] ?? '', argv.slice(1), { stdio: 'ignore' }).status === 0) return;
  }
}

/** Processes, this one apart, that have the text in their command line or environment. */
export function processesWith(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => isAlive(pid) && (reads(pid, 'cmdline', text) || reads(pid, 'environ', text)));
}

/** False for a zombie too. */
export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until the condition holds; fails with its name after `timeoutMs`. */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`still not after ${timeoutMs} ms: ${what}`);
    await delay(10);
  }
}

function reads(pid: number, file: string, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text);
  } catch {
    return false;
  }
}
