"""What programs do that people use every day: databases, archives, version control, builds."""
import shutil, sqlite3, tempfile


@check('SQLite keeps what several processes insert, with a rollback journal and a write-ahead log')
def sqlite(d):
    for mode in ['DELETE', 'WAL']:
        path = os.fsdecode(d) + f'/{mode}.db'
        with contextlib.closing(sqlite3.connect(path)) as database:
            equal(database.execute(f'PRAGMA journal_mode = {mode}').fetchone()[0], mode.lower())
            database.execute('PRAGMA mmap_size = 1000000')
            database.execute('CREATE TABLE t (k INTEGER, i INTEGER, PRIMARY KEY (k, i))')
        def insert(k):
            database = sqlite3.connect(path, timeout=50)
            database.execute('PRAGMA synchronous = NORMAL')
            for i in range(5):
                with database:
                    database.execute('INSERT INTO t VALUES (?, ?)', (k, i))
            return database.execute('SELECT count(*) FROM t WHERE k = ?', (k,)).fetchone()[0]
        equal(together(3, insert), [5, 5, 5], mode)
        with contextlib.closing(sqlite3.connect(path)) as database:
            equal(database.execute('PRAGMA integrity_check').fetchone()[0], 'ok', mode)
            equal(database.execute('SELECT count(*) FROM t').fetchone()[0], 15, mode)
            with contextlib.suppress(ZeroDivisionError), database:
                database.execute('DELETE FROM t')
                database.execute('INSERT INTO t VALUES (9, 9)')
                1 / 0
            equal(database.execute('SELECT count(*) FROM t').fetchone()[0], 15, mode)


def git(directory, *words):
    settings = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'gc.auto=0']
    words = [b'git', b'-C', directory, *map(os.fsencode, settings + list(words))]
    return subprocess.run(words, check=True, capture_output=True).stdout


@check('git commits, switches, packs, and clones by hard links')
def repository(d):
    a, b = d + b'/a', d + b'/b'
    os.mkdir(a)
    git(a, 'init', '--quiet', '--initial-branch=main')
    for i in range(12):
        put(a + b'/file-%d' % i, b'%d\n' % i * 100)
    os.symlink(b'file-1', a + b'/link')
    git(a, 'add', '.')
    git(a, 'commit', '--quiet', '--message=one')
    git(a, 'checkout', '--quiet', '-b', 'other')
    git(a, 'rm', '--quiet', 'file-3')
    put(a + b'/file-1', b'changed\n')
    git(a, 'commit', '--quiet', '--all', '--message=two')
    git(a, 'checkout', '--quiet', 'main')
    equal(get(a + b'/file-1'), b'1\n' * 100)
    git(a, 'repack', '--quiet', '-a', '-d')
    subprocess.run([b'git', b'clone', b'--quiet', b'--branch=other', a, b], check=True)
    equal(get(b + b'/link'), b'changed\n')
    for each in [a, b]:
        git(each, 'fsck', '--strict')
        equal(git(each, 'status', '--porcelain'), b'')


@check('tar takes a tree with links, holes, modes and times along')
def archives(d):
    os.makedirs(d + b'/tree/sub/empty')
    put(d + b'/tree/file', b'x' * 70_000)
    put(d + b'/tree/program', b'#!/bin/sh\n', 0o750)
    os.link(d + b'/tree/file', d + b'/tree/sub/hard')
    os.symlink(b'../file', d + b'/tree/sub/soft')
    with opened(d + b'/tree/sparse', os.O_RDWR | os.O_CREAT) as fd:
        os.pwrite(fd, b'end', 3_000_000)
    for name in [b'/tree/file', b'/tree/program', b'/tree/sub/soft', b'/tree/sub/empty', b'/tree/sub']:
        utimensat(d + name, (1_500_000_000, 5), (1_600_000_000, 123_456_789))
    def told(root):
        rows = []
        for at, directories, files in os.walk(root):
            for name in sorted(directories + files):
                s = os.lstat(os.path.join(at, name))
                size = 0 if stat.S_ISDIR(s.st_mode) else s.st_size
                links = s.st_nlink if stat.S_ISREG(s.st_mode) else 0
                time = 0 if name == b'sparse' else s.st_mtime_ns
                rows.append((at[len(root):], name, s.st_mode, size, links, time))
        return sorted(rows)
    run = lambda *words: subprocess.run(words, check=True, cwd=d, capture_output=True)
    run('tar', '-cS', '--format=pax', '-f', 'a.tar', 'tree')
    os.mkdir(d + b'/out')
    run('tar', '-xpf', 'a.tar', '-C', 'out')
    equal(told(d + b'/out/tree'), told(d + b'/tree'))
    run('tar', '-df', 'a.tar', '-C', 'out')
    shutil.rmtree(d + b'/out')
    equal(sorted(os.listdir(d)), [b'a.tar', b'tree'])


@check('make builds what is older than its source, and nothing else')
def make(d):
    put(d + b'/Makefile', b'b: a\n\tcp a b\n\techo built >> log\n')
    put(d + b'/a', b'one')
    def built():
        next_tick()
        subprocess.run(['make', '--silent'], cwd=d, check=True)
        return get(d + b'/log').count(b'built')
    equal([built(), built()], [1, 1])
    next_tick()
    put(d + b'/a', b'two')
    equal([built(), built(), get(d + b'/b')], [2, 2, b'two'])
    os.utime(d + b'/a', ns=(0, os.stat(d + b'/b').st_mtime_ns + 1))
    equal(built(), 3)


@check('editors and patches replace files in place, temporary files leave nothing behind')
def small_tools(d):
    run = lambda *words, **more: subprocess.run(words, check=True, cwd=d, capture_output=True, **more)
    put(d + b'/a', b'one\ntwo\nthree\n', 0o640)
    os.link(d + b'/a', d + b'/linked')
    run('sed', '-i.old', 's/two/2/', 'a')
    equal((get(d + b'/a'), get(d + b'/a.old'), get(d + b'/linked')),
          (b'one\n2\nthree\n', b'one\ntwo\nthree\n', b'one\ntwo\nthree\n'))
    equal(stat.S_IMODE(os.stat(d + b'/a').st_mode), 0o640)
    run('patch', '-p0', input=b'--- a\n+++ a\n@@ -1,3 +1,2 @@\n one\n-2\n three\n')
    run('sort', '-r', '-o', 'a', 'a')
    equal(get(d + b'/a'), b'three\none\n')
    run('install', '-m', '711', 'a', 'b')
    run('dd', 'if=a', 'of=b', 'bs=1', 'seek=4', 'conv=notrunc')
    equal((get(d + b'/b'), stat.S_IMODE(os.stat(d + b'/b').st_mode)), (b'threthree\none\n', 0o711))
    names = sorted(os.listdir(d))
    with tempfile.TemporaryFile(dir=d) as file:
        file.write(b'x' * 100_000)
        file.seek(0)
        equal(len(file.read()), 100_000)
        equal(sorted(os.listdir(d)), names)
    with tempfile.TemporaryDirectory(dir=d) as directory:
        put(directory + b'/x')
    equal(sorted(os.listdir(d)), names)
