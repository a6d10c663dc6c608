/**
 * The reference: a plain directory of this machine, driven through the same calls. What it does
 * and which errno it answers is what the virtual file system must do.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, linkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostTarget } from '../conformance/host-target.js';
import type { ConformanceTarget, TargetPath } from '../conformance/target.js';
import { joinVirtualPath, type VirtualPath } from '../../src/base/byte-string.js';
import type { LowerEntry } from '../../src/fs/lower.js';

export class Oracle implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'xcache-oracle-'));
  readonly fs: ConformanceTarget = hostTarget(this.directory, () => undefined);
  /** Times that were set on inodes and still count. */
  readonly mtimesNs = new Map<number, bigint>();

  hostPath(path: TargetPath): Buffer {
    return Buffer.from(`${this.directory}/${path}`, 'latin1');
  }

  /** Does what attaching the entries must look like. */
  attach(entries: readonly LowerEntry[], bytesOf: (entry: LowerEntry) => Buffer): void {
    const linkTargets = new Map<number, Buffer>();
    for (const entry of entries) {
      const path = this.hostPath(entry.path);
      if (entry.kind === 'directory') {
        mkdirSync(path, { recursive: true });
        continue;
      }
      if (entry.kind === 'symlink') symlinkSync(entry.target, path);
      else this.#attachFile(entry.linkGroup, path, linkTargets, () => bytesOf(entry));
      const stat = this.fs.lstat(entry.path) as { readonly ino: number };
      this.mtimesNs.set(stat.ino, entry.mtimeNs);
    }
  }

  #attachFile(
    group: number | undefined,
    path: Buffer,
    linkTargets: Map<number, Buffer>,
    bytes: () => Buffer,
  ): void {
    const known = group === undefined ? undefined : linkTargets.get(group);
    if (known !== undefined) {
      linkSync(known, path);
      return;
    }
    writeFileSync(path, bytes(), { mode: 0o644 });
    if (group !== undefined) linkTargets.set(group, path);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One entry as the comparison sees it. */
export interface TreeEntry {
  readonly mode: number;
  readonly nlink: number;
  /** Content of a file, target of a symlink. */
  readonly content: string;
  /** Paths of the same inode, sorted; only of files with several names. */
  readonly sameAs: string;
  readonly mtimeNs: bigint | undefined;
}

/** Everything that is there. `mtimeOf` says which times are worth comparing. */
export async function treeOf(
  fs: ConformanceTarget,
  mtimeOf: (ino: number, mtimeNs: bigint) => bigint | undefined,
): Promise<Map<string, TreeEntry>> {
  const paths = await pathsBelow(fs, '' as VirtualPath);
  const byIno = new Map<number, string[]>();
  for (const path of paths) {
    const { ino } = await fs.lstat(path);
    byIno.set(ino, [...(byIno.get(ino) ?? []), path].sort());
  }
  const tree = new Map<string, TreeEntry>();
  for (const path of paths) {
    const { ino, mode, nlink, mtimeNs } = await fs.lstat(path);
    const sameAs = (mode & constants.S_IFMT) === constants.S_IFDIR ? '' : byIno.get(ino)?.join();
    tree.set(path, {
      mode,
      nlink,
      content: await contentOf(fs, path, mode),
      sameAs: sameAs ?? '',
      mtimeNs: mtimeOf(ino, mtimeNs),
    });
  }
  return tree;
}

async function pathsBelow(fs: ConformanceTarget, path: VirtualPath): Promise<VirtualPath[]> {
  const paths: VirtualPath[] = [];
  for (const { name, fileType } of await fs.readdir(path)) {
    const child = joinVirtualPath(path, name);
    paths.push(child);
    if (fileType === constants.S_IFDIR) paths.push(...(await pathsBelow(fs, child)));
  }
  return paths.sort();
}

async function contentOf(fs: ConformanceTarget, path: VirtualPath, mode: number): Promise<string> {
  const type = mode & constants.S_IFMT;
  if (type === constants.S_IFLNK) return (await fs.readlink(path)).toString('latin1');
  if (type !== constants.S_IFREG) return '';
  const fd = await fs.open(path, constants.O_RDONLY);
  try {
    return (await fs.read(fd, 1 << 20, 0)).toString('latin1');
  } finally {
    await fs.close(fd);
  }
}
