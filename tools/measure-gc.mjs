// Measures clean-up and the start of the service with a large store:
//   node tools/measure-gc.mjs [units] [views] [--builds]
// With --builds also real builds beside it, with and without a collection, by turns.
// Needs dist (or XCACHE_DIST); works in a temporary directory, which it removes.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [units, views] = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unitCount = Number(units ?? 20_000);
const viewCount = Number(views ?? 200);
const hasBuilds = process.argv.includes('--builds');
const dist = resolve(
  process.env.XCACHE_DIST ?? join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist'),
);
const load = async (path) => await import(pathToFileURL(join(dist, path)).href);
const { openStore } = await load('store/store.js');
const { executeGc, loadGcSnapshot } = await load('store/gc.js');
const { planGcInSlices } = await load('store/gc-plan.js');
const { collectOrphans } = await load('store/orphans.js');
const { Pacer } = await load('store/pacer.js');
const { saveViewRecord, viewDirectory } = await load('service/views/view-directory.js');

const quiet = { info: () => undefined, warn: (fields, message) => console.warn(message, fields) };
const commitUnits = 200;

/** Units of two blobs, one of them shared by ten; a third of the units is attached to views. */
async function fillStore(store) {
  const digests = [];
  for (let at = 0; at < unitCount; at += commitUnits) {
    const batch = Array.from({ length: Math.min(commitUnits, unitCount - at) }, async (_, step) => {
      const number = at + step;
      const texts = [Buffer.from(`shared ${Math.floor(number / 10)}`), randomBytes(600)];
      const entries = [];
      for (const [place, bytes] of texts.entries()) {
        const blob = await store.putBytes(bytes);
        entries.push({
          kind: 'file',
          path: `debug/deps/file-${number}-${place}`,
          blob,
          offset: 0,
          sizeBytes: bytes.length,
          mode: 0o644,
        });
      }
      const lookupKey = `key ${number}`;
      const facts = { package: 'demo' };
      return { manifest: { version: 1, lookupKey, createdMs: number + 1, facts, entries } };
    });
    digests.push(...(await store.commit(await Promise.all(batch))));
  }
  return digests;
}

async function addViews(home, store, digests) {
  const viewsDirectory = join(home, 'views');
  const perView = Math.min(700, digests.length);
  for (let at = 0; at < viewCount; at += 1) {
    const mountPoint = join(home, 'workspaces', String(at), 'target');
    const view = viewDirectory(viewsDirectory, mountPoint);
    await mkdir(mountPoint, { recursive: true });
    await saveViewRecord(view, {
      version: 1,
      mountPoint,
      driver: 'direct',
      mode: 'fast',
      isMounted: false,
      createdMs: Date.now(),
      environment: '',
    });
    for (let file = 0; file < 50; file += 1) {
      await writeFile(join(view.upperDirectory, `file-${file}`), 'x'.repeat(2_000));
    }
    // The newest third of all units, so that half of the store can go.
    const from = Math.floor((digests.length * 2) / 3) - perView;
    const start = Math.max(0, from + Math.floor((at * digests.length) / 3 / viewCount));
    const manifests = digests.slice(start, start + perView);
    const blobs = manifests.flatMap((digest) => store.parts.index.unit(digest)?.blobs ?? []);
    await store.setViewReferences(view.id, { manifests, blobs });
  }
}

/** Runs `action`; tells how long it took and the longest time that nothing else could run. */
async function measured(name, action) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const result = await action();
  const totalMs = performance.now() - started;
  delay.disable();
  const round = (ms) => ms.toFixed(1).padStart(9);
  console.log(
    `${name.padEnd(28)} ${round(totalMs)} ms   longest block ${round(delay.max / 1e6)} ms   ` +
      `p99 ${round(delay.percentile(99) / 1e6)} ms`,
  );
  return result;
}

async function measureGc(directory) {
  // What the machine itself does to somebody who waits a second and is busy half of the time.
  await measured('nothing at all', async () => {
    for (let slice = 0; slice < 125; slice += 1) {
      const end = performance.now() + 4;
      while (performance.now() < end);
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  });
  const store = await measured('open', async () => await openStore({ directory, log: quiet }));
  const target = Math.floor(store.stats().physicalBytes / 2);
  const snapshot = await measured('load a snapshot', async () => await loadGcSnapshot(store));
  const limits = { nowMs: Date.now(), maxSizeBytes: target };
  const plan = await measured(
    'plan',
    async () => await planGcInSlices(snapshot, limits, new Pacer()),
  );
  console.log(`  ${plan.remove.length} of ${snapshot.units.length} units go`);
  const half = Math.floor(plan.remove.length / 2);
  const [first, second] = [plan.remove.slice(0, half), plan.remove.slice(half)];
  await measured('execute a half, at once', async () => {
    await executeGc(store, { ...plan, remove: first });
  });
  await measured('execute a half, unhurried', async () => {
    const pacer = new Pacer({ isUnhurried: true });
    await executeGc(store, { ...plan, remove: second }, { pacer });
  });
  await measured('orphans', async () => await collectOrphans(store));
  await store.close();
}

/** What one build compiles: about ten seconds of rustc, and C code. */
const manifest = `[package]
name = "measured"
version = "0.1.0"
edition = "2024"

[dependencies]
clap = { version = "=4.6.9", features = ["derive"] }
regex = "=1.13.2"
`;

const pairs = 4;

/** Builds by turns beside a collection and without one; half of the units go in all. */
async function measureBuilds(home) {
  const workspace = join(home, 'measured');
  await mkdir(join(workspace, 'src'), { recursive: true });
  await writeFile(join(workspace, 'Cargo.toml'), manifest);
  await writeFile(join(workspace, 'src/main.rs'), 'fn main() {}\n');
  await spawned('cargo', ['fetch', '--quiet'], { cwd: workspace });
  await run(home, 'service', 'start');
  await run(home, 'mount', join(workspace, 'target'));
  const { store } = JSON.parse(await run(home, 'stats', '--json'));
  const seconds = { alone: [], collecting: [] };
  await timedBuild(workspace, 'first');
  for (let pair = 1; pair <= pairs; pair += 1) {
    seconds.alone.push(await timedBuild(workspace, `alone_${pair}`));
    const { store: before } = JSON.parse(await run(home, 'stats', '--json'));
    const maxSize = Math.round(before.physicalBytes - store.physicalBytes / 2 / pairs);
    const started = performance.now();
    const collection = run(home, 'gc', '--json', '--max-size', String(maxSize)).then((text) => ({
      result: JSON.parse(text),
      seconds: (performance.now() - started) / 1000,
    }));
    seconds.collecting.push(await timedBuild(workspace, `collecting_${pair}`));
    const { result, seconds: gcSeconds } = await collection;
    console.log(`  collection of ${result.removedUnits} units: ${gcSeconds.toFixed(1)} s`);
  }
  for (const [name, values] of Object.entries(seconds)) {
    const text = values.map((value) => value.toFixed(2)).join(', ');
    console.log(`builds ${name.padEnd(12)} median ${median(values).toFixed(2)} s   (${text})`);
  }
  console.log(`ratio ${(median(seconds.collecting) / median(seconds.alone)).toFixed(3)}`);
  await run(home, 'unmount', join(workspace, 'target'));
  await run(home, 'service', 'stop');
}

/** Another flag for each build, so that it compiles everything anew. */
async function timedBuild(workspace, label) {
  const env = { ...process.env, RUSTFLAGS: `--cfg ${label}` };
  const started = performance.now();
  await spawned('cargo', ['build', '--quiet', '--offline'], { cwd: workspace, env });
  return (performance.now() - started) / 1000;
}

async function spawned(program, args, options) {
  const child = spawn(program, args, { ...options, stdio: 'inherit' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

async function run(home, ...args) {
  const child = spawn(process.execPath, [join(dist, 'cli/main.js'), ...args], {
    env: { ...process.env, XCACHE_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return text;
}

async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measureService(home) {
  const started = performance.now();
  await run(home, 'service', 'start');
  const { pid } = JSON.parse(await run(home, 'status', '--json'));
  console.log(`start until status answered      ${(performance.now() - started).toFixed(0)} ms`);
  for (const args of [['--version'], ['status'], ['views'], ['gc', '--dry-run']]) {
    const before = performance.now();
    await run(home, ...args);
    const ms = (performance.now() - before).toFixed(0);
    console.log(`xcache ${args.join(' ').padEnd(24)} ${ms} ms`);
  }
  const before = await cpuSeconds(pid);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const seconds = (await cpuSeconds(pid)) - before;
  console.log(`CPU in 10 idle seconds           ${seconds.toFixed(2)} s`);
  await run(home, 'service', 'stop');
}

const home = await mkdtemp(join(tmpdir(), 'xcache-measure-'));
try {
  const directory = join(home, 'store');
  const store = await openStore({ directory, log: quiet });
  const digests = await measured('fill', async () => await fillStore(store));
  await addViews(home, store, digests);
  await store.close();
  await measureService(home);
  if (hasBuilds) await measureBuilds(home);
  else await measureGc(directory);
} finally {
  await rm(home, { recursive: true, force: true });
}
