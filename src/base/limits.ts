/** Every bound of the program, each with its reason. */

/** The longest name of one path component, as on ext4. */
export const nameBytesMax: number = 255;

/** The longest symlink target (PATH_MAX less the terminating NUL). */
export const symlinkBytesMax: number = 4095;

/** The largest WRITE and READ message: the kernel's page limit of 256 pages of 4 KiB. */
export const messageBytesMax: number = 1 << 20;

/**
 * Told to programs as the preferred size of reads and writes (`st_blksize`), which LLVM and C
 * libraries take as the size of their buffers: each write is a message to the file system.
 */
export const preferredBlockBytes: number = 64 << 10;

/** How long the kernel may keep names and attributes: only this program changes them (1 year). */
export const kernelCacheTtlSeconds: number = 365 * 24 * 3600;

/** Descriptors of backing files kept open per view, well below the usual limit of 1024. */
export const backingFdsMax: number = 256;

/** How long the file system waits for the resolver before a unit counts as a miss. */
export const resolveTimeoutMs: number = 5_000;

/** Files up to this size are stored together in one pack per unit instead of one blob each. */
export const packedFileBytesMax: number = 16 * 1024;

/** Files in one unit; aws-lc-sys leaves about 1,500 in its OUT_DIR. */
export const unitFilesMax: number = 20_000;

/** Bytes of one fingerprint JSON or dep-info file that are parsed; real ones stay below 1 MiB. */
export const cargoFileBytesMax: number = 64 << 20;

/** Bytes of one read while a file is hashed: large enough that the call costs nothing beside BLAKE3. */
export const hashChunkBytes: number = 1 << 20;

/** How long an idle hash worker is kept: longer than the pauses between the units of one build. */
export const hashWorkerIdleMs: number = 10_000;

/** Decoded manifests kept in memory; a large workspace has about 700 units. */
export const cachedManifestsMax: number = 1024;

/** Encoded bytes of the manifests kept in memory, so that large units cannot push memory up. */
export const cachedManifestBytesMax: number = 8 << 20;

/** Bytes of one encoded manifest: `unitFilesMax` entries of about 400 bytes, and the facts. */
export const manifestBytesMax: number = 16 << 20;

/** Bytes of the files of one unit; far above anything rustc writes. */
export const unitBytesMax: number = 64 * 2 ** 30;

/** Characters of a lookup key or marker: an index key should stay well below a LevelDB block (4 KiB). */
export const storeKeyCharactersMax: number = 1024;

/** Units that `Store.candidates` names for one key: more mean an input the key does not know. */
export const candidatesMax: number = 64;

/** Deferred index rows (last use, input digests) held in memory before they are written out. */
export const deferredRowsMax: number = 4096;

/** How long deferred index rows may wait in memory: what a kill may lose. */
export const deferredRowsMs: number = 5_000;

/** Source file digests that are remembered; at about 200 bytes each this is 40 MB of index. */
export const inputRowsMax: number = 200_000;
/** Of these, so many are kept in memory: about 250 bytes each. */
export const knownInputsMax: number = 20_000;

/** How long bytes that were put into the store wait for the unit that names them. */
export const putHoldMs: number = 10 * 60_000;

/** Age from which an unreferenced blob is garbage, for a promotion takes seconds. */
export const orphanAgeMs: number = 3_600_000;

/** How long damaged files stay in quarantine for a person to look at (a week). */
export const quarantineAgeMs: number = 7 * 24 * 3_600_000;

/** Units that one step of a collection removes before others may use the index again. */
export const gcStepUnits: number = 16;

/** Files that one step of a scan looks at before it yields to the event loop. */
export const scanStepFiles: number = 64;

/** One request on the control socket: a command with a few paths. */
export const controlRequestBytesMax: number = 1 << 20;

/** One answer on the control socket: a list of 100,000 units stays below it. */
export const controlResponseBytesMax: number = 64 << 20;

/** Commands that talk to the service at once; a build starts none, people and scripts a few. */
export const controlConnectionsMax: number = 64;

/** A configuration file; ours has five keys. */
export const configFileBytesMax: number = 64 << 10;

/** How long a command waits for a service that it has started, or that must answer its greeting. */
export const serviceStartTimeoutMs: number = 10_000;

/** How long `service stop` waits for promotions to drain and mounts to go before it says so. */
export const serviceStopTimeoutMs: number = 60_000;

/** The log file is renamed to `.1` beyond this, so logs never take more than twice as much. */
export const logFileBytesMax: number = 10 << 20;

/** Decisions that `explain` knows, each about one unit in one session: several large builds. */
export const decisionRowsMax: number = 20_000;

/** Characters of a reason in a decision: a sentence and a path. */
export const decisionTextCharactersMax: number = 2_000;

/** The file of decisions; at about 300 bytes each, ten builds of a large workspace. */
export const decisionFileBytesMax: number = 4 << 20;

/** How long nothing must have been decided before the decisions are written to their file. */
export const decisionQuietMs: number = 5_000;

/** How long decisions wait for such a time at most: what a kill in a long build may lose. */
export const decisionWaitMs: number = 60_000;
