"""Several processes at a time: locks, races, watches."""


def lock_record(kind, start=0, length=0):
    return struct.pack('hhqqi4x', kind, os.SEEK_SET, start, length, 0)


F_OFD_GETLK, F_OFD_SETLK = 36, 37


@check('record locks keep other processes out of a range, and tell who holds it')
def record_locks(d):
    put(d + b'/a', b'x' * 100)
    with opened(d + b'/a') as fd:
        fcntl.lockf(fd, fcntl.LOCK_EX, 10, 20)
        def other():
            with opened(d + b'/a') as mine:
                attempt = lambda at: code_of(fcntl.lockf, mine, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, at)
                held = struct.unpack('hhqqi4x', fcntl.fcntl(mine, fcntl.F_GETLK, lock_record(1, 0, 100)))
                return [attempt(0), attempt(25), attempt(30), held[2:5]]
        equal(in_child(other), ['ok', 'EAGAIN', 'ok', [20, 10, os.getpid()]])
        # Closing any descriptor of the file gives the locks of the process up.
        with opened(d + b'/a'):
            pass
        equal(in_child(other)[:3], ['ok', 'ok', 'ok'])


@check('shared record locks go together, an exclusive one waits for them')
def shared_locks(d):
    put(d + b'/a')
    with opened(d + b'/a') as fd:
        fcntl.lockf(fd, fcntl.LOCK_SH)
        def other():
            with opened(d + b'/a') as mine:
                return [code_of(fcntl.lockf, mine, how | fcntl.LOCK_NB)
                        for how in (fcntl.LOCK_SH, fcntl.LOCK_EX)]
        equal(in_child(other), ['ok', 'EAGAIN'])


@check('locks of open file descriptions belong to the description')
def description_locks(d):
    put(d + b'/a')
    with opened(d + b'/a') as one, opened(d + b'/a') as two:
        fcntl.fcntl(one, F_OFD_SETLK, lock_record(fcntl.F_WRLCK))
        expect_errno('EAGAIN', fcntl.fcntl, two, F_OFD_SETLK, lock_record(fcntl.F_WRLCK))
        copy = os.dup(one)
        os.close(copy)
        expect_errno('EAGAIN', fcntl.fcntl, two, F_OFD_SETLK, lock_record(fcntl.F_RDLCK))
        fcntl.fcntl(one, F_OFD_SETLK, lock_record(fcntl.F_UNLCK))
        fcntl.fcntl(two, F_OFD_SETLK, lock_record(fcntl.F_WRLCK))


@check('flock is shared or exclusive, is changed, inherited, and survives rename and unlink')
def flocks(d):
    put(d + b'/a')
    with opened(d + b'/a') as fd:
        fcntl.flock(fd, fcntl.LOCK_SH)
        attempt = lambda path, how: in_child(lambda: code_of(
            fcntl.flock, os.open(path, os.O_RDONLY), how | fcntl.LOCK_NB))
        equal(attempt(d + b'/a', fcntl.LOCK_SH), 'ok')
        equal(attempt(d + b'/a', fcntl.LOCK_EX), 'EAGAIN')
        fcntl.flock(fd, fcntl.LOCK_EX)
        equal(attempt(d + b'/a', fcntl.LOCK_SH), 'EAGAIN')
        os.rename(d + b'/a', d + b'/b')
        equal(attempt(d + b'/b', fcntl.LOCK_SH), 'EAGAIN')
        os.link(d + b'/b', d + b'/c')
        equal(attempt(d + b'/c', fcntl.LOCK_SH), 'EAGAIN')
        os.unlink(d + b'/b')
        put(d + b'/b')
        equal(attempt(d + b'/b', fcntl.LOCK_EX), 'ok')
        equal(in_child(lambda: code_of(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)), 'ok')
    equal(attempt(d + b'/c', fcntl.LOCK_EX), 'ok')


@check('a process that waits for a lock gets it when it is released')
def waiting(d):
    put(d + b'/a', b'0')
    def count(_):
        for _ in range(25):
            with opened(d + b'/a') as fd:
                fcntl.lockf(fd, fcntl.LOCK_EX)
                value = int(os.pread(fd, 10, 0))
                os.pwrite(fd, b'%d' % (value + 1), 0)
                fcntl.lockf(fd, fcntl.LOCK_UN)
    together(4, count)
    equal(get(d + b'/a'), b'100')


@check('of many processes that create one name, one succeeds')
def exclusive(d):
    for act in [lambda p: os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_RDWR)), os.mkdir,
                lambda p: os.symlink(b'x', p), lambda p: os.link(d + b'/file', p),
                lambda p: renameat2(d + b'/file-%d' % os.getpid(), p, RENAME_NOREPLACE)]:
        put(d + b'/file')
        def attempt(k):
            codes = []
            for i in range(20):
                put(d + b'/file-%d' % os.getpid())
                codes.append(code_of(act, d + b'/n%d' % i))
            return codes
        answers = together(4, attempt)
        for outcomes in zip(*answers):
            equal(outcomes.count('ok'), 1, str(outcomes))
            assert set(outcomes) <= {'ok', 'EEXIST'}, outcomes
        subprocess.check_call(b'rm -r ' + d + b'/*', shell=True)


@check('a name that is replaced again and again is never missing and never half written')
def replacing(d):
    put(d + b'/a', b'0' * 5000)
    def act(k):
        if k < 2:
            for i in range(150):
                put(d + b'/new%d' % k, b'%d' % (i % 10) * 5000)
                os.rename(d + b'/new%d' % k, d + b'/a')
            return 'done'
        seen = set()
        for _ in range(400):
            content = get(d + b'/a')
            seen.add((len(content), len(set(content))))
        return sorted(seen)
    equal(together(4, act), ['done', 'done', [[5000, 1]], [[5000, 1]]])


@check('directories that several processes move around keep everything in them')
def storm(d):
    for k in range(4):
        os.makedirs(d + b'/p%d/x%d/y' % (k, k))
        put(d + b'/p%d/x%d/y/file' % (k, k), b'%d' % k)
    def act(k):
        import random
        chance = random.Random(k)
        allowed = {'ok', 'ENOENT', 'ENOTEMPTY', 'EINVAL', 'EEXIST'}
        for _ in range(150):
            source = d + b'/p%d/x%d' % (chance.randrange(4), chance.randrange(4))
            target = d + b'/p%d/x%d' % (chance.randrange(4), chance.randrange(4))
            if chance.random() < 0.3:
                code = code_of(renameat2, source, target, RENAME_EXCHANGE)
            elif chance.random() < 0.2:
                code = code_of(os.rename, source, target + b'/y')
            else:
                code = code_of(os.rename, source, target)
            if code not in allowed:
                return code
    equal(together(4, act), [None] * 4)
    files = sorted(get(os.path.join(at, b'file')) for at, _, names in os.walk(d) if b'file' in names)
    equal(files, [b'0', b'1', b'2', b'3'])


@check('files that many processes write, link and unlink at a time keep their bytes')
def churn(d):
    def act(k):
        for i in range(60):
            path, other = d + b'/f%d' % k, d + b'/shared%d' % (i % 3)
            put(path, b'%d:%d' % (k, i) * 500)
            if code_of(os.link, path, other) == 'EEXIST':
                code_of(os.unlink, other)
            with opened(path) as fd:
                os.unlink(path)
                equal(os.pread(fd, 100_000, 0), b'%d:%d' % (k, i) * 500)
                os.pwrite(fd, b'X', 0)
                equal(os.pread(fd, 1, 0), b'X')
        return 'ok'
    equal(together(4, act), ['ok'] * 4)
    for name in os.listdir(d):
        assert get(d + b'/' + name)[:1] == b'X', name


@check('inotify hears of everything that happens through the mount')
def watching(d):
    os.mkdir(d + b'/w')
    fd = checked(libc.inotify_init1(os.O_NONBLOCK))
    checked(libc.inotify_add_watch(fd, d + b'/w', 0xfff))
    def heard():
        kinds = {2: 'modify', 4: 'attrib', 8: 'close_write', 0x40: 'from', 0x80: 'to',
                 0x100: 'create', 0x200: 'delete'}
        events, data = [], os.read(fd, 65536)
        while data:
            _, mask, _, length = struct.unpack_from('iIII', data)
            if mask & 0xffff in kinds:
                events.append(f"{kinds[mask & 0xffff]} {data[16:16 + length].rstrip(bytes(1)).decode()}")
            data = data[16 + length:]
        return events
    put(d + b'/w/a', b'x')
    equal(heard(), ['create a', 'modify a', 'close_write a'])
    os.chmod(d + b'/w/a', 0o600)
    os.truncate(d + b'/w/a', 0)
    os.utime(d + b'/w/a')
    equal(heard(), ['attrib a', 'modify a', 'attrib a'])
    os.rename(d + b'/w/a', d + b'/w/b')
    os.link(d + b'/w/b', d + b'/w/c')
    os.mkdir(d + b'/w/d')
    events = heard()
    equal([each for each in events if 'attrib' not in each], ['from a', 'to b', 'create c', 'create d'])
    os.unlink(d + b'/w/c')
    os.rename(d + b'/w/b', d + b'/b')
    equal([each for each in heard() if 'attrib' not in each], ['delete c', 'from b'])
    os.close(fd)


@check('what a process writes before it is killed is there for others')
def killed(d):
    def writer():
        fd = os.open(d + b'/a', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'written')
        mapped = mmap.mmap(fd, 7)
        mapped[0] = 87
        os.kill(os.getpid(), signal.SIGKILL)
    in_child(writer)
    equal(get(d + b'/a'), b'Written')


@check('a pending wait in the file system is ended by a signal')
def interrupted(d):
    put(d + b'/a')
    with opened(d + b'/a') as fd:
        fcntl.flock(fd, fcntl.LOCK_EX)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            fcntl.flock(os.open(d + b'/a', os.O_RDWR), fcntl.LOCK_EX)
            os._exit(0)
        next_tick()
        os.kill(pid, signal.SIGTERM)
        equal(os.waitpid(pid, 0)[1], signal.SIGTERM.value)
