"""Error codes, as POSIX and open(2), rename(2) … promise them."""


@check('open answers each misuse with its own errno')
def open_errors(d):
    put(d + b'/file')
    os.mkdir(d + b'/dir')
    os.symlink(b'file', d + b'/link')
    os.mkfifo(d + b'/fifo')
    for expected, name, flags in [
        ('ENOTDIR', b'/file', os.O_RDONLY | os.O_DIRECTORY),
        ('ENOTDIR', b'/file/', os.O_RDONLY),
        ('ENOTDIR', b'/file/x', os.O_RDWR | os.O_CREAT),
        ('EISDIR', b'/dir', os.O_WRONLY),
        ('EISDIR', b'/dir', os.O_RDWR | os.O_TRUNC),
        ('EISDIR', b'/dir', os.O_RDONLY | os.O_CREAT),
        ('EISDIR', b'/new/', os.O_WRONLY | os.O_CREAT),
        ('EEXIST', b'/dir', os.O_RDONLY | os.O_CREAT | os.O_EXCL),
        ('ELOOP', b'/link', os.O_RDONLY | os.O_NOFOLLOW),
        ('ELOOP', b'/link', os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW),
        ('EEXIST', b'/link', os.O_RDWR | os.O_CREAT | os.O_EXCL),
        ('ENXIO', b'/fifo', os.O_WRONLY | os.O_NONBLOCK),
        ('ENOENT', b'/none/x', os.O_RDWR | os.O_CREAT),
        ('ENOENT', b'/none', os.O_RDWR),
    ]:
        expect_errno(expected, os.open, d + name, flags)
    equal(sorted(os.listdir(d)), [b'dir', b'fifo', b'file', b'link'])


@check('dots and trailing slashes are refused where they make no sense')
def dots(d):
    os.mkdir(d + b'/dir')
    os.mkdir(d + b'/dir/sub')
    put(d + b'/file')
    expect_errno('EINVAL', os.rmdir, d + b'/dir/.')
    expect_errno('ENOTEMPTY', os.rmdir, d + b'/dir/sub/..')
    expect_errno('EEXIST', os.mkdir, d + b'/dir/.')
    expect_errno('EEXIST', os.mkdir, d + b'/dir/..')
    expect_errno('EBUSY|EINVAL', os.rename, d + b'/dir/.', d + b'/x')
    expect_errno('EBUSY|EINVAL', os.rename, d + b'/dir', d + b'/dir/sub/..')
    expect_errno('ENOTDIR', os.unlink, d + b'/file/')
    expect_errno('EISDIR', os.unlink, d + b'/dir/')
    expect_errno('ENOTDIR', os.rename, d + b'/file/', d + b'/x')
    expect_errno('ENOTDIR', os.rename, d + b'/file', d + b'/x/')
    expect_errno('ENOENT', os.link, d + b'/file', d + b'/x/')
    os.rename(d + b'/dir/', d + b'/moved/')
    os.mkdir(d + b'/slash/')
    os.rmdir(d + b'/slash/')
    equal(sorted(os.listdir(d)), [b'file', b'moved'])


@check('rename tells every combination of types that cannot be')
def rename_matrix(d):
    put(d + b'/file')
    os.symlink(b'file', d + b'/link')
    os.mkfifo(d + b'/fifo')
    os.mkdir(d + b'/empty')
    os.makedirs(d + b'/full/sub/sub')
    for name in [b'/file', b'/link', b'/fifo']:
        expect_errno('EISDIR', os.rename, d + name, d + b'/empty')
        expect_errno('EISDIR', os.rename, d + name, d + b'/full')
        expect_errno('ENOTDIR', os.rename, d + b'/empty', d + name)
    expect_errno('ENOTEMPTY|EEXIST', os.rename, d + b'/empty', d + b'/full')
    expect_errno('EINVAL', os.rename, d + b'/full', d + b'/full/sub/x')
    expect_errno('EINVAL', os.rename, d + b'/full', d + b'/full/sub')
    expect_errno('ENOTEMPTY|EEXIST', os.rename, d + b'/full/sub/sub', d + b'/full')
    expect_errno('ENOENT', os.rename, d + b'/none', d + b'/file')
    expect_errno('ENOENT', os.rename, d + b'/file', d + b'/none/x')
    expect_errno('ENOTDIR', os.rename, d + b'/file', d + b'/fifo/x')
    equal(sorted(os.listdir(d)), [b'empty', b'fifo', b'file', b'full', b'link'])
    os.rename(d + b'/file', d + b'/link')
    assert stat.S_ISREG(os.lstat(d + b'/link').st_mode)
    os.rename(d + b'/link', d + b'/fifo')
    assert stat.S_ISREG(os.lstat(d + b'/fifo').st_mode)


@check('renameat2 refuses flags that contradict each other or are unknown')
def rename_flags(d):
    put(d + b'/a')
    put(d + b'/b')
    expect_errno('EINVAL', renameat2, d + b'/a', d + b'/b', RENAME_NOREPLACE | RENAME_EXCHANGE)
    expect_errno('EINVAL', renameat2, d + b'/a', d + b'/b', 1 << 20)


@check('RENAME_NOREPLACE refuses a name of the same file, RENAME_EXCHANGE a directory and one in it')
def rename_flags_details(d):
    put(d + b'/a')
    os.link(d + b'/a', d + b'/b')
    expect_errno('EEXIST', renameat2, d + b'/a', d + b'/b', RENAME_NOREPLACE)
    expect_errno('EEXIST', renameat2, d + b'/a', d + b'/a', RENAME_NOREPLACE)
    os.makedirs(d + b'/d/e/f')
    expect_errno('EINVAL', renameat2, d + b'/d', d + b'/d/e/f', RENAME_EXCHANGE)
    expect_errno('EINVAL', renameat2, d + b'/d/e', d + b'/d', RENAME_EXCHANGE)
    os.makedirs(d + b'/g/h')
    renameat2(d + b'/d/e', d + b'/g/h', RENAME_EXCHANGE)
    equal(os.listdir(d + b'/g/h'), [b'f'])
    equal(os.stat(d + b'/g/h/..').st_ino, os.stat(d + b'/g').st_ino)


@check('rename and link to another file system give EXDEV')
def cross_device(d):
    put(d + b'/a', b'content')
    expect_errno('EXDEV', os.rename, d + b'/a', b'/dev/shm/xcache-conformance')
    expect_errno('EXDEV', os.link, d + b'/a', b'/dev/shm/xcache-conformance')
    equal(get(d + b'/a'), b'content')


@check('a name of 256 bytes and a path of 4,096 give ENAMETOOLONG in every call')
def too_long(d):
    put(d + b'/a')
    name = d + b'/' + b'n' * 256
    path = d + b'/' + b'./' * 2048 + b'a'
    for long in [name, path]:
        for act in [os.stat, os.lstat, os.mkdir, os.rmdir, os.unlink, os.readlink, os.mkfifo]:
            expect_errno('ENAMETOOLONG', act, long)
        expect_errno('ENAMETOOLONG', os.open, long, os.O_RDWR | os.O_CREAT)
        expect_errno('ENAMETOOLONG', os.chmod, long, 0o644)
        expect_errno('ENAMETOOLONG', os.truncate, long, 0)
        expect_errno('ENAMETOOLONG', os.symlink, b'x', long)
        expect_errno('ENAMETOOLONG', os.link, d + b'/a', long)
        expect_errno('ENAMETOOLONG', os.rename, d + b'/a', long)
        expect_errno('ENAMETOOLONG', os.rename, long, d + b'/b')
    within = d + b'/' + b'./' * ((4094 - len(d)) // 2 - 2) + b'a'
    assert len(within) < 4096 and os.stat(within).st_size == 0


@check('a name of 255 bytes can be made, linked, renamed, listed and removed')
def longest_name(d):
    name, other = d + b'/' + b'n' * 255, d + b'/' + b'm' * 255
    put(name, b'content')
    os.link(name, other)
    os.unlink(name)
    os.rename(other, name)
    os.symlink(b'x' * 255, other)
    equal(sorted(map(len, os.listdir(d))), [255, 255])
    equal(get(name), b'content')
    os.unlink(other)
    os.mkdir(other)
    os.rename(other, d + b'/' + b'o' * 255)


@check('symlinks in a circle give ELOOP in every call that follows, a chain of 40 does not')
def loops(d):
    os.symlink(b'b', d + b'/a')
    os.symlink(b'a', d + b'/b')
    for act in [os.stat, os.listdir, lambda p: os.open(p, os.O_RDONLY), lambda p: os.truncate(p, 0),
                lambda p: os.chmod(p, 0o644), lambda p: os.stat(p + b'/x'), lambda p: os.utime(p)]:
        expect_errno('ELOOP', act, d + b'/a')
    put(d + b'/l0', b'end')
    for i in range(1, 42):
        os.symlink(b'l%d' % (i - 1), d + b'/l%d' % i)
    equal(get(d + b'/l40'), b'end')
    expect_errno('ELOOP', os.stat, d + b'/l41')


@check('truncate and ftruncate refuse what they cannot do')
def truncate_errors(d):
    put(d + b'/a', b'content')
    os.mkdir(d + b'/d')
    os.mkfifo(d + b'/fifo')
    expect_errno('EISDIR', os.truncate, d + b'/d', 0)
    expect_errno('EINVAL', os.truncate, d + b'/a', -1)
    expect_errno('EINVAL', os.truncate, d + b'/fifo', 0)
    expect_errno('ENOENT', os.truncate, d + b'/none', 0)
    expect_errno('ENOTDIR', os.truncate, d + b'/a/x', 0)
    with opened(d + b'/a', os.O_RDONLY) as fd:
        expect_errno('EINVAL', os.ftruncate, fd, 0)
    with opened(d + b'/a') as fd:
        expect_errno('EINVAL', os.ftruncate, fd, -1)
    equal(get(d + b'/a'), b'content')


@check('a file cannot grow beyond what the system allows (EFBIG)')
def too_big(d):
    put(d + b'/a', b'content')
    expect_errno('EFBIG', os.truncate, d + b'/a', (1 << 63) - 1)
    with opened(d + b'/a') as fd:
        expect_errno('EFBIG', os.pwrite, fd, b'x', (1 << 63) - 2)

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with opened(d + b'/a') as fd:
            return [code_of(os.pwrite, fd, b'x', 1000), os.pwrite(fd, b'x' * 20, 990),
                    code_of(os.ftruncate, fd, 1001)]
    equal(in_child(limited), ['EFBIG', 10, 'EFBIG'])
    equal(os.stat(d + b'/a').st_size, 1000)


@check('symlink and readlink refuse what is no target and no link')
def symlink_errors(d):
    put(d + b'/a')
    expect_errno('EINVAL', os.readlink, d + b'/a')
    expect_errno('EINVAL', os.readlink, d)
    expect_errno('ENOENT', os.readlink, d + b'/none')
    expect_errno('ENOENT', os.symlink, b'', d + b'/l')
    expect_errno('EEXIST', os.symlink, b'x', d + b'/a')
    expect_errno('ENAMETOOLONG', os.symlink, b'x' * 4096, d + b'/l')
    os.symlink(b'x' * 4095, d + b'/l')
    equal(os.readlink(d + b'/l'), b'x' * 4095)
    equal(os.lstat(d + b'/l').st_size, 4095)


@check('link refuses directories and follows symlinks only when told to')
def link_errors(d):
    put(d + b'/a')
    os.mkdir(d + b'/d')
    os.symlink(b'a', d + b'/l')
    os.symlink(b'none', d + b'/dangling')
    expect_errno('EPERM', os.link, d + b'/d', d + b'/x')
    expect_errno('EEXIST', os.link, d + b'/a', d + b'/l')
    expect_errno('ENOENT', os.link, d + b'/none', d + b'/x')
    expect_errno('ENOTDIR', os.link, d + b'/a/x', d + b'/x')
    os.link(d + b'/l', d + b'/hard', follow_symlinks=False)
    assert stat.S_ISLNK(os.lstat(d + b'/hard').st_mode)
    checked(libc.linkat(AT_FDCWD, d + b'/l', AT_FDCWD, d + b'/followed', AT_SYMLINK_FOLLOW))
    equal(os.lstat(d + b'/followed').st_ino, os.stat(d + b'/a').st_ino)
    expect_errno('ENOENT', lambda: checked(
        libc.linkat(AT_FDCWD, d + b'/dangling', AT_FDCWD, d + b'/x', AT_SYMLINK_FOLLOW)))


@check('reading and writing need a descriptor that allows it, and a place that exists')
def descriptor_errors(d):
    put(d + b'/a', b'content')
    with opened(d + b'/a', os.O_WRONLY) as fd:
        expect_errno('EBADF', os.pread, fd, 1, 0)
    with opened(d + b'/a', os.O_RDONLY) as fd:
        expect_errno('EBADF', os.pwrite, fd, b'x', 0)
        expect_errno('EINVAL', os.pread, fd, 1, -1)
        expect_errno('EINVAL', os.lseek, fd, -1, os.SEEK_SET)
        expect_errno('ENXIO', os.lseek, fd, 7, os.SEEK_DATA)
        expect_errno('ENXIO', os.lseek, fd, 8, os.SEEK_HOLE)
    with opened(d, os.O_RDONLY) as fd:
        expect_errno('EISDIR', os.pread, fd, 1, 0)
        expect_errno('EBADF', os.pwrite, fd, b'x', 0)
    with opened(d + b'/a', os.O_PATH) as fd:
        expect_errno('EBADF', os.read, fd, 1)
        equal(os.fstat(fd).st_size, 7)


@check('extended attributes are kept or refused as unsupported')
def extended_attributes(d):
    put(d + b'/a')
    code = code_of(os.setxattr, d + b'/a', b'user.test', b'value')
    assert code in ['ok', 'EOPNOTSUPP'], code
    if code == 'ok':
        equal(os.getxattr(d + b'/a', b'user.test'), b'value')
    else:
        expect_errno('EOPNOTSUPP', os.getxattr, d + b'/a', b'user.test')
        expect_errno('EOPNOTSUPP|ok', os.listxattr, d + b'/a')


@check('fallocate in each of its modes works or is refused as unsupported')
def fallocate_modes(d):
    put(d + b'/a', b'x' * 20000)
    with opened(d + b'/a') as fd:
        def fallocate(mode, offset, length):
            libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
            checked(libc.fallocate(fd, mode, offset, length))
        # Keep size, punch hole, zero range.
        for mode, zeroed in [(1, False), (3, True), (0x11, True)]:
            if code_of(fallocate, mode, 4096, 4096) == 'ok':
                byte = b'\0' if zeroed else b'x'
                equal(os.pread(fd, 4096, 4096), byte * 4096)
            else:
                expect_errno('EOPNOTSUPP', fallocate, mode, 4096, 4096)
            equal(os.fstat(fd).st_size, 20000)
        expect_errno('EINVAL', fallocate, 0, -1, 10)
        expect_errno('EINVAL', fallocate, 0, 0, 0)
        os.posix_fallocate(fd, 10000, 20000)
        equal(os.fstat(fd).st_size, 30000)
        equal(os.pread(fd, 10000, 20000), bytes(10000))


@check('O_DIRECT reads and writes aligned blocks, or is refused with EINVAL')
def direct_io(d):
    put(d + b'/a', b'x' * 8192)
    if code_of(os.open, d + b'/a', os.O_RDWR | O_DIRECT) == 'EINVAL':
        return
    with opened(d + b'/a', os.O_RDWR | O_DIRECT) as fd, opened(d + b'/a') as plain:
        buffer = mmap.mmap(-1, 4096)
        equal(os.preadv(fd, [buffer], 4096), 4096)
        equal(buffer[:], b'x' * 4096)
        buffer[:] = b'y' * 4096
        equal(os.pwritev(fd, [buffer], 4096), 4096)
        equal(os.pread(plain, 8192, 0), b'x' * 4096 + b'y' * 4096)
        os.pwrite(plain, b'z' * 4096, 0)
        equal(os.preadv(fd, [buffer], 0), 4096)
        equal(buffer[:], b'z' * 4096)


@check('a Unix socket is bound, connected to and removed')
def unix_socket(d):
    os.chdir(d)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind('socket')
        assert stat.S_ISSOCK(os.stat(b'socket').st_mode)
        server.listen()
        client.connect('socket')
    os.unlink(b'socket')


@check('a device node can be made by root')
def device_node(d):
    if os.geteuid() == 0:
        os.mknod(d + b'/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))


@check('a fifo passes bytes between processes')
def fifo(d):
    os.mkfifo(d + b'/fifo', 0o640)
    equal(stat.S_IMODE(os.stat(d + b'/fifo').st_mode), 0o640)
    pid = os.fork()
    if pid == 0:
        put(d + b'/fifo', b'through')
        os._exit(0)
    equal(get(d + b'/fifo'), b'through')
    os.waitpid(pid, 0)


@check('unknown ioctls are refused with ENOTTY, on files and on directories')
def ioctls(d):
    put(d + b'/a')
    for path in [d + b'/a', d]:
        with opened(path, os.O_RDONLY) as fd:
            for request in [0x5401, 0x7878]:
                expect_errno('ENOTTY', fcntl.ioctl, fd, request, bytes(64))
            # What lsattr asks for.
            code = code_of(fcntl.ioctl, fd, 0x80086601, bytes(8))
            assert code in ['ok', 'ENOTTY', 'EOPNOTSUPP'], code


@check('a descriptor that is only a path leads to its file, also to a symlink itself')
def path_descriptors(d):
    put(d + b'/a', b'content')
    os.symlink(b'a', d + b'/link')
    with opened(d + b'/link', os.O_PATH | os.O_NOFOLLOW) as fd:
        equal(os.readlink(b'', dir_fd=fd), b'a')
        assert stat.S_ISLNK(os.fstat(fd).st_mode)
        expect_errno('ELOOP', os.open, b'/proc/self/fd/%d' % fd, os.O_RDONLY | os.O_NOFOLLOW)
    with opened(d + b'/a', os.O_PATH) as fd:
        for act in [lambda: os.ftruncate(fd, 0), lambda: os.fchmod(fd, 0), lambda: os.fsync(fd)]:
            expect_errno('EBADF|EINVAL', act)
        os.rename(d + b'/a', d + b'/b')
        equal(os.readlink(b'/proc/self/fd/%d' % fd), os.path.realpath(d) + b'/b')
        os.unlink(d + b'/b')
        equal(os.fstat(fd).st_nlink, 0)
        equal(os.readlink(b'/proc/self/fd/%d' % fd)[-10:], b' (deleted)')
        equal(get(b'/proc/self/fd/%d' % fd), b'content')
