/** Operations on file contents. */
import { FsError } from '../../base/errors.js';
import { messageBytesMax } from '../../base/limits.js';
import type { DirectHandler, DirectSession } from './direct-session.js';
import {
  bodyBytes,
  fsyncDataOnly,
  replyHeader,
  requestHeader,
  writeFromCache,
} from './protocol.js';

/** `fuse_read_in` and `fuse_write_in` begin alike: fh, offset, size (words of the body). */
const offsetWord = 2;
const sizeWord = 4;
const writeFlagsWord = 5;

/** Where the data of a WRITE starts: after `fuse_write_in`, 40 bytes. */
const writeDataAt = requestHeader.bytes + 40;

/** Reused for every request: the file system does not keep it. */
const range = { bufferOffset: 0, lengthBytes: 0, position: 0 };

export const read: DirectHandler = ({ request, reply, fileSystem }) => {
  range.lengthBytes = request.body(sizeWord);
  if (range.lengthBytes > messageBytesMax) throw new FsError('EINVAL', 'read');
  range.bufferOffset = replyHeader.bytes;
  range.position = request.body64(offsetWord);
  reply.send(fileSystem.read(request.ino, reply.buffer, range));
};

export const write: DirectHandler = (session) => {
  const { request, reply } = session;
  range.lengthBytes = request.body(sizeWord);
  range.bufferOffset = writeDataAt;
  range.position = request.body64(offsetWord);
  const written = writeRange(session);
  reply.set(0, written);
  reply.set(1, 0);
  reply.send(bodyBytes.write);
};

function writeRange({ request, fileSystem }: DirectSession): number {
  try {
    return fileSystem.write(request.ino, request.buffer, range, request.caller());
  } catch (error) {
    if ((request.body(writeFlagsWord) & writeFromCache) !== 0) {
      fileSystem.writeLost(request.ino, error);
    }
    throw error;
  }
}

/** `fuse_fsync_in`: fh, fsync_flags. FSYNCDIR has the same shape. */
export const fsync: DirectHandler = ({ request, reply, fileSystem }) => {
  fileSystem.fsync(request.ino, (request.body(2) & fsyncDataOnly) !== 0);
  reply.send(0);
};
