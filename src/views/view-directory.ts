/**
 * What is kept of a view between mounts, beside its upper layer and journal: where it belongs. One
 * directory per view below the views directory, named by a digest of the mount point.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { makeDirectory, saveFile } from '../base/atomic-file.js';
import { isErrno } from '../base/errors.js';
import type { DriverName } from '../fuse/driver-name.js';

export interface ViewRecord {
  readonly version: 1;
  readonly mountPoint: string;
  readonly driver: DriverName;
  readonly mode: 'fast' | 'safe';
  /** Whether the service mounts it again when it starts. */
  readonly isMounted: boolean;
  readonly createdMs: number;
  /** Of a view in the per-user mount: the absolute path of its workspace. */
  readonly workspace?: string;
  /**
   * What the environments of the latest cargo sessions came to, by `builderDigest`; absent before the
   * first.
   */
  readonly sessions?: Readonly<Record<string, string>>;
}

/** Fields of earlier versions are left out. */
const recordSchema: v.GenericSchema<unknown, ViewRecord> = v.object({
  version: v.literal(1),
  mountPoint: v.string(),
  driver: v.picklist(['direct', 'fuse-native']),
  mode: v.picklist(['fast', 'safe']),
  isMounted: v.boolean(),
  createdMs: v.number(),
  workspace: v.exactOptional(v.string()),
  sessions: v.exactOptional(v.record(v.string(), v.string())),
});

/** The paths of one view. */
export interface ViewDirectory {
  readonly id: string;
  readonly directory: string;
  readonly upperDirectory: string;
  readonly journalPath: string;
}

/** Pure: the same mount point always has the same view. */
export function viewDirectory(viewsDirectory: string, mountPoint: string): ViewDirectory {
  const id = createHash('sha256').update(mountPoint).digest('hex').slice(0, 16);
  const directory = join(viewsDirectory, id);
  return {
    id,
    directory,
    upperDirectory: join(directory, 'upper'),
    journalPath: join(directory, 'journal'),
  };
}

/** Undefined where there is none or where it cannot be read. */
export async function loadViewRecord(view: ViewDirectory): Promise<ViewRecord | undefined> {
  let text: string;
  try {
    text = await readFile(join(view.directory, 'view.json'), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  return parseRecord(text);
}

/** Undefined for anything that is no record: as good as none. */
function parseRecord(text: string): ViewRecord | undefined {
  try {
    const parsed = v.safeParse(recordSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Durable at return; a reader sees the old record or the new one. */
export async function saveViewRecord(view: ViewDirectory, record: ViewRecord): Promise<void> {
  await makeDirectory(view.upperDirectory, 0o700);
  await saveFile(join(view.directory, 'view.json'), `${JSON.stringify(record)}\n`);
}

/** The same at once, for a thread that others wait for. */
export function loadViewRecordSync(view: ViewDirectory): ViewRecord | undefined {
  try {
    return parseRecord(readFileSync(join(view.directory, 'view.json'), 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** All views that have a readable record. */
export async function loadViewRecords(viewsDirectory: string): Promise<readonly ViewRecord[]> {
  let names: string[];
  try {
    names = await readdir(viewsDirectory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const records: ViewRecord[] = [];
  for (const name of names) {
    const directory = join(viewsDirectory, name);
    const record = await loadViewRecord({
      id: name,
      directory,
      upperDirectory: join(directory, 'upper'),
      journalPath: join(directory, 'journal'),
    });
    if (record) records.push(record);
  }
  return records;
}
