"""One of several processes that do the same random operations on a mount and on a plain directory.

    python3 mount-worker.py MOUNT PLAIN LOCK WORKER SEED OPERATIONS

Both must answer alike: the same bytes, the same errno, the same attributes. Each worker has a
directory of its own; what is in `shared` is for all, one at a time (LOCK). Prints one line of JSON.
"""
import json, os, random, sys, traceback

here = os.path.dirname(os.path.abspath(__file__))
with open(f'{here}/../conformance/programs/prelude.py') as source:
    exec(compile(source.read(), 'prelude.py', 'exec'))

names = [b'a', b'b', b'c', b'd', b'\xff\x80', b'name.json']
size_max = 60_000
operations_per_comparison = 100
renames_of_a_storm = 12


class Held:
    """A file that is open on both sides, perhaps mapped, perhaps without a name by now."""

    def __init__(self, fds):
        self.fds = fds
        self.maps = None

    def close(self):
        for each in self.maps or []:
            each.close()
        for fd in self.fds:
            os.close(fd)


class Worker:
    def __init__(self, sides, worker, seed):
        self.sides = sides
        self.chance = random.Random(f'{seed}/{worker}')
        self.own = b'w%d' % worker
        self.area = self.own
        self.held = {self.own: [], b'shared': []}
        self.log = []
        self.done = 0
        self.counts = {}

    # What both sides answer must be equal; an error is an answer, too.
    def both(self, what, act, *, quiet=False):
        answers = [self.answer(act, side) for side in (0, 1)]
        if not quiet:
            self.log.append(f'{self.done} {what}: {str(answers[1])[:60]}')
        if answers[0] != answers[1]:
            raise AssertionError(f'{what}: the mount answers {short(answers[0])}, not {short(answers[1])}')
        return answers[1]

    def answer(self, act, side):
        try:
            return act(side)
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error.errno))

    def path(self):
        depth = self.chance.choice([1, 1, 1, 2, 2, 3])
        return b'/'.join([self.area] + [self.chance.choice(names) for _ in range(depth)])

    def at(self, side, path):
        return self.sides[side] + b'/' + path

    def data(self):
        return self.chance.randbytes(self.chance.choice([1, 10, 500, 4096, 9000, 30_000]))

    def step(self):
        kind = self.chance.choices(kinds, weights)[0]
        self.counts[kind.__name__] = self.counts.get(kind.__name__, 0) + 1
        kind(self)
        self.done += 1

    def some_held(self):
        mine = self.held[self.area]
        return self.chance.choice(mine) if mine else None

    def compare(self):
        self.both('tree', lambda side: tree_of(self.sides[side], self.area), quiet=True)
        for held in self.held[self.area]:
            self.both('held', lambda side: content_of(held.fds[side]), quiet=True)


def short(answer):
    text = repr(answer)
    return text if len(text) < 300 else f'{text[:300]}… ({len(text)} characters)'


def content_of(fd):
    stats = os.fstat(fd)
    return [stats.st_size, stats.st_nlink, stats.st_mode, os.pread(fd, stats.st_size + 1, 0)]


def tree_of(root, area):
    """Everything that is seen below: type, mode, links, size, content, which names are one file."""
    tree, names_of = {}, {}
    for at, directories, files in os.walk(root + b'/' + area):
        for name in directories + files:
            path = at + b'/' + name
            stats = os.lstat(path)
            shown = path[len(root):]
            entry = [stats.st_mode, stats.st_nlink]
            if stat.S_ISLNK(stats.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(stats.st_mode):
                entry += [stats.st_size, get(path)]
                names_of.setdefault(stats.st_ino, []).append(shown)
            tree[shown] = entry
    return tree, sorted(sorted(each) for each in names_of.values())


def write(w):
    path, data, at = w.path(), w.data(), w.chance.randrange(size_max)
    flags = os.O_RDWR | w.chance.choice([os.O_CREAT, os.O_CREAT, 0, os.O_CREAT | os.O_TRUNC])
    append = os.O_APPEND if w.chance.random() < 0.2 else 0
    mode = w.chance.choice([0o644, 0o755, 0o444])
    def act(side):
        with opened(w.at(side, path), flags | append, mode) as fd:
            if append and os.fstat(fd).st_size > size_max:
                return 'full'
            return os.pwrite(fd, data, at), os.fstat(fd).st_size
    w.both(f'write {path} {len(data)}@{at} {flags | append:o}', act)


def read(w):
    path = w.path()
    w.both(f'read {path}', lambda side: get(w.at(side, path)))


def truncate(w):
    path, size = w.path(), w.chance.randrange(size_max)
    w.both(f'truncate {path} {size}', lambda side: os.truncate(w.at(side, path), size))


def map_write(w):
    path, data, at = w.path(), w.data(), w.chance.randrange(size_max)
    flush, size = w.chance.random() < 0.5, w.chance.randrange(1, size_max)
    def act(side):
        with opened(w.at(side, path)) as fd:
            if os.fstat(fd).st_size == 0:
                os.ftruncate(fd, size)
            length = os.fstat(fd).st_size
            with mmap.mmap(fd, length) as mapped:
                start = at % length
                end = min(length, start + len(data))
                mapped[start:end] = data[:end - start]
                if flush:
                    mapped.flush()
                return mapped[:100], os.pread(fd, end - start, start)
    w.both(f'map {path} {len(data)}@{at}', act)


def rename(w):
    source, target = w.path(), w.path()
    flags = w.chance.choice([0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE])
    w.both(f'rename {source} {target} {flags}',
           lambda side: renameat2(w.at(side, source), w.at(side, target), flags))


def storm(w):
    pairs = [(w.path(), w.path()) for _ in range(renames_of_a_storm)]
    def act(side):
        return [code_of(os.rename, w.at(side, a), w.at(side, b)) for a, b in pairs]
    w.both(f'storm {pairs}', act)


def replace(w):
    """As programs save: a new file, synchronized or not, renamed over the old one."""
    path, data, sync = w.path(), w.data(), w.chance.random() < 0.2
    def act(side):
        new = w.at(side, path) + b'.new'
        put(new, data)
        if sync:
            with opened(new) as fd:
                os.fsync(fd)
        code = code_of(os.rename, new, w.at(side, path))
        if code != 'ok':
            os.unlink(new)
        return code
    w.both(f'replace {path} {len(data)}', act)


def unlink(w):
    path = w.path()
    w.both(f'unlink {path}', lambda side: os.unlink(w.at(side, path)))


def mkdir(w):
    path, mode = w.path(), w.chance.choice([0o755, 0o700])
    w.both(f'mkdir {path}', lambda side: os.mkdir(w.at(side, path), mode))


def rmdir(w):
    path = w.path()
    w.both(f'rmdir {path}', lambda side: os.rmdir(w.at(side, path)))


def remove_tree(w):
    path = w.path()
    def act(side):
        for at, directories, files in os.walk(w.at(side, path), topdown=False):
            for name in files:
                os.unlink(at + b'/' + name)
            for name in directories:
                directory = at + b'/' + name
                os.unlink(directory) if os.path.islink(directory) else os.rmdir(directory)
    w.both(f'remove tree {path}', act)


def link(w):
    source, target = w.path(), w.path()
    w.both(f'link {source} {target}', lambda side: os.link(
        w.at(side, source), w.at(side, target), follow_symlinks=False))


def symlink(w):
    path, target = w.path(), w.chance.choice(names + [b'./c', b'../a', b'a/b'])
    w.both(f'symlink {target} {path}', lambda side: os.symlink(target, w.at(side, path)))


def attributes(w):
    path, mode = w.path(), w.chance.choice([0o644, 0o755, 0o600, 0o2755, 0o444])
    when = w.chance.randrange(1, 4 * 10**18)
    def act(side):
        where = w.at(side, path)
        if os.path.islink(where):
            return 'a symlink'
        os.chmod(where, mode)
        os.utime(where, ns=(when, when + 1))
        stats = os.stat(where)
        return stats.st_mode, stats.st_mtime_ns, stats.st_atime_ns
    w.both(f'attributes {path} {mode:o} {when}', act)


def look(w):
    path = w.path()
    def act(side):
        s = os.lstat(w.at(side, path))
        size = s.st_size if stat.S_ISREG(s.st_mode) else 0
        listing = sorted(os.listdir(w.at(side, path))) if stat.S_ISDIR(s.st_mode) else None
        return s.st_mode, s.st_nlink, size, listing
    w.both(f'look {path}', act)


def hold(w):
    path, flags = w.path(), os.O_RDWR | w.chance.choice([0, os.O_CREAT])
    fds = []
    def act(side):
        fds.append(os.open(w.at(side, path), flags, 0o644))
    w.both(f'hold {path} {flags:o}', act)
    if len(fds) == 2:
        w.held[w.area].append(Held(fds))
        if len(w.held[w.area]) > 6:
            w.held[w.area].pop(w.chance.randrange(6)).close()


def hold_temporary(w):
    """A file that never had a name for long."""
    fds, data = [], w.data()
    def act(side):
        path = w.at(side, w.area) + b'/.temporary'
        fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)
        return os.pwrite(fds[-1], data, 100)
    w.both('temporary', act)
    w.held[w.area].append(Held(fds))


def use_held(w):
    held = w.some_held()
    if held is None:
        return
    data, at = w.data(), w.chance.randrange(size_max)
    kind = w.chance.choice(['write', 'write', 'truncate', 'sync', 'stat', 'allocate', 'chmod'])
    def act(side):
        fd = held.fds[side]
        if kind == 'write':
            os.pwrite(fd, data, at)
        elif kind == 'truncate' and held.maps is None:
            os.ftruncate(fd, at)
        elif kind == 'sync':
            os.fsync(fd)
        elif kind == 'allocate':
            os.posix_fallocate(fd, at, len(data))
        elif kind == 'chmod':
            os.fchmod(fd, 0o640)
        return content_of(fd)
    w.both(f'held {kind} {len(data)}@{at}', act)


def map_held(w):
    """A mapping that stays, through unlink, rename, copy-up and adoption."""
    held = w.some_held()
    if held is None or held.maps is not None:
        return
    size = w.chance.randrange(1, size_max)
    def act(side):
        if os.fstat(held.fds[side]).st_size < size:
            os.ftruncate(held.fds[side], size)
    w.both(f'map held {size}', act)
    held.maps = [mmap.mmap(fd, size) for fd in held.fds]


def use_map(w):
    held = next((each for each in w.held[w.area] if each.maps), None)
    if held is None:
        return
    # It may have been truncated under the mapping, by another name or another worker.
    size = min(os.fstat(held.fds[1]).st_size, len(held.maps[1]))
    if size == 0:
        return
    start, data = w.chance.randrange(size), w.data()
    end = min(size, start + len(data))
    def act(side):
        before = held.maps[side][start:end]
        held.maps[side][start:end] = data[:end - start]
        return before, os.pread(held.fds[side], end - start, start)
    w.both(f'mapped write {start}..{end}', act)


def copy(w):
    one, two = w.some_held(), w.some_held()
    if one is None or one is two:
        return
    length, at = w.chance.randrange(1, 20_000), w.chance.randrange(size_max)
    def act(side):
        done = os.copy_file_range(one.fds[side], two.fds[side], length, 0, at)
        return done, content_of(two.fds[side])
    w.both(f'copy {length}@{at}', act)


def release(w):
    if w.held[w.area]:
        w.held[w.area].pop(w.chance.randrange(len(w.held[w.area]))).close()


weighted = {
    write: 14, read: 6, truncate: 4, map_write: 6, rename: 10, storm: 2, replace: 6, unlink: 5,
    mkdir: 6, rmdir: 2, remove_tree: 1, link: 6, symlink: 2, attributes: 4, look: 6, hold: 5,
    hold_temporary: 1, use_held: 8, map_held: 2, use_map: 4, copy: 2, release: 4,
}
kinds, weights = list(weighted), list(weighted.values())


def turn(w, lock):
    """Some operations in the worker's own directory, or in the shared one while nobody else is."""
    w.area = b'shared' if w.chance.random() < 0.3 else w.own
    count = w.chance.randrange(5, 40)
    if w.area == b'shared':
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        for _ in range(count):
            w.step()
            if w.done % operations_per_comparison == 0:
                w.compare()
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def main():
    mount, plain, lock_path, worker, seed, operations = sys.argv[1:]
    w = Worker([os.fsencode(mount), os.fsencode(plain)], int(worker), seed)
    verdict = {}
    try:
        with opened(os.fsencode(lock_path)) as lock:
            while w.done < int(operations):
                turn(w, lock)
            for w.area in w.held:
                fcntl.flock(lock, fcntl.LOCK_EX)
                w.compare()
                fcntl.flock(lock, fcntl.LOCK_UN)
                for each in w.held[w.area]:
                    each.close()
    except BaseException:
        verdict = {'failure': traceback.format_exc(), 'log': w.log[-40:]}
    print(json.dumps({'operations': w.done, 'counts': w.counts, **verdict}))


main()
