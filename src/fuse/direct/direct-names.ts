/** Operations on names: lookup, creation, removal, rename, link. */
import { FsError } from '../../base/errors.js';
import type { Absent, Attr } from '../../fs/file-system.js';
import { rootIno } from '../../fs/file-system.js';
import type { DirectHandler, DirectSession } from './direct-session.js';
import { wakeName } from './direct-wake-node.js';
import { protocolErrno, renameFlag, requestHeader } from './protocol.js';

/** Where the body of a request starts, in bytes. */
const body = requestHeader.bytes;

function isAbsent(found: Attr | Absent): found is Absent {
  return 'absent' in found;
}

export const lookup: DirectHandler = (session) => {
  const { request, reply, fileSystem } = session;
  const parent = request.ino;
  const name = request.lastName(body);
  if (parent === rootIno && name === wakeName) {
    session.replyWakeEntry();
    return;
  }
  const found = fileSystem.lookup(parent, name, request.caller());
  if (!isAbsent(found)) session.replyEntry(found);
  // An error is forgotten at once, a negative entry is remembered.
  else if (found.isVolatile) reply.sendError(protocolErrno.ENOENT);
  else reply.sendNegativeEntry();
};

export const forget: DirectHandler = (session) => {
  session.reply.abandon();
  session.forget(session.request.ino, session.request.body64(0));
};

/** `fuse_batch_forget_in`: count, dummy; then nodeid and nlookup of each. */
export const batchForget: DirectHandler = (session) => {
  const { request, reply } = session;
  reply.abandon();
  const count = request.body(0);
  for (let index = 0; index < count; index += 1) {
    const word = 2 + 4 * index;
    session.forget(request.body64(word), request.body64(word + 2));
  }
};

/** `fuse_mknod_in`: mode, rdev, umask, padding. The kernel has applied the umask to the mode. */
export const mknod: DirectHandler = (session) => {
  const { request, fileSystem } = session;
  const name = request.lastName(body + 16);
  session.replyEntry(fileSystem.mknod(request.ino, name, request.body(0), request.caller()));
};

/** `fuse_mkdir_in`: mode, umask. */
export const mkdir: DirectHandler = (session) => {
  const { request, fileSystem } = session;
  const name = request.lastName(body + 8);
  session.replyEntry(fileSystem.mkdir(request.ino, name, request.body(0), request.caller()));
};

/** The name, then the target, both NUL-terminated. */
export const symlink: DirectHandler = (session) => {
  const { request, fileSystem } = session;
  const name = request.name(body);
  // The file system may keep the target, so it gets its own copy.
  const target = Buffer.from(request.bytes(body + name.length + 1));
  session.replyEntry(fileSystem.symlink(request.ino, name, target, request.caller()));
};

/** `fuse_link_in`: oldnodeid. The header names the new directory. */
export const link: DirectHandler = (session) => {
  const { request, fileSystem } = session;
  const name = request.lastName(body + 8);
  session.replyEntry(fileSystem.link(request.body64(0), request.ino, name, request.caller()));
};

export const unlink: DirectHandler = ({ request, reply, fileSystem }) => {
  fileSystem.unlink(request.ino, request.lastName(body), request.caller());
  reply.send(0);
};

export const rmdir: DirectHandler = ({ request, reply, fileSystem }) => {
  fileSystem.rmdir(request.ino, request.lastName(body), request.caller());
  reply.send(0);
};

/** `fuse_rename_in`: newdir; then both names. */
export const rename: DirectHandler = (session) => {
  renameWith(session, body + 8, 0);
};

/** `fuse_rename2_in`: newdir, flags, padding; then both names. */
export const rename2: DirectHandler = (session) => {
  renameWith(session, body + 16, session.request.body(2));
};

function renameWith(session: DirectSession, namesAt: number, flags: number): void {
  const { request, reply, fileSystem } = session;
  // RENAME_WHITEOUT makes a device node, which only a union mount above us would want.
  if ((flags & ~(renameFlag.noReplace | renameFlag.exchange)) !== 0) {
    throw new FsError('EINVAL', 'rename');
  }
  const oldName = request.name(namesAt);
  const newName = request.lastName(namesAt + oldName.length + 1);
  fileSystem.rename(
    { parent: request.ino, name: oldName },
    { parent: request.body64(0), name: newName },
    {
      noReplace: (flags & renameFlag.noReplace) !== 0,
      exchange: (flags & renameFlag.exchange) !== 0,
    },
    request.caller(),
  );
  reply.send(0);
}
