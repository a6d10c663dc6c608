/** What a full disk does to those who write through mappings and ask nobody whether it worked. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { python } from '../conformance/python.js';
import { DriverHost, noMounts, type HostShape } from '../support/driver-host.js';
import { createTempDirectory } from '../support/tmp.js';

/** As mold does it: nobody looks at what munmap and close say. */
const program = `
def fill(path, size):
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o755)
    os.ftruncate(fd, size)
    mapped = mmap.mmap(fd, size)
    for at in range(0, size, 4096): mapped[at:at + 4] = b'data'
    mapped.close()
    code_of(os.close, fd)
def main():
    d = args[0]
    fill(d + b'/small', 1 << 20)
    os.rename(d + b'/small', d + b'/kept')
    fill(d + b'/large', 24 << 20)
    print(code_of(os.rename, d + b'/large', d + b'/done'), code_of(os.link, d + b'/large', d + b'/done'),
          code_of(os.chmod, d + b'/large', 0o700),
          code_of(lambda: os.fsync(os.open(d + b'/large', os.O_RDWR))), *sorted(map(os.fsdecode, os.listdir(d))))
    put(d + b'/large', b'again')
    os.rename(d + b'/large', d + b'/done')
    equal((get(d + b'/done'), get(d + b'/kept')[:4]), (b'again', b'data'))
`;

describe.skipIf(noMounts !== undefined || process.geteuid?.() !== 0)('on a full disk', () => {
  test.each<HostShape>(['overlay', 'tree'])(
    'a file that lost what was written to its mapping does not pass for a finished one (%s)',
    async (shape) => {
      await using directory = await createTempDirectory();
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=12m', 'xcache-test', directory.path]);
      try {
        await using host = await DriverHost.start({ driver: 'direct', shape, directory });
        expect(await python(program, [host.viewRoot])).toBe(
          'ENOSPC ENOSPC ENOSPC ENOSPC kept large',
        );
        await host.ask('unmount');
      } finally {
        execFileSync('/bin/umount', ['-l', directory.path]);
      }
    },
  );
});
