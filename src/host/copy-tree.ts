/** Copies a directory to another file system. */
import { requireSuccess } from './run-program.js';

/** A hundred gigabytes from a slow disk take an hour; a disk that hangs must not hang a command for ever. */
const copyTimeoutMs = 6 * 3_600_000;

/**
 * Copies `from`, a directory, to `to`, which does not exist yet, with what cargo looks at: times to
 * the nanosecond, modes, hard links, symlinks. Throws where not everything was copied.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  const args = ['-a', '--reflink=auto', '-T', '--', from, to];
  await requireSuccess('cp', args, { timeoutMs: copyTimeoutMs });
}
