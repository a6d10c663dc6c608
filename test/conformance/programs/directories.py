"""Directories: listing them while they change, descriptors of them, deep ones."""


class Dirent(ctypes.Structure):
    _fields_ = [('ino', ctypes.c_ulong), ('off', ctypes.c_long), ('reclen', ctypes.c_ushort),
                ('type', ctypes.c_ubyte), ('name', ctypes.c_char * 256)]


libc.opendir.restype = libc.fdopendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.POINTER(Dirent)
libc.telldir.restype = ctypes.c_long
for function in [libc.readdir, libc.telldir, libc.rewinddir, libc.closedir]:
    function.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]


def next_name(stream):
    entry = libc.readdir(stream)
    return entry.contents.name if entry else None


def rest_of(stream):
    names = []
    while (name := next_name(stream)) is not None:
        names.append(name)
    return names


@check('seekdir returns to every place that telldir told')
def seek(d):
    for i in range(300):
        put(d + b'/name-%d' % i)
    stream = libc.opendir(d)
    places = []
    while True:
        place = libc.telldir(stream)
        name = next_name(stream)
        if name is None:
            break
        places.append((place, name))
    equal(len(places), 302)
    for place, name in places[::-7] + places[::11]:
        libc.seekdir(stream, place)
        equal(next_name(stream), name)
    libc.rewinddir(stream)
    equal(sorted(rest_of(stream)), sorted(name for _, name in places))
    libc.closedir(stream)


@check('names that stay are listed once each while others come and go')
def changing(d):
    for i in range(400):
        put(d + b'/stays-%d' % i)
        put(d + b'/goes-%d' % i)
    stream = libc.opendir(d)
    seen = [next_name(stream) for _ in range(100)]
    for i in range(400):
        os.unlink(d + b'/goes-%d' % i)
        put(d + b'/comes-%d' % i)
    seen += rest_of(stream)
    libc.closedir(stream)
    equal(len(seen), len(set(seen)), 'names listed')
    equal(len([name for name in seen if name.startswith(b'stays')]), 400)
    names = os.listdir(d)
    equal((len(names), len(set(names))), (800, 800))


@check('a directory is emptied by one walk that removes what it is given')
def remove_while_listing(d):
    for i in range(600):
        put(d + b'/%d' % i)
    stream = libc.opendir(d)
    while (name := next_name(stream)) is not None:
        if name not in (b'.', b'..'):
            os.unlink(d + b'/' + name)
    libc.closedir(stream)
    equal(os.listdir(d), [])


@check('listings show dots first to last, types as stat does, and names of any length')
def listing(d):
    put(d + b'/file')
    os.mkdir(d + b'/dir')
    os.symlink(b'dir', d + b'/link')
    os.mkfifo(d + b'/fifo')
    for length in range(1, 256, 3):
        put(d + b'/' + b'%03d' % length + b'x' * max(0, length - 3))
    stream = libc.opendir(d)
    types = {}
    while entry := libc.readdir(stream):
        types[entry.contents.name] = entry.contents.type
    libc.closedir(stream)
    assert b'.' in types and b'..' in types
    equal([types[x] for x in (b'file', b'dir', b'link', b'fifo')], [8, 4, 10, 1])
    equal(set(types) - {b'.', b'..'}, set(os.listdir(d)))


@check('listings tell the inode numbers that stat tells')
def inode_numbers(d):
    for i in range(20):
        put(d + b'/%d' % i)
    os.mkdir(d + b'/dir')
    with os.scandir(d) as entries:
        for entry in entries:
            equal(entry.inode(), os.lstat(entry.path).st_ino, entry.name)


@check('a removed directory that is open is empty, takes nothing and keeps its parent')
def removed(d):
    os.makedirs(d + b'/p/gone')
    with opened(d + b'/p/gone', os.O_RDONLY) as fd:
        os.rmdir(d + b'/p/gone')
        equal(os.fstat(fd).st_nlink, 0)
        equal(os.listdir(fd), [])
        for act in [lambda: os.open(b'x', os.O_CREAT | os.O_WRONLY, dir_fd=fd),
                    lambda: os.mkdir(b'x', dir_fd=fd), lambda: os.symlink(b'y', b'x', dir_fd=fd),
                    lambda: os.rename(d + b'/p', b'x', dst_dir_fd=fd)]:
            expect_errno('ENOENT', act)
        os.fchmod(fd, 0o700)
        os.utime(fd, ns=(1, 2))
        os.fsync(fd)


@check('a working directory is followed through renames and noticed when it is gone')
def working_directory(d):
    os.makedirs(d + b'/a/b')
    os.chdir(d + b'/a/b')
    os.rename(d + b'/a', d + b'/c')
    equal(os.getcwdb(), os.path.realpath(d) + b'/c/b')
    put(b'file', b'here')
    equal(get(d + b'/c/b/file'), b'here')
    os.unlink(b'file')
    os.rmdir(d + b'/c/b')
    expect_errno('ENOENT', os.getcwdb)
    expect_errno('ENOENT', os.open, b'x', os.O_CREAT | os.O_WRONLY)
    os.chdir(b'/')


@check('".." leads to the new parent after a directory has moved')
def parent(d):
    os.makedirs(d + b'/a/x')
    os.mkdir(d + b'/b')
    with opened(d + b'/a/x', os.O_RDONLY) as fd:
        os.rename(d + b'/a/x', d + b'/b/x')
        equal(os.stat(b'..', dir_fd=fd).st_ino, os.stat(d + b'/b').st_ino)
        os.mkdir(b'../made', dir_fd=fd)
    equal(sorted(os.listdir(d + b'/b')), [b'made', b'x'])


@check('a tree deeper than any path is walked in steps, and removed')
def deep(d):
    os.chdir(d)
    for i in range(200):
        os.mkdir(b'a-directory-%03d-of-a-deep-tree' % i)
        os.chdir(b'a-directory-%03d-of-a-deep-tree' % i)
    put(b'file', b'deep')
    equal(get(b'file'), b'deep')
    os.unlink(b'file')
    for i in reversed(range(200)):
        os.chdir(b'..')
        os.rmdir(b'a-directory-%03d-of-a-deep-tree' % i)
    equal(os.listdir(d), [])


@check('a path of 3,500 bytes can be made, opened, renamed and removed')
def long_path(d):
    path = d
    while len(path) < 3500:
        path += b'/' + b'component' * 20
        os.mkdir(path)
    put(path + b'/file', b'long')
    os.rename(path + b'/file', path + b'/name')
    equal(get(path + b'/name'), b'long')
    subprocess.check_call([b'rm', b'-r', d + b'/' + b'component' * 20])


@check('names of any bytes work in every call')
def any_bytes(d):
    names = [bytes([c]) * 3 for c in range(1, 256, 2) if c not in (46, 47)]
    for name in names:
        put(d + b'/' + name, name)
        os.link(d + b'/' + name, d + b'/l' + name)
        os.rename(d + b'/l' + name, d + b'/r' + name)
        os.symlink(name, d + b'/s' + name)
    equal(len(os.listdir(d)), 3 * len(names))
    for name in names:
        equal(get(d + b'/s' + name), name)
        os.unlink(d + b'/r' + name)
        os.truncate(d + b'/' + name, 1)
        equal(os.stat(d + b'/' + name).st_size, 1)


@check('statfs tells a space that is there, and the same from every path')
def space(d):
    put(d + b'/a')
    here, there = os.statvfs(d), os.statvfs(d + b'/a')
    for key in ['f_bsize', 'f_frsize', 'f_blocks', 'f_files', 'f_namemax']:
        equal(getattr(here, key), getattr(there, key), key)
    assert here.f_blocks >= here.f_bfree >= here.f_bavail > 0
    equal(here.f_namemax, 255)
    with opened(d + b'/a') as fd:
        equal(os.fstatvfs(fd).f_blocks, here.f_blocks)


@check('rewinddir, and a second listing of one descriptor, show what has changed since')
def rewinding(d):
    put(d + b'/old')
    stream = libc.opendir(d)
    equal(sorted(rest_of(stream)), [b'.', b'..', b'old'])
    put(d + b'/new')
    libc.rewinddir(stream)
    equal(sorted(rest_of(stream)), [b'.', b'..', b'new', b'old'])
    libc.closedir(stream)
    with opened(d, os.O_RDONLY) as fd:
        equal(sorted(os.listdir(fd)), ['new', 'old'])
        os.unlink(d + b'/old')
        equal(os.listdir(fd), ['new'])
        os.rename(d + b'/new', d + b'/newer')
        equal(os.listdir(fd), ['newer'])


@check('a directory is synchronized after each kind of change in it, and where nothing changed')
def synchronized(d):
    os.mkdir(d + b'/p')
    put(d + b'/p/a', b'content')
    with opened(d + b'/p', os.O_RDONLY | os.O_DIRECTORY) as fd:
        for act in [lambda: None, lambda: put(d + b'/p/b'), lambda: os.rename(d + b'/p/b', d + b'/p/a'),
                    lambda: os.unlink(d + b'/p/a'), lambda: os.mkdir(d + b'/p/c'),
                    lambda: os.rmdir(d + b'/p/c'), lambda: os.rename(d + b'/p', d + b'/q')]:
            act()
            os.fsync(fd)
            os.fdatasync(fd)
