/** What only a kernel can ask for: mapped memory, locks, programs, several processes. */
import { expect } from 'vitest';
import { python } from './python.js';
import { get, put, type Scene } from './scene.js';
import { kernelCheck, type ConformanceTest } from './conformance-test.js';

function host(scene: Scene, name: string): string {
  if (scene.hostDirectory === undefined) throw new Error('no kernel');
  return `${scene.hostDirectory}/${name}`;
}

export const kernelTests: readonly ConformanceTest[] = [
  kernelCheck(
    'a file written through shared mapped memory holds what was written',
    async (scene) => {
      await python(mapShared, [host(scene, 'a')]);
      const content = await get(scene, scene.at('a'));
      expect(content.length).toBe(5_000_000);
      expect(content.startsWith('mapped')).toBe(true);
      expect(content.endsWith('end')).toBe(true);
    },
  ),
  kernelCheck(
    'mapped memory and read agree, and a mapping outlives unlink and rename',
    async (scene) => {
      await put(scene, scene.at('a'), Buffer.alloc(100_000, 'a'));
      await put(scene, scene.at('b'), Buffer.alloc(100_000, 'b'));
      expect(await python(mapAndReplace, [host(scene, 'a'), host(scene, 'b')])).toBe('ok');
    },
  ),
  kernelCheck(
    'a program in the file system runs, and runs on after its name is gone',
    async (scene) => {
      expect(await python(execute, [host(scene, 'program')])).toBe('ran');
    },
  ),
  kernelCheck('a shared object can be mapped executable', async (scene) => {
    expect(await python(mapExecutable, [host(scene, 'lib.so')])).toBe('ok');
  }),
  kernelCheck('flock keeps another process out until it is released', async (scene) => {
    await put(scene, scene.at('lock'));
    expect(await python(lock, [host(scene, 'lock')])).toBe('busy free');
  }),
  kernelCheck('posix_fallocate gives a file its size', async (scene) => {
    await python(fallocate, [host(scene, 'a')]);
    expect((await scene.fs.stat(scene.at('a'))).sizeBytes).toBe(300_000);
  }),
  kernelCheck('copy_file_range, sendfile and SEEK_END work on files of any size', async (scene) => {
    await put(scene, scene.at('a'), Buffer.alloc(3_000_000, 'abc'));
    expect(await python(copyRange, [host(scene, 'a'), host(scene, 'b')])).toBe('3000000');
    expect(await get(scene, scene.at('b'))).toBe(await get(scene, scene.at('a')));
  }),
  kernelCheck('O_TMPFILE works or is refused as unsupported', async (scene) => {
    expect(['ok', 'EOPNOTSUPP']).toContain(await python(temporaryFile, [host(scene, '')]));
  }),
  kernelCheck('statvfs tells sizes and a name limit of 255 bytes', async (scene) => {
    expect(await python(statvfs, [host(scene, '')])).toBe('ok');
  }),
  kernelCheck(
    'four processes make, rename and remove files in one directory at a time',
    async (scene) => {
      expect(await python(manyProcesses, [host(scene, '')])).toBe('0 0 0 0 []');
    },
  ),
  kernelCheck('the descriptor of a removed directory refuses new names', async (scene) => {
    expect(await python(removedDirectory, [host(scene, 'd')])).toBe('ENOENT []');
  }),
  kernelCheck('a directory tree is copied with cp -a and removed with rm -r', async (scene) => {
    expect(await python(copyTree, [host(scene, '')])).toBe('same');
  }),
];

const mapShared = `
def main():
    fd = os.open(args[0], os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, 5000000)
    m = mmap.mmap(fd, 5000000, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    m[0:6] = b'mapped'; m[4999997:5000000] = b'end'
    for i in range(4096, 4990000, 4096): m[i] = 65
    m.flush(); m.close(); os.close(fd)
`;

const mapAndReplace = `
def main():
    fd = os.open(args[0], os.O_RDWR)
    m = mmap.mmap(fd, 100000, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    m[50000] = 90; m.flush()
    assert os.pread(fd, 1, 50000) == b'Z'
    os.pwrite(fd, b'Y', 60000)
    assert m[60000] == 89
    os.rename(args[1], args[0])
    assert m[99999] == 97 and m[50000] == 90
    m[1] = 88; m.flush()
    assert os.pread(fd, 2, 0) == b'aX'
    with open(args[0], 'rb') as f: assert f.read(2) == b'bb'
    print('ok')
`;

const execute = `
def main():
    import shutil
    shutil.copy('/bin/sleep', args[0]); os.chmod(args[0], 0o755)
    p = subprocess.Popen([args[0], '0.2']); os.unlink(args[0])
    assert p.wait() == 0
    with open(args[0], 'w') as f: f.write('#!/bin/sh\\necho ran\\n')
    os.chmod(args[0], 0o755)
    print(subprocess.check_output([args[0]]).decode().strip())
`;

const mapExecutable = `
def main():
    with open(args[0], 'wb') as f: f.write(bytes(8192))
    with open(args[0], 'rb') as f:
        m = mmap.mmap(f.fileno(), 8192, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
        assert m[0] == 0
    print('ok')
`;

const lock = `
code = 'import fcntl,sys\\ntry:\\n fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB); print("free")\\nexcept OSError: print("busy")'
def attempt(): return subprocess.check_output([sys.executable, '-c', code, args[0]]).decode().strip()
def main():
    f = open(args[0]); fcntl.flock(f, fcntl.LOCK_EX)
    first = attempt(); f.close()
    print(first, attempt())
`;

const fallocate = `
def main():
    fd = os.open(args[0], os.O_RDWR | os.O_CREAT, 0o644)
    os.posix_fallocate(fd, 0, 300000); os.close(fd)
`;

const copyRange = `
def main():
    a = os.open(args[0], os.O_RDONLY); b = os.open(args[1], os.O_RDWR | os.O_CREAT, 0o644)
    done = 0
    while done < 1500000: done += os.copy_file_range(a, b, 1500000 - done)
    while True:
        n = os.sendfile(b, a, None, 1 << 20) if False else os.sendfile(b, a, done, 1 << 20)
        if n == 0: break
        done += n
    print(os.lseek(b, 0, os.SEEK_END))
`;

const temporaryFile = `
def main():
    try:
        fd = os.open(args[0], os.O_RDWR | os.O_TMPFILE, 0o600)
        os.write(fd, b'x'); print('ok')
    except OSError as e: print(errno.errorcode[e.errno].replace('ENOTSUP', 'EOPNOTSUPP'))
`;

const statvfs = `
def main():
    s = os.statvfs(args[0])
    assert s.f_blocks > 0 and s.f_bavail > 0 and s.f_namemax == 255 and s.f_bsize >= 512
    print('ok')
`;

const manyProcesses = `
def work(base, k):
    for i in range(60):
        p = base + b'/p%d-%d' % (k, i)
        with open(p, 'w') as f: f.write('x' * i)
        os.rename(p, p + b'r'); os.link(p + b'r', p)
        assert os.stat(p).st_nlink == 2 and os.stat(p).st_size == i
        os.unlink(p); os.listdir(base)
        os.unlink(p + b'r')
def main():
    pids = []
    for k in range(4):
        pid = os.fork()
        if pid == 0:
            try: work(args[0], k); os._exit(0)
            except BaseException: os._exit(1)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in pids]
    print(*codes, os.listdir(args[0]))
`;

const removedDirectory = `
def main():
    os.mkdir(args[0]); fd = os.open(args[0], os.O_RDONLY)
    os.rmdir(args[0])
    try: os.open(b'x', os.O_CREAT | os.O_WRONLY, dir_fd=fd); code = 'created'
    except OSError as e: code = errno.errorcode[e.errno]
    print(code, os.listdir(fd))
`;

const copyTree = `
def main():
    base = args[0]
    os.mkdir(base + b'/from')
    for i in range(20):
        d = base + b'/from/d%d' % i; os.mkdir(d)
        for j in range(5):
            with open(d + b'/f%d' % j, 'w') as f: f.write('content %d %d' % (i, j))
        os.symlink(b'f0', d + b'/link'); os.link(d + b'/f1', d + b'/hard')
    subprocess.check_call([b'cp', b'-a', base + b'/from', base + b'/to'])
    same = subprocess.call([b'diff', b'-r', base + b'/from', base + b'/to'])
    times = [os.lstat(base + x + b'/d3/f2').st_mtime_ns for x in (b'/from', b'/to')]
    subprocess.check_call([b'rm', b'-r', base + b'/from', base + b'/to'])
    print('same' if same == 0 and times[0] == times[1] and os.listdir(base) == [] else 'different')
`;
