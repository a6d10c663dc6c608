"""What the programs of the conformance suite have at hand; `server.py` runs them with these names."""
import contextlib, ctypes, errno, fcntl, json, mmap, os, resource, select, signal, socket
import stat, struct, subprocess, sys, time

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x100, 0x400, 0x1000
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
O_DIRECT = 0o40000
GIB = 1 << 30

checks = {}


def check(name):
    """Declares a check: a function of the path of an empty directory that raises where it fails."""
    def declare(function):
        checks[name] = function
        return function
    return declare


def fail_as_errno():
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


def checked(result):
    return result if result >= 0 else fail_as_errno()


def renameat2(source, target, flags):
    checked(libc.renameat2(AT_FDCWD, source, AT_FDCWD, target, flags))


class Timespec(ctypes.Structure):
    _fields_ = [('seconds', ctypes.c_long), ('nanoseconds', ctypes.c_long)]


def utimensat(path, atime, mtime, flags=AT_SYMLINK_NOFOLLOW):
    """Times are pairs of seconds and nanoseconds; the latter may be UTIME_NOW or UTIME_OMIT."""
    times = (Timespec * 2)(Timespec(*atime), Timespec(*mtime))
    checked(libc.utimensat(AT_FDCWD, path, times, flags))


def hexed(argument):
    return bytes.fromhex(argument.decode())


def code_of(act, *args, **named):
    """The errno word that a call ends with; 'ok' where it succeeds."""
    try:
        act(*args, **named)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno)).replace('ENOTSUP', 'EOPNOTSUPP')
    return 'ok'


def expect_errno(expected, act, *args, **named):
    code = code_of(act, *args, **named)
    words = expected.split('|')
    assert code in words, f'{expected} was expected of {act.__name__}{args}, not {code}'


def equal(actual, expected, what=''):
    assert actual == expected, f'{what}: {actual!r} is not {expected!r}'


def put(path, content=b'', mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        while content:
            content = content[os.write(fd, content):]
    finally:
        os.close(fd)


def get(path):
    with open(path, 'rb') as file:
        return file.read()


@contextlib.contextmanager
def opened(path, flags=os.O_RDWR, mode=0o644):
    fd = os.open(path, flags, mode)
    try:
        yield fd
    finally:
        os.close(fd)


def in_child(act):
    """Runs `act` in a process of its own; what it returns, or what it raised as text."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            answer = json.dumps(act())
        except BaseException as error:
            answer = json.dumps(f'raised {error!r}')
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, 'rb') as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(text) if text else f'status {status}'


def together(count, act):
    """Runs `act(k)` in `count` processes that start at once; their answers in order of k."""
    gate, opening = os.pipe()
    pids, pipes = [], []
    for k in range(count):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opening)
            os.read(gate, 1)
            try:
                answer = json.dumps(act(k))
            except BaseException as error:
                answer = json.dumps(f'raised {error!r}')
            os.write(writing, answer.encode())
            os._exit(0)
        os.close(writing)
        pids.append(pid)
        pipes.append(reading)
    os.close(opening)
    os.close(gate)
    answers = []
    for pid, reading in zip(pids, pipes):
        with os.fdopen(reading, 'rb') as pipe:
            answers.append(json.loads(pipe.read() or b'"nothing"'))
        os.waitpid(pid, 0)
    return answers


def next_tick():
    """Time stamps are as coarse as a tick of the kernel."""
    time.sleep(0.012)
