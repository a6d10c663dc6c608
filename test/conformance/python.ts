/** Runs what Node has no calls for (mmap, flock, renameat2 …) in a small Python program. */
import { execFileSync } from 'node:child_process';

const prelude = `
import ctypes, errno, fcntl, mmap, os, subprocess, sys, time
args = [os.fsencode(a) for a in sys.argv[1:]]
libc = ctypes.CDLL(None, use_errno=True)
def renameat2(a, b, flags):
    if libc.renameat2(-100, a, -100, b, flags) != 0:
        e = ctypes.get_errno(); raise OSError(e, os.strerror(e))
def hexed(a): return bytes.fromhex(a.decode())
`;

const epilogue = `
try:
    main()
except OSError as e:
    print('errno', errno.errorcode.get(e.errno, e.errno)); sys.exit(0)
`;

/**
 * Runs `main()` of the given body with `args`; returns what it printed. An `OSError` becomes an
 * error with its errno word as `code`. Paths with odd bytes are passed in hex (`hexed`).
 */
export function python(body: string, args: readonly string[]): string {
  const program = prelude + body + epilogue;
  const output = execFileSync('python3', ['-c', program, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  const failed = /^errno (\S+)$/m.exec(output);
  if (failed === null) return output.trim();
  throw Object.assign(new Error(output.trim()), { code: failed[1] });
}
