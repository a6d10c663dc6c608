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


@check('record locks end with their process, are not inherited, and a circle of waiters gets EDEADLK')
def lock_lives(d):
    put(d + b'/a', b'x' * 10)
    with opened(d + b'/a') as fd:
        free = lambda at: in_child(lambda: code_of(
            fcntl.lockf, os.open(d + b'/a', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at))
        in_child(lambda: fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0))
        equal(free(0), 'ok')
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)
        def inherited():
            code = code_of(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
            os.close(fd)
            return code
        equal(in_child(inherited), 'EAGAIN')
        equal(free(0), 'EAGAIN')
        holding, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            mine = os.open(d + b'/a', os.O_RDWR)
            fcntl.lockf(mine, fcntl.LOCK_EX, 1, 1)
            os.write(told, b'x')
            fcntl.lockf(mine, fcntl.LOCK_EX, 1, 0)
            os._exit(0)
        os.read(holding, 1)
        while True:
            # Until the other one waits, there is no circle.
            code = code_of(fcntl.lockf, fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1)
            equal(code, 'EAGAIN')
            with open(f'/proc/{pid}/stat') as file:
                if file.read().rpartition(')')[2].split()[0] == 'S':
                    break
        expect_errno('EDEADLK|EDEADLOCK', fcntl.lockf, fd, fcntl.LOCK_EX, 1, 1)
        fcntl.lockf(fd, fcntl.LOCK_UN, 1, 0)
        equal(os.waitpid(pid, 0)[1], 0)


@check('processes that append to one file at a time neither overwrite nor tear each other')
def appending(d):
    def act(k):
        # The page boundaries fall into the records.
        record = b'%d' % k * 700 + b'\n'
        with opened(d + b'/a', os.O_WRONLY | os.O_CREAT | os.O_APPEND) as fd:
            for _ in range(60):
                equal(os.write(fd, record), len(record))
    equal(together(4, act), [None] * 4)
    lines = get(d + b'/a').splitlines()
    equal([lines.count(b'%d' % k * 700) for k in range(4)], [60] * 4)
    equal(len(lines), 240)


@check('processes that open one new name with O_CREAT get one file')
def one_file(d):
    def act(k):
        inos = []
        for i in range(40):
            with opened(d + b'/n%d' % i, os.O_RDWR | os.O_CREAT) as fd:
                os.pwrite(fd, b'%d' % k, k)
                inos.append(os.fstat(fd).st_ino)
        return inos
    answers = together(4, act)
    equal(answers, [answers[0]] * 4)
    for i in range(40):
        equal(get(d + b'/n%d' % i), b'0123')


@check('of processes that take one name away, one succeeds')
def taking(d):
    for act in [lambda k, p: os.rename(p, d + b'/taken-%d' % k), lambda k, p: os.unlink(p),
                lambda k, p: renameat2(p, d + b'/elsewhere/x%d' % k, 0)]:
        os.makedirs(d + b'/elsewhere', exist_ok=True)
        for i in range(30):
            put(d + b'/n%d' % i)
        answers = together(4, lambda k: [code_of(act, k, d + b'/n%d' % i) for i in range(30)])
        for outcomes in zip(*answers):
            equal(sorted(outcomes), ['ENOENT'] * 3 + ['ok'])


@check('a mapping of one process follows what another writes, cuts, extends and renames over')
def watched_mapping(d):
    size = 20_000
    put(d + b'/a', b'0' * size)
    to_parent, from_child = os.pipe()
    to_child, from_parent = os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = os.open(d + b'/a', os.O_RDONLY)
        mapped = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        while True:
            os.write(from_child, bytes([mapped[0], mapped[5000], mapped[size - 1]]))
            if os.read(to_child, 1) == b'.':
                os._exit(0)
    seen = lambda: os.read(to_parent, 3)
    equal(seen(), b'000')
    steps = [
        (lambda: os.chmod(d + b'/a', 0o600), b'000'),
        (lambda: put_at(d + b'/a', b'1', 5000), b'010'),
        (lambda: (os.truncate(d + b'/a', 5000), os.truncate(d + b'/a', size)), b'0\0\0'),
        (lambda: map_at(d + b'/a', b'2', size - 1), b'0\x002'),
        (lambda: (put(d + b'/b', b'9' * size), os.rename(d + b'/b', d + b'/a')), b'0\x002'),
        (lambda: put_at(d + b'/a', b'8', 0), b'0\x002'),
    ]
    for act, expected in steps:
        act()
        os.write(from_parent, b' ')
        equal(seen(), expected)
    os.write(from_parent, b'.')
    os.waitpid(pid, 0)
    equal(get(d + b'/a')[:2], b'89')


def put_at(path, data, at):
    with opened(path) as fd:
        os.pwrite(fd, data, at)


def map_at(path, data, at):
    with opened(path) as fd, mmap.mmap(fd, 0) as mapped:
        mapped[at:at + len(data)] = data


@check('readers of a file that is written anew see only bytes that were in it')
def rewriting(d):
    put(d + b'/a', b'A' * 9000)
    def act(k):
        if k < 2:
            for i in range(120):
                put(d + b'/a', (b'A' if i % 2 else b'B') * 9000)
            return 'AB'
        seen = set()
        for _ in range(300):
            seen |= set(get(d + b'/a'))
        return ''.join(sorted(chr(each) for each in seen))
    answers = together(4, act)
    # Two writers: between the truncation of one and the bytes of the other is a hole.
    assert all(set(each) <= set('AB\0') for each in answers), answers
    assert set(get(d + b'/a')) <= set(b'AB') and len(get(d + b'/a')) == 9000
