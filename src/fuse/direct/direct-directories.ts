/** Reading directories: a snapshot per open, in plain READDIR messages. */
import { FsError } from '../../base/errors.js';
import type { DirectoryEntry } from '../../fs/file-system.js';
import type { DirectHandler, DirectSession, OpenDirectory } from './direct-session.js';
import { bodyBytes, direntHeaderBytes, replyHeader, unknownIno } from './protocol.js';

/** `fuse_dirent` in words: ino, off, namelen, type. */
const direntWord = { ino: 0, offset: 2, nameBytes: 4, type: 5 };

/** Bits of `S_IFMT` above the ones that `d_type` (DT_REG, DT_DIR …) is made of. */
const fileTypeShift = 12;

/** `fuse_open_out`: fh, open_flags. No flag: the listing is not cached, units may appear in it. */
export const opendir: DirectHandler = ({ request, reply, fileSystem, openDirectories }) => {
  const ino = request.ino;
  const handle = fileSystem.opendir(ino);
  openDirectories.set(handle, { ino, handle, wasRead: false });
  reply.clearBody(bodyBytes.open);
  reply.set64(0, handle);
  if (!reply.send(bodyBytes.open)) closeDirectory({ fileSystem, openDirectories }, handle);
};

/** `fuse_release_in`: fh. */
export const releasedir: DirectHandler = (session) => {
  closeDirectory(session, session.request.body64(0));
  session.reply.send(0);
};

function closeDirectory(
  session: Pick<DirectSession, 'fileSystem' | 'openDirectories'>,
  key: number,
): void {
  const directory = session.openDirectories.get(key);
  if (!directory) return;
  session.openDirectories.delete(key);
  session.fileSystem.releasedir(directory.handle);
}

/** `fuse_read_in`: fh, offset, size. The offset is the index of the next entry. */
export const readdir: DirectHandler = (session) => {
  const { request, reply } = session;
  const directory = session.openDirectories.get(request.body64(0));
  if (!directory) throw new FsError('EBADF', 'readdir');
  const from = request.body64(2);
  if (from === 0) rewind(session, directory);
  const entries = session.fileSystem.readdir(directory.handle);
  reply.send(writeEntries(session, entries, from));
};

/** rewinddir(3) shows the directory as it is now, so a second start takes a new snapshot. */
function rewind({ fileSystem }: DirectSession, directory: OpenDirectory): void {
  if (directory.wasRead) {
    const next = fileSystem.opendir(directory.ino);
    fileSystem.releasedir(directory.handle);
    directory.handle = next;
  }
  directory.wasRead = true;
}

/** Writes as many entries as fit, and returns their length in bytes. */
function writeEntries(
  { request, reply }: DirectSession,
  entries: readonly DirectoryEntry[],
  from: number,
): number {
  const sizeMax = request.body(4);
  let length = 0;
  for (let index = from; index < entries.length; index += 1) {
    const entry = entries[index] as DirectoryEntry;
    const entryBytes = (direntHeaderBytes + entry.name.length + 7) & ~7;
    if (length + entryBytes > sizeMax) break;
    const word = length >> 2;
    reply.set64(word + direntWord.ino, entry.ino === 0 ? unknownIno : entry.ino);
    reply.set64(word + direntWord.offset, index + 1);
    reply.set(word + direntWord.nameBytes, entry.name.length);
    reply.set(word + direntWord.type, entry.fileType >> fileTypeShift);
    reply.buffer.write(entry.name, replyHeader.bytes + length + direntHeaderBytes, 'latin1');
    length += entryBytes;
  }
  return length;
}
