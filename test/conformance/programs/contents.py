"""Contents of files: holes, mappings, appending, copying in the kernel, programs."""
import random


@check('bytes behind the end, between and across 2 and 4 GiB are kept, holes read as zeros')
def far_bytes(d):
    with opened(d + b'/a', os.O_RDWR | os.O_CREAT) as fd:
        for at in [2 * GIB - 3, 4 * GIB - 3, 4 * GIB + 4096 * 7 + 1]:
            equal(os.pwrite(fd, b'across', at), 6)
            equal(os.fstat(fd).st_size, at + 6)
        for at in [2 * GIB - 3, 4 * GIB - 3, 4 * GIB + 4096 * 7 + 1]:
            equal(os.pread(fd, 10, at - 2)[:8], b'\0\0across')
        equal(os.pread(fd, 10, 3 * GIB), bytes(10))
        equal(os.lseek(fd, 0, os.SEEK_END), 4 * GIB + 4096 * 7 + 7)
        os.ftruncate(fd, 4 * GIB - 1)
        equal(os.pread(fd, 10, 4 * GIB - 4), b'\0ac')
        os.ftruncate(fd, 4 * GIB + 10)
        equal(os.pread(fd, 20, 4 * GIB - 4), b'\0ac' + bytes(11))
        assert os.fstat(fd).st_blocks < 2048, 'the file is not sparse'


@check('SEEK_DATA and SEEK_HOLE never pass over data')
def seek_holes(d):
    with opened(d + b'/a', os.O_RDWR | os.O_CREAT) as fd:
        os.pwrite(fd, b'x' * 4096, 65536)
        os.pwrite(fd, b'x' * 4096, 1 << 20)
        at, found = 0, b''
        size = os.fstat(fd).st_size
        while at < size and code_of(os.lseek, fd, at, os.SEEK_DATA) == 'ok':
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, start, os.SEEK_HOLE)
            found += os.pread(fd, at - start, start)
        equal(found.count(b'x'), 8192)
        equal(os.lseek(fd, 0, os.SEEK_HOLE) <= size, True)


@check('random reads, writes, truncations and mappings of one file agree with a model (fsx)')
def fsx(d):
    for seed in range(3):
        chance = random.Random(seed)
        model = bytearray()
        path = d + b'/fsx%d' % seed
        with opened(path, os.O_RDWR | os.O_CREAT) as fd, opened(path) as other:
            for step in range(250):
                model = fsx_step(chance, model, fd if chance.random() < 0.7 else other)
                if step % 10 == 0:
                    equal(get(path) == bytes(model), True, f'content, seed {seed} step {step}')
        equal(get(path) == bytes(model), True, f'content, seed {seed}')


def fsx_step(chance, model, fd):
    size_max = 150_000
    at = chance.randrange(size_max)
    length = chance.randrange(1, 20_000)
    kind = chance.choice(['write', 'write', 'read', 'truncate', 'map', 'mapread', 'copy', 'sync'])
    if kind == 'write' or (kind == 'copy' and not model):
        data = chance.randbytes(length)
        os.pwrite(fd, data, at)
        model = model.ljust(at, b'\0')
        model[at:at + length] = data
    elif kind == 'read':
        equal(os.pread(fd, length, at) == bytes(model[at:at + length]), True, f'read at {at}')
    elif kind == 'truncate':
        os.ftruncate(fd, at)
        model = model[:at].ljust(at, b'\0')
    elif kind == 'copy':
        source = chance.randrange(len(model))
        target = max(source + length, at)
        done = os.copy_file_range(fd, fd, length, source, target)
        model = model.ljust(target, b'\0')
        model[target:target + done] = model[source:source + done]
    elif kind == 'sync':
        chance.choice([os.fsync, os.fdatasync])(fd)
    elif model:
        with mmap.mmap(fd, len(model)) as mapped:
            start = chance.randrange(len(model))
            end = min(len(model), start + length)
            if kind == 'map':
                data = chance.randbytes(end - start)
                mapped[start:end] = data
                model[start:end] = data
                if chance.random() < 0.5:
                    mapped.flush()
            equal(mapped[start:end] == bytes(model[start:end]), True, f'mapped at {start}')
    return model


@check('a private mapping does not write to the file, a shared one is one memory for all')
def mappings(d):
    put(d + b'/a', b'x' * 10000)
    with opened(d + b'/a') as fd:
        private = mmap.mmap(fd, 10000, mmap.MAP_PRIVATE)
        shared, again = mmap.mmap(fd, 10000), mmap.mmap(fd, 10000)
        private[0:4] = b'mine'
        shared[100:104] = b'ours'
        equal(again[100:104], b'ours')
        equal(get(d + b'/a')[:200], b'x' * 100 + b'ours' + b'x' * 96)
        os.pwrite(fd, b'written', 5000)
        equal(shared[5000:5007], b'written')
        equal(private[0:4], b'mine')
        def other():
            with opened(d + b'/a') as mine, mmap.mmap(mine, 10000) as mapped:
                mapped[200:205] = b'child'
                return os.pread(mine, 4, 100).decode()
        equal(in_child(other), 'ours')
        equal(shared[200:205], b'child')
        equal(os.pread(fd, 5, 200), b'child')


@check('a mapping shows zeros behind the end of the file, and none of it enters the file')
def mapping_tail(d):
    put(d + b'/a', b'x' * 5000)
    with opened(d + b'/a') as fd, mmap.mmap(fd, 5000) as mapped:
        # Python bounds the access, the page does not end there.
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        equal(ctypes.string_at(address + 5000, 100), bytes(100))
        ctypes.memset(address + 6000, 65, 10)
        libc.msync(ctypes.c_void_p(address), 8192, 4)
        equal(os.fstat(fd).st_size, 5000)
        os.ftruncate(fd, 8000)
        equal(os.pread(fd, 3000, 5000), bytes(3000))


@check('touching a mapping behind the last page of a file ends the process with SIGBUS')
def mapping_beyond(d):
    put(d + b'/a', b'x' * 20000)
    def touch():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with opened(d + b'/a') as fd:
            mapped = mmap.mmap(fd, 20000)
            os.truncate(d + b'/a', 4096)
            equal(mapped[0], 120)
            return mapped[10000]
    equal(in_child(touch), f'status {signal.SIGBUS.value}')


@check('a file that shrinks and grows under a mapping shows zeros where it was cut')
def mapping_truncated(d):
    put(d + b'/a', b'x' * 20000)
    with opened(d + b'/a') as fd, mmap.mmap(fd, 20000) as mapped:
        equal(mapped[19999], 120)
        os.ftruncate(fd, 5001)
        os.ftruncate(fd, 20000)
        equal(mapped[4999:5003], b'xx\0\0')
        equal(mapped[12000], 0)
        mapped[12000] = 90
        mapped.flush()
        equal(os.pread(fd, 3, 11999), b'\0Z\0')


@check('what was written through a mapping is there after the mapping, the file and fsync are gone')
def mapping_kept(d):
    size = 3_000_000
    with opened(d + b'/a', os.O_RDWR | os.O_CREAT) as fd:
        os.ftruncate(fd, size)
        with mmap.mmap(fd, size) as mapped:
            for at in range(0, size, 4096):
                mapped[at:at + 8] = struct.pack('<Q', at)
    os.rename(d + b'/a', d + b'/b')
    content = get(d + b'/b')
    equal(len(content), size)
    for at in range(0, size, 4096):
        equal(struct.unpack_from('<Q', content, at)[0], at)


@check('O_APPEND writes to the end, wherever the position is and whoever else writes')
def append(d):
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with opened(d + b'/a', flags) as one, opened(d + b'/a', flags) as two, opened(d + b'/a') as fd:
        os.write(one, b'one ')
        os.write(two, b'two ')
        os.lseek(one, 0, os.SEEK_SET)
        os.write(one, b'three ')
        os.ftruncate(fd, 4)
        os.write(two, b'four ')
        # As Linux has it, pwrite(2) appends, too.
        os.pwrite(one, b'five', 0)
        equal(os.pread(fd, 100, 0), b'one four five')
        fcntl.fcntl(one, fcntl.F_SETFL, 0)
        os.pwrite(one, b'ONE', 0)
        equal(os.pread(fd, 3, 0), b'ONE')


@check('duplicates of a descriptor share its position, another opening does not')
def duplicates(d):
    put(d + b'/a', b'0123456789')
    with opened(d + b'/a') as fd, opened(d + b'/a') as other:
        copy = os.dup(fd)
        equal((os.read(fd, 3), os.read(copy, 3), os.read(other, 3)), (b'012', b'345', b'012'))
        os.close(fd)
        equal(os.read(copy, 3), b'678')
        os.dup2(copy, fd)
        def child():
            os.lseek(copy, 1, os.SEEK_SET)
        in_child(child)
        equal(os.read(copy, 2), b'12')
        os.close(copy)


@check('an unlinked file is reached through /proc, and cannot be linked again')
def unlinked(d):
    put(d + b'/a', b'content')
    with opened(d + b'/a') as fd:
        os.unlink(d + b'/a')
        path = b'/proc/self/fd/%d' % fd
        equal(get(path), b'content')
        with opened(path) as again:
            os.pwrite(again, b'C', 0)
        os.truncate(path, 4)
        os.chmod(path, 0o600)
        equal((os.pread(fd, 10, 0), stat.S_IMODE(os.fstat(fd).st_mode)), (b'Cont', 0o600))
        expect_errno('ENOENT', lambda: checked(
            libc.linkat(AT_FDCWD, path, AT_FDCWD, d + b'/b', AT_SYMLINK_FOLLOW)))
        with mmap.mmap(fd, 4) as mapped:
            mapped[0] = 99
        equal(os.pread(fd, 4, 0), b'cont')
        os.fsync(fd)
        os.posix_fallocate(fd, 0, 10)
        equal(os.fstat(fd).st_size, 10)


@check('bytes are copied by copy_file_range, sendfile and splice, also from and to elsewhere')
def copying(d):
    data = random.Random(1).randbytes(300_000)
    put(d + b'/a', data)
    with opened(d + b'/a') as source, opened(d + b'/b', os.O_RDWR | os.O_CREAT) as target:
        equal(os.copy_file_range(source, target, 100_000, 0, 50), 100_000)
        equal(os.pread(target, 100_050, 0), bytes(50) + data[:100_000])
        equal(os.copy_file_range(source, target, 10, 300_000), 0)
        reading, writing = os.pipe()
        moved = os.splice(source, writing, 50_000, offset_src=1000)
        equal(os.splice(reading, target, moved, offset_dst=200_000), moved)
        equal(os.pread(target, moved, 200_000), data[1000:1000 + moved])
        os.close(reading), os.close(writing)
        elsewhere = os.memfd_create('elsewhere')
        equal(os.sendfile(elsewhere, source, 0, 300_000), 300_000)
        equal(os.pread(elsewhere, 300_000, 0), data)
        os.lseek(target, 0, os.SEEK_SET)
        equal(os.sendfile(target, elsewhere, 0, 300_000), 300_000)
        equal(os.pread(target, 300_000, 0), data)
        os.close(elsewhere)
    with opened(d + b'/a', os.O_RDWR | os.O_APPEND) as target, opened(d + b'/b') as source:
        expect_errno('EBADF', os.copy_file_range, source, target, 10)


@check('vectors, positions and flags of preadv and pwritev are honoured')
def vectors(d):
    with opened(d + b'/a', os.O_RDWR | os.O_CREAT) as fd:
        equal(os.pwritev(fd, [b'one', b'', b'two', b'three'], 5), 11)
        into = [bytearray(4), bytearray(20)]
        equal(os.preadv(fd, into, 4), 12)
        equal(bytes(into[0]) + bytes(into[1][:8]), b'\0onetwothree')
        os.pwritev(fd, [b'!'], 16, os.RWF_DSYNC)
        equal(os.fstat(fd).st_size, 17)


@check('synchronous writes, fdatasync, sync_file_range, syncfs and advice succeed')
def synchronizing(d):
    with opened(d + b'/a', os.O_RDWR | os.O_CREAT | os.O_SYNC) as fd:
        os.write(fd, b'x' * 10000)
        os.fdatasync(fd)
        checked(libc.sync_file_range(fd, ctypes.c_long(0), ctypes.c_long(0), 7))
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        checked(libc.readahead(fd, ctypes.c_long(0), ctypes.c_size_t(10000)))
        checked(libc.syncfs(fd))
        equal(os.pread(fd, 10, 9995), b'x' * 5)


@check('a program runs right after it was written, and cannot be written while it runs')
def programs(d):
    import shutil
    for i in range(5):
        shutil.copy('/bin/sleep', d + b'/p%d' % i)
        os.chmod(d + b'/p%d' % i, 0o755)
        equal(subprocess.call([d + b'/p%d' % i, '0']), 0)
    with opened(d + b'/p0', os.O_WRONLY):
        expect_errno('ETXTBSY', subprocess.call, [d + b'/p0', '0'])
    running = subprocess.Popen([d + b'/p1', '60'])
    expect_errno('ETXTBSY', os.open, d + b'/p1', os.O_WRONLY)
    expect_errno('ETXTBSY', os.truncate, d + b'/p1', 0)
    os.rename(d + b'/p2', d + b'/p1')
    equal(subprocess.call([d + b'/p1', '0']), 0)
    equal(running.poll(), None)
    running.kill()
    running.wait()


@check('a file without execute permission does not run, nor does what is no program')
def not_programs(d):
    put(d + b'/a', b'#!/bin/sh\nexit 3\n')
    expect_errno('EACCES', subprocess.call, [d + b'/a'])
    os.chmod(d + b'/a', 0o755)
    equal(subprocess.call([d + b'/a']), 3)
    put(d + b'/b', b'\0\1\2')
    os.chmod(d + b'/b', 0o755)
    expect_errno('ENOEXEC', subprocess.call, [d + b'/b'])
    os.chmod(d, 0o755)
    expect_errno('EACCES', subprocess.call, [d])


@check('copy_file_range refuses ranges that overlap, a clone is one or is refused')
def clones(d):
    put(d + b'/a', b'x' * 10_000)
    with opened(d + b'/a') as fd, opened(d + b'/b', os.O_RDWR | os.O_CREAT) as other:
        expect_errno('EINVAL', os.copy_file_range, fd, fd, 5000, 0, 1000)
        equal(os.copy_file_range(fd, fd, 5000, 0, 20_000), 5000)
        equal(os.pread(fd, 30_000, 0), b'x' * 10_000 + bytes(10_000) + b'x' * 5000)
        code = code_of(fcntl.ioctl, other, 0x40049409, fd)
        assert code in ['ok', 'EOPNOTSUPP', 'ENOTTY', 'EXDEV'], code
        equal(os.fstat(other).st_size, 25_000 if code == 'ok' else 0)
    subprocess.check_call([b'cp', b'--reflink=auto', b'--sparse=always', d + b'/a', d + b'/c'])
    equal(get(d + b'/c') == get(d + b'/a'), True)
    expect_errno('EISDIR|EBADF|EINVAL', lambda: os.copy_file_range(os.open(d, os.O_RDONLY), 1, 1))


@check('a file with bytes in it takes blocks, an empty one takes none')
def blocks(d):
    put(d + b'/empty')
    put(d + b'/full', b'x' * 100_000)
    equal(os.stat(d + b'/empty').st_blocks, 0)
    s = os.stat(d + b'/full')
    assert 100_000 <= s.st_blocks * 512 <= 200_000, s.st_blocks
    assert s.st_blksize >= 512 and s.st_blksize & (s.st_blksize - 1) == 0, s.st_blksize
    with opened(d + b'/mapped', os.O_RDWR | os.O_CREAT) as fd:
        os.ftruncate(fd, 100_000)
        with mmap.mmap(fd, 100_000) as mapped:
            mapped[:] = b'x' * 100_000
            mapped.flush()
        assert os.fstat(fd).st_blocks * 512 >= 100_000
    equal(len({os.stat(d + name).st_dev for name in [b'', b'/empty', b'/full', b'/mapped']}), 1)


@check('a file is ready for reading and writing at all times, and polled as such')
def polling(d):
    put(d + b'/a', b'x')
    with opened(d + b'/a') as fd:
        equal(select.select([fd], [fd], [], 5)[:2], ([fd], [fd]))
        waiting = select.poll()
        waiting.register(fd, select.POLLIN | select.POLLOUT)
        equal(waiting.poll(5000), [(fd, select.POLLIN | select.POLLOUT)])
        with select.epoll() as events:
            if code_of(events.register, fd, select.EPOLLIN) != 'EPERM':
                equal(events.poll(5), [(fd, select.EPOLLIN)])
