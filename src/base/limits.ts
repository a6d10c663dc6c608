/** Every bound of the program, each with its reason. */

/** The longest name of one path component, as on ext4. */
export const nameBytesMax: number = 255;

/** The longest symlink target (PATH_MAX less the terminating NUL). */
export const symlinkBytesMax: number = 4095;

/** The largest WRITE and READ message: the kernel's page limit of 256 pages of 4 KiB. */
export const messageBytesMax: number = 1 << 20;

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
