import { describe } from 'vitest';
import { hostTarget } from '../conformance/host-target.js';
import { describeConformance, type Differences } from '../conformance/suite.js';
import { DriverHost, noMounts, type DriverKind, type HostShape } from '../support/driver-host.js';

const deepTree = 'a tree deeper than any path is walked in steps, and removed';
const access = 'reading a file that has changed since moves its atime, and O_NOATIME does not';

const direct: Differences = {
  'a device node can be made by root': 'there is no device in a build',
  [access]: 'what the kernel has in memory is read without asking us',
  [deepTree]: 'real files are reached by their paths, which are 4,095 bytes at most',
};

const perPath = 'the kernel has an inode for each path, not for each file';
const milliseconds = 'the package hands times over in milliseconds';
const pathOnly = 'libfuse 2 looks things up by path, and this one has none any more';
const utf8 = 'the package makes text of names, which only UTF-8 survives';
const renameFlags = 'protocol 7.19 has no rename flags';

const oneTime = 'libfuse 2 ignores a call that sets only one of the times';
const raced = 'libfuse 2 opens by path, and what was looked up has another one, or none, by then';
const anyBytes = 'names of any bytes work in every call';
const races = 'of many processes that create one name, one succeeds';
const replaced = 'a name that is replaced again and again is never missing and never half written';
const flocks =
  'flock is shared or exclusive, is changed, inherited, and survives rename and unlink';
const ownTimes =
  'times of a symlink, a fifo and a directory are set without touching anything else';
const pathDescriptors =
  'a descriptor that is only a path leads to its file, also to a symlink itself';
const temporaryFiles =
  'editors and patches replace files in place, temporary files leave nothing behind';
const renameDetails =
  'RENAME_NOREPLACE refuses a name of the same file, RENAME_EXCHANGE a directory and one in it';

const safe: Differences = {
  'a device node can be made by root': 'there is no device in a build',
  [deepTree]: 'real files are reached by their paths, which are 4,095 bytes at most',
  [renameDetails]: renameFlags,
  'an exchange moves the times of both directories': renameFlags,
  [races]: renameFlags,
  'chmod, chown and utimensat move ctime alone of what they change': oneTime,
  'utimensat sets both times, one, none or now, to the nanosecond': milliseconds,
  'times before 1970 and after 2038 are kept': milliseconds,
  [ownTimes]: milliseconds,
  'a removed directory that is open is empty, takes nothing and keeps its parent': pathOnly,
  [pathDescriptors]: pathOnly,
  [temporaryFiles]: 'libfuse renames what is removed while open, and listings show it',
  'tar takes a tree with links, holes, modes and times along': oneTime,
  'make builds what is older than its source, and nothing else': milliseconds,
  [anyBytes]: utf8,
  [flocks]: perPath,
  [replaced]: { sometimes: raced },
  'a file lives as long as one of its names': {
    sometimes: 'the kernel believes what it knows of a path until its next tick, 4 ms',
  },
  'atime and mtime are set apart from each other, to the nanosecond': milliseconds,
  'times of directories and symlinks are set to the nanosecond, too': milliseconds,
  'times from 1970 to 2100 survive': milliseconds,
  'times that were set survive rename, link and chmod': milliseconds,
  'fresh time stamps are finer than a millisecond': milliseconds,
  'mtime alone is set and atime stays, and the other way round': oneTime,
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
  [temporaryFiles]: noOpen,
  'two hard links are one file': perPath,
  'link counts follow every operation on directories and files': perPath,
  'link and unlink move the ctime of the file, and both times of the directory': perPath,
  [access]: 'what the kernel has in memory is read without asking us',
  'an unlinked file is reached through /proc, and cannot be linked again': noOpen,
  'files that many processes write, link and unlink at a time keep their bytes': noOpen,
};

interface Mounted {
  readonly driver: DriverKind;
  readonly shape: HostShape;
}

function describeDriver(name: string, { driver, shape }: Mounted, differences: Differences): void {
  describeConformance(
    name,
    async () => {
      const host = await DriverHost.start({ driver, shape });
      return hostTarget(host.viewRoot, async () => {
        await using _ = host;
        // Tests that fail as listed leave descriptors open.
        await host.ask(driver === 'fast' ? 'detach' : 'unmount');
      });
    },
    differences,
  );
}

describe.skipIf(noMounts !== undefined)(`real mounts ${noMounts ?? ''}`, () => {
  describeDriver('the driver direct', { driver: 'direct', shape: 'overlay' }, direct);
  describeDriver(
    'the driver direct over served files',
    { driver: 'direct', shape: 'served' },
    direct,
  );
  describeDriver('a workspace of the per-user mount', { driver: 'direct', shape: 'tree' }, direct);
  describeDriver('fuse-native in its safe mode', { driver: 'safe', shape: 'overlay' }, safe);
  describeDriver('fuse-native in its fast mode', { driver: 'fast', shape: 'overlay' }, fast);
});
