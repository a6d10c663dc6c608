"""Which times, modes, owners and link counts each operation changes."""


def stamps(path):
    s = os.lstat(path)
    return {'a': s.st_atime_ns, 'm': s.st_mtime_ns, 'c': s.st_ctime_ns}


class Moved:
    """Tells which of mtime and ctime an operation moved, for each of several paths."""

    def __init__(self, *paths):
        self.paths = paths

    def by(self, act, *args):
        next_tick()
        before = [stamps(path) for path in self.paths]
        act(*args)
        after = [stamps(path) for path in self.paths]
        moved = []
        for old, new in zip(before, after):
            assert new['m'] >= old['m'] and new['c'] >= old['c'], 'a time went backwards'
            moved.append(''.join(which for which in 'mc' if old[which] != new[which]))
        return ' '.join(each or '-' for each in moved)


@check('creating stamps the new name and its directory, a failed creation neither')
def creation(d):
    os.mkdir(d + b'/p')
    put(d + b'/file')
    moved = Moved(d + b'/p')
    equal(moved.by(put, d + b'/p/file'), 'mc', 'open')
    equal(moved.by(os.mkdir, d + b'/p/dir'), 'mc', 'mkdir')
    equal(moved.by(os.symlink, b'x', d + b'/p/link'), 'mc', 'symlink')
    equal(moved.by(os.mkfifo, d + b'/p/fifo'), 'mc', 'mkfifo')
    equal(moved.by(os.link, d + b'/file', d + b'/p/hard'), 'mc', 'link')
    for name in [b'/p/file', b'/p/dir', b'/p/link', b'/p/fifo']:
        new = stamps(d + name)
        assert new['a'] == new['m'] <= new['c'], f'{name} has {new}'
    equal(moved.by(code_of, os.mkdir, d + b'/p/dir'), '-', 'failed mkdir')
    equal(moved.by(code_of, os.symlink, b'x', d + b'/p/dir'), '-', 'failed symlink')
    equal(moved.by(code_of, os.rmdir, d + b'/p/file'), '-', 'failed rmdir')
    equal(moved.by(code_of, os.unlink, d + b'/p/dir'), '-', 'failed unlink')
    equal(moved.by(code_of, os.rename, d + b'/p/dir', d + b'/p/file'), '-', 'failed rename')


@check('link and unlink move the ctime of the file, and both times of the directory')
def links(d):
    os.mkdir(d + b'/p')
    put(d + b'/a', b'content')
    moved = Moved(d + b'/a', d + b'/p', d)
    equal(moved.by(os.link, d + b'/a', d + b'/p/b'), 'c mc -', 'link')
    equal(moved.by(os.unlink, d + b'/p/b'), 'c mc -', 'unlink')
    os.link(d + b'/a', d + b'/p/b')
    put(d + b'/p/c')
    equal(moved.by(os.rename, d + b'/p/c', d + b'/p/b'), 'c mc -', 'replacing rename')
    os.mkdir(d + b'/p/dir')
    equal(moved.by(os.rmdir, d + b'/p/dir'), '- mc -', 'rmdir')


@check('rename moves the times of both directories, and keeps mtime and atime of what moves')
def renames(d):
    os.makedirs(d + b'/p/dir')
    os.mkdir(d + b'/q')
    put(d + b'/p/file', b'x')
    before = stamps(d + b'/p/file')
    parents = Moved(d + b'/p', d + b'/q')
    equal(parents.by(os.rename, d + b'/p/file', d + b'/q/file'), 'mc mc', 'file')
    after = stamps(d + b'/q/file')
    equal((after['m'], after['a']), (before['m'], before['a']))
    assert after['c'] > before['c']
    equal(parents.by(os.rename, d + b'/p/dir', d + b'/q/dir'), 'mc mc', 'directory')
    equal(parents.by(os.rename, d + b'/q/dir', d + b'/q/other'), '- mc', 'within')
    put(d + b'/p/file')
    equal(parents.by(os.rename, d + b'/p/file', d + b'/q/file'), 'mc mc', 'replacing')


@check('writing and truncating move mtime and ctime, reading and opening do not')
def data(d):
    put(d + b'/a', b'content')
    moved = Moved(d + b'/a', d)
    with opened(d + b'/a') as fd:
        equal(moved.by(os.pwrite, fd, b'C', 0), 'mc -', 'write')
        equal(moved.by(os.ftruncate, fd, 3), 'mc -', 'ftruncate')
        equal(moved.by(os.ftruncate, fd, 30), 'mc -', 'ftruncate up')
        equal(moved.by(os.pread, fd, 10, 0), '- -', 'read')
        equal(moved.by(os.pwrite, fd, b'', 0), '- -', 'empty write')
        equal(moved.by(os.fsync, fd), '- -', 'fsync')
    equal(moved.by(os.truncate, d + b'/a', 5), 'mc -', 'truncate')
    equal(moved.by(put, d + b'/a', b''), 'mc -', 'O_TRUNC')
    equal(moved.by(put, d + b'/a', b''), 'mc -', 'O_TRUNC of an empty file')
    equal(moved.by(get, d + b'/a'), '- -', 'open and read')


@check('chmod, chown and utimensat move ctime alone of what they change')
def attributes(d):
    put(d + b'/a')
    os.mkdir(d + b'/dir')
    os.symlink(b'a', d + b'/link')
    for name in [b'/a', b'/dir']:
        moved = Moved(d + name, d)
        equal(moved.by(os.chmod, d + name, 0o700), 'c -', 'chmod')
        equal(moved.by(os.chown, d + name, os.geteuid(), os.getegid()), 'c -', 'chown')
        equal(moved.by(utimensat, d + name, (5, 6), (0, UTIME_OMIT)), 'c -', 'utimensat')
    moved = Moved(d + b'/link', d + b'/a')
    equal(moved.by(lambda: os.chown(d + b'/link', 0, 0, follow_symlinks=False)), 'c -', 'lchown')
    equal(moved.by(utimensat, d + b'/link', (5, 6), (0, UTIME_OMIT)), 'c -', 'link times')


@check('what is written through a mapping moves mtime and ctime once it is synchronized')
def mapping(d):
    put(d + b'/a', b'x' * 8192)
    with opened(d + b'/a') as fd, mmap.mmap(fd, 8192) as mapped:
        def change():
            mapped[5000] = 90
            mapped.flush()
        equal(Moved(d + b'/a').by(change), 'mc')


@check('an exchange moves the times of both directories')
def exchange(d):
    os.makedirs(d + b'/p/dir')
    os.mkdir(d + b'/q')
    put(d + b'/q/file')
    moved = Moved(d + b'/p', d + b'/q')
    act = lambda: renameat2(d + b'/p/dir', d + b'/q/file', RENAME_EXCHANGE)
    equal(moved.by(act), 'mc mc')
    equal([os.stat(d + x).st_nlink for x in (b'/p', b'/q')], [2, 3])


@check('reading a file that has changed since moves its atime, and O_NOATIME does not')
def access(d):
    put(d + b'/a', b'content')
    next_tick()
    os.chmod(d + b'/a', 0o600)
    with opened(d + b'/a', os.O_RDONLY | os.O_NOATIME) as fd:
        os.read(fd, 10)
    before = stamps(d + b'/a')['a']
    utimensat(d + b'/a', (1, 0), (2, 0))
    next_tick()
    get(d + b'/a')
    assert stamps(d + b'/a')['a'] > before, 'atime stayed'


@check('utimensat sets both times, one, none or now, to the nanosecond')
def set_times(d):
    put(d + b'/a')
    path = d + b'/a'
    times = lambda: (os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns)
    utimensat(path, (1_600_000_000, 123_456_789), (1_700_000_000, 987_654_321))
    equal(times(), (1_600_000_000_123_456_789, 1_700_000_000_987_654_321))
    utimensat(path, (0, UTIME_OMIT), (1_500_000_000, 1))
    equal(times(), (1_600_000_000_123_456_789, 1_500_000_000_000_000_001))
    utimensat(path, (1_400_000_000, 999_999_999), (0, UTIME_OMIT))
    equal(times(), (1_400_000_000_999_999_999, 1_500_000_000_000_000_001))
    utimensat(path, (0, UTIME_OMIT), (0, UTIME_OMIT))
    equal(times(), (1_400_000_000_999_999_999, 1_500_000_000_000_000_001))
    before = time.time_ns()
    utimensat(path, (0, UTIME_OMIT), (0, UTIME_NOW))
    equal(times()[0], 1_400_000_000_999_999_999)
    assert abs(times()[1] - before) < 10**9
    utimensat(path, (0, UTIME_NOW), (7, 8))
    equal(times()[1], 7_000_000_008)
    assert abs(times()[0] - before) < 10**9
    expect_errno('EINVAL', utimensat, path, (0, 10**9), (0, 0))
    expect_errno('ENOENT', utimensat, d + b'/none', (0, 0), (0, 0))
    with opened(path, os.O_RDONLY) as fd:
        os.utime(fd, ns=(11, 12))
    equal(times(), (11, 12))


@check('times before 1970 and after 2038 are kept')
def far_times(d):
    put(d + b'/a')
    for seconds in [-1, 1 - 2**31, 2**31, 2**32 + 5, 2**33]:
        utimensat(d + b'/a', (seconds, 5), (seconds, 999_999_999))
        s = os.stat(d + b'/a')
        equal((s.st_atime_ns, s.st_mtime_ns), (seconds * 10**9 + 5, seconds * 10**9 + 999_999_999))


@check('times of a symlink, a fifo and a directory are set without touching anything else')
def other_times(d):
    put(d + b'/a')
    os.symlink(b'a', d + b'/link')
    os.mkfifo(d + b'/fifo')
    os.mkdir(d + b'/dir')
    before = os.stat(d + b'/a').st_mtime_ns
    for name in [b'/link', b'/fifo', b'/dir']:
        utimensat(d + name, (3, 4), (5, 6))
        s = os.lstat(d + name)
        equal((s.st_atime_ns, s.st_mtime_ns), (3_000_000_004, 5_000_000_006), name)
    equal(os.stat(d + b'/a').st_mtime_ns, before)
    os.utime(d + b'/link', ns=(7, 8))
    equal(os.stat(d + b'/a').st_mtime_ns, 8)


@check('the umask counts for files, directories and fifos, and not for symlinks and chmod')
def umask(d):
    for mask in [0o077, 0o027, 0]:
        os.umask(mask)
        base = d + b'/%o' % mask
        os.mkdir(base, 0o777)
        put(base + b'/file', b'', 0o666)
        os.mkfifo(base + b'/fifo', 0o666)
        os.symlink(b'x', base + b'/link')
        modes = [stat.S_IMODE(os.lstat(base + x).st_mode) for x in (b'', b'/file', b'/fifo', b'/link')]
        equal(modes, [0o777 & ~mask, 0o666 & ~mask, 0o666 & ~mask, 0o777], f'{mask:o}')
        os.chmod(base + b'/file', 0o666)
        equal(stat.S_IMODE(os.stat(base + b'/file').st_mode), 0o666)


@check('all twelve mode bits are set and kept on files and directories')
def mode_bits(d):
    put(d + b'/a')
    os.mkdir(d + b'/dir')
    for mode in [0, 0o7, 0o70, 0o700, 0o1000, 0o2000, 0o4000, 0o7777, 0o1777, 0o6755, 0o644]:
        for name in [b'/a', b'/dir']:
            os.chmod(d + name, mode)
            equal(stat.S_IMODE(os.stat(d + name).st_mode), mode, name)


@check('owner and group are set apart from each other and stay with the file')
def owners(d):
    if os.geteuid() != 0:
        return
    put(d + b'/a', b'content')
    os.mkdir(d + b'/dir')
    os.symlink(b'a', d + b'/link')
    ids = lambda path: (os.lstat(path).st_uid, os.lstat(path).st_gid)
    for name in [b'/a', b'/dir', b'/link']:
        os.chown(d + name, 12, 34, follow_symlinks=False)
        equal(ids(d + name), (12, 34))
        os.chown(d + name, -1, 56, follow_symlinks=False)
        equal(ids(d + name), (12, 56))
        os.chown(d + name, 78, -1, follow_symlinks=False)
        os.rename(d + name, d + name + b'r')
        equal(ids(d + name + b'r'), (78, 56))
    os.chown(d + b'/linkr', -1, -1, follow_symlinks=False)
    equal(ids(d + b'/linkr'), (78, 56))
    put(d + b'/ar', b'changed')
    equal(ids(d + b'/ar'), (78, 56))


@check('chown takes set-user-id and set-group-id from a program, not from a directory')
def set_id_bits(d):
    if os.geteuid() != 0:
        return
    put(d + b'/a')
    os.mkdir(d + b'/dir')
    mode = lambda name: stat.S_IMODE(os.stat(d + name).st_mode)
    for name in [b'/a', b'/dir']:
        os.chmod(d + name, 0o6755)
        os.chown(d + name, 12, 34)
    equal((mode(b'/a'), mode(b'/dir')), (0o755, 0o6755))


@check('what is made in a set-group-id directory belongs to its group')
def set_group_id(d):
    if os.geteuid() != 0:
        return
    os.mkdir(d + b'/dir')
    os.chown(d + b'/dir', 0, 4321)
    os.chmod(d + b'/dir', 0o2775)
    put(d + b'/dir/file')
    os.mkdir(d + b'/dir/sub')
    os.symlink(b'x', d + b'/dir/link')
    os.mkfifo(d + b'/dir/fifo')
    for name in [b'file', b'sub', b'link', b'fifo']:
        equal(os.lstat(d + b'/dir/' + name).st_gid, 4321, name)
    equal(stat.S_IMODE(os.stat(d + b'/dir/sub').st_mode), 0o2755)
    equal(stat.S_IMODE(os.stat(d + b'/dir/file').st_mode), 0o644)


@check('link counts follow every operation on directories and files')
def link_counts(d):
    n = lambda name: os.stat(d + name).st_nlink
    os.makedirs(d + b'/p/a')
    os.makedirs(d + b'/q/b')
    equal([n(b''), n(b'/p'), n(b'/q'), n(b'/p/a')], [4, 3, 3, 2])
    os.rename(d + b'/p/a', d + b'/q/a')
    equal([n(b'/p'), n(b'/q')], [2, 4])
    os.rename(d + b'/q/a', d + b'/q/b')
    equal([n(b'/q'), n(b'/q/b')], [3, 2])
    put(d + b'/p/file')
    for i in range(20):
        os.link(d + b'/p/file', d + b'/q/%d' % i)
    equal(n(b'/p/file'), 21)
    put(d + b'/q/new')
    with opened(d + b'/p/file') as fd:
        os.rename(d + b'/q/new', d + b'/q/0')
        equal(os.fstat(fd).st_nlink, 20)
        for i in range(1, 20):
            os.unlink(d + b'/q/%d' % i)
        os.unlink(d + b'/p/file')
        equal(os.fstat(fd).st_nlink, 0)


class Statx(ctypes.Structure):
    _fields_ = [('mask', ctypes.c_uint32), ('blksize', ctypes.c_uint32),
                ('attributes', ctypes.c_uint64), ('nlink', ctypes.c_uint32),
                ('uid', ctypes.c_uint32), ('gid', ctypes.c_uint32), ('mode', ctypes.c_uint16),
                ('ino', ctypes.c_uint64), ('size', ctypes.c_uint64), ('blocks', ctypes.c_uint64),
                ('attributes_mask', ctypes.c_uint64),
                # Seconds and nanoseconds (with padding) of atime, birth, ctime, mtime.
                ('times', ctypes.c_int64 * 8), ('rest', ctypes.c_uint64 * 32)]


@check('statx tells what stat tells, and a time of birth that stays, or none')
def extended_stat(d):
    put(d + b'/a', b'content')
    os.mkdir(d + b'/dir')
    os.symlink(b'a', d + b'/link')
    birth = 0x800
    for name in [b'/a', b'/dir', b'/link']:
        # Force to ask; ask what is known.
        for how in [0x2000, 0x4000, 0]:
            x, s = Statx(), os.lstat(d + name)
            checked(libc.statx(AT_FDCWD, d + name, AT_SYMLINK_NOFOLLOW | how, 0xfff, ctypes.byref(x)))
            equal(x.mask & 0x7ff, 0x7ff)
            # Of ctime and mtime; looking at a symlink may have moved its atime.
            times = [x.times[i] * 10**9 + (x.times[i + 1] & 0xffffffff) for i in (4, 6)]
            equal((x.ino, x.size, x.mode, x.nlink, x.uid, x.gid, x.blocks, times),
                  (s.st_ino, s.st_size, s.st_mode, s.st_nlink, s.st_uid, s.st_gid, s.st_blocks,
                   [s.st_ctime_ns, s.st_mtime_ns]), name)
            if x.mask & birth:
                assert 0 < x.times[2] <= time.time() + 1
            else:
                equal((x.times[2], x.times[3]), (0, 0))


@check('a write by somebody without the privilege takes set-user-id away, reading does not')
def set_id_on_write(d):
    if os.geteuid() != 0:
        return
    mode = lambda name: stat.S_IMODE(os.stat(d + name).st_mode)
    for name in [b'/written', b'/cut', b'/read']:
        put(d + name, b'content')
        os.chmod(d + name, 0o6755)
    def act():
        header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        checked(libc.capget(header, data))
        # CAP_FSETID.
        data[0] &= ~(1 << 4)
        checked(libc.capset(header, data))
        with opened(d + b'/written') as fd:
            os.write(fd, b'C')
        os.truncate(d + b'/cut', 1)
        with opened(d + b'/read', os.O_RDONLY) as fd:
            os.read(fd, 1)
    equal(in_child(act), None)
    equal([oct(mode(name)) for name in (b'/written', b'/cut', b'/read')], ['0o755', '0o755', '0o6755'])
