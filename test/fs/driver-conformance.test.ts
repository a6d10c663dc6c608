import { describe } from 'vitest';
import { hostTarget } from '../conformance/host-target.js';
import { describeConformance, type Differences } from '../conformance/suite.js';
import { DriverHost, noMounts, type DriverKind } from '../support/driver-host.js';

const direct: Differences = {};

const milliseconds = 'the package hands times over in milliseconds';
const pathOnly = 'libfuse 2 looks things up by path, and this one has none any more';
const utf8 = 'the package makes text of names, which only UTF-8 survives';
const renameFlags = 'protocol 7.19 has no rename flags';

const safe: Differences = {
  'atime and mtime are set apart from each other, to the nanosecond': milliseconds,
  'times of directories and symlinks are set to the nanosecond, too': milliseconds,
  'times from 1970 to 2100 survive': milliseconds,
  'times that were set survive rename, link and chmod': milliseconds,
  'fresh time stamps are finer than a millisecond': milliseconds,
  'mtime alone is set and atime stays, and the other way round':
    'libfuse 2 ignores a call that sets only one of them',
  'a removed directory that is open has no link and no entries, and takes none': pathOnly,
  'the descriptor of a removed directory refuses new names': pathOnly,
  'any bytes but slash and NUL make a name': utf8,
  'symlink targets of 2,001 and of 4,095 bytes, of any bytes, survive': utf8,
  'RENAME_NOREPLACE refuses a name that is taken': renameFlags,
  'RENAME_EXCHANGE swaps files, and a file with a directory': renameFlags,
};

const noOpen = 'without OPEN nothing keeps a file whose name is gone';

const fast: Differences = {
  ...safe,
  'an unlinked open file is read, written, truncated and changed as before': noOpen,
  'a name that is taken again is another file for those who hold the old one': noOpen,
  'a file that is created and unlinked at once serves as a temporary one': noOpen,
  'hundreds of files are open at the same time': noOpen,
  'who holds a file that rename replaces goes on reading and writing it': noOpen,
  'a file lives as long as one of its names': noOpen,
  'mapped memory and read agree, and a mapping outlives unlink and rename': noOpen,
  'a program in the file system runs, and runs on after its name is gone': {
    sometimes: `${noOpen}: pages that were not read yet are missing`,
  },
  'two hard links are one file': 'the kernel remembers attributes per path',
};

function describeDriver(name: string, driver: DriverKind, differences: Differences): void {
  describeConformance(
    name,
    async () => {
      const host = await DriverHost.start({ driver });
      return hostTarget(host.mountPoint, async () => {
        await using _ = host;
        // Tests that fail as listed leave descriptors open.
        await host.ask(driver === 'fast' ? 'detach' : 'unmount');
      });
    },
    differences,
  );
}

describe.skipIf(noMounts !== undefined)(`real mounts ${noMounts ?? ''}`, () => {
  describeDriver('the driver direct', 'direct', direct);
  describeDriver('the driver fuse-native in its safe mode', 'safe', safe);
  describeDriver('the driver fuse-native in its fast mode', 'fast', fast);
});
