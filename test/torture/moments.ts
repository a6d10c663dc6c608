/**
 * The moments of a kill. Each brings the arena to the moment, kills, and returns what must hold
 * afterwards beside the invariants that always must.
 */
import { join } from 'node:path';
import { openStore } from '../../src/store/store.js';
import { silentLog } from '../../src/store/store-log.js';
import { storeUnit } from '../store/store-world.js';
import type { Workspace } from '../support/workspace.js';
import type { Arena } from './arena.js';
import { ArtifactLedger } from './ledger.js';
import { Scribbler } from './scribbler.js';
import { spawnService } from './service-process.js';
import type { Random } from './random.js';

export const moments = [
  'cold',
  'warm',
  'promotion',
  'gc',
  'copy-up',
  'clean',
  'mount',
  'unmount',
  'start',
] as const;
export type Moment = (typeof moments)[number];

/** What is asked once the service runs again: losses in words. */
export interface Aftermath {
  readonly losses: () => Promise<readonly string[]>;
  /** Workspaces that must build, and then have nothing to do. */
  readonly builders: readonly Workspace[];
}

type Play = (arena: Arena, random: Random) => Promise<Aftermath>;

/** Mounting and unmounting one by one is for mounted targets only. */
export function momentsAt(place: Arena['place']): readonly Moment[] {
  const single: readonly Moment[] = ['mount', 'unmount'];
  return place === 'target' ? moments : moments.filter((moment) => !single.includes(moment));
}

/** The longest wait before the kill: about as long as the action takes. */
const latestMs: Readonly<Record<Moment, number>> = {
  cold: 1_500,
  warm: 700,
  promotion: 250,
  gc: 150,
  'copy-up': 120,
  clean: 400,
  mount: 120,
  unmount: 120,
  start: 600,
};

/** Kills the service of the arena at one moment; it does not run afterwards. */
export async function killAt(moment: Moment, arena: Arena, random: Random): Promise<Aftermath> {
  return await plays[moment](arena, random);
}

/** Unlike powers: early moments are as interesting as late ones. */
function waitOf(moment: Moment, random: Random): number {
  return Math.round(random.next() * latestMs[moment]);
}

const plays: Readonly<Record<Moment, Play>> = {
  cold: async (arena, random) => {
    arena.renewUnits();
    return await killDuringBuild(arena, arena.first, waitOf('cold', random));
  },

  warm: async (arena, random) => {
    arena.renewUnits();
    await arena.build(arena.first);
    await arena.settled();
    return await killDuringBuild(arena, arena.second, waitOf('warm', random));
  },

  promotion: async (arena, random) => {
    arena.renewUnits();
    const { first } = arena;
    const ledger = new ArtifactLedger(arena.buildDir(first));
    await arena.build(first, { whileRunning: ledger.listen });
    await arena.killAfter(waitOf('promotion', random));
    return await afterBuild(arena, first, ledger);
  },

  gc: async (arena, random) => {
    const { first } = arena;
    await arena.build(first);
    await arena.settled();
    const before = await arena.treeDigests(first);
    await arena.kill();
    await storeRubbish(arena, random);
    await arena.start();
    const collection = arena.ask('gc', { dryRun: false, maxSizeBytes: random.pick([0, 200_000]) });
    collection.catch(() => undefined);
    await arena.killAfter(waitOf('gc', random));
    return { losses: async () => await arena.losses(first, before), builders: [first] };
  },

  'copy-up': async (arena, random) => {
    const { second } = arena;
    await arena.build(second);
    await arena.settled();
    const scribbler = new Scribbler(join(arena.buildDir(second), 'debug'), random);
    const scribbling = scribbler.run();
    await arena.killAfter(waitOf('copy-up', random));
    await scribbling;
    return {
      losses: async () => {
        const losses = await scribbler.losses();
        // Cargo does not look at bytes: what was scribbled must go before it may build on.
        await arena.mustClean(second);
        return losses;
      },
      builders: [second],
    };
  },

  clean: async (arena, random) => {
    const { second } = arena;
    await arena.build(second);
    await arena.settled();
    const before = await arena.treeDigests(second);
    const what = random.pick([['-p', 'alpha'], ['-p', 'gamma'], []]);
    await arena.clean(second, what, async () => {
      await arena.killAfter(waitOf('clean', random));
    });
    return {
      // Gone or whole: cargo removes files, it changes none.
      losses: async () => await arena.changes(second, before),
      builders: [second],
    };
  },

  mount: async (arena, random) => {
    const { first } = arena;
    await arena.build(first);
    await arena.settled();
    const before = await arena.treeDigests(first);
    await arena.unmount(first, random.next() < 0.3);
    const mounting = arena.mount(first);
    mounting.catch(() => undefined);
    await arena.killAfter(waitOf('mount', random));
    return await afterMounting(arena, first, before);
  },

  unmount: async (arena, random) => {
    const { first } = arena;
    await arena.build(first);
    if (random.next() < 0.5) await arena.settled();
    const before = await arena.treeDigests(first);
    const unmounting = arena.unmount(first, random.next() < 0.6);
    unmounting.catch(() => undefined);
    await arena.killAfter(waitOf('unmount', random));
    return await afterMounting(arena, first, before);
  },

  start: async (arena, random) => {
    const { first, second } = arena;
    const before = new Map<Workspace, ReadonlyMap<string, string>>();
    for (const workspace of [first, second]) {
      await arena.build(workspace);
      before.set(workspace, await arena.treeDigests(workspace));
    }
    await arena.kill();
    arena.service = spawnService(arena.world);
    await arena.killAfter(waitOf('start', random));
    return {
      losses: async () => {
        const losses: string[] = [];
        for (const [workspace, digests] of before) {
          losses.push(...(await arena.losses(workspace, digests)));
        }
        return losses;
      },
      builders: [first, second],
    };
  },
};

async function killDuringBuild(
  arena: Arena,
  workspace: Workspace,
  afterMs: number,
): Promise<Aftermath> {
  const ledger = new ArtifactLedger(arena.buildDir(workspace));
  await arena.breakBuild(workspace, {
    whileRunning: async (cargo) => {
      await ledger.listen(cargo);
      await arena.killAfter(afterMs);
    },
  });
  return await afterBuild(arena, workspace, ledger);
}

/** Files that cargo had reported, and those that stood in the upper layer at the kill. */
async function afterBuild(
  arena: Arena,
  workspace: Workspace,
  ledger: ArtifactLedger,
): Promise<Aftermath> {
  const reported = await ledger.digests();
  const upper = await arena.upperDigests(workspace);
  return {
    losses: async () => [
      ...(await arena.losses(workspace, reported)),
      ...(await arena.losses(workspace, upper)),
    ],
    builders: [workspace],
  };
}

/** Mounted or not, as the kill left it: the directory is mounted in the end, with every file. */
async function afterMounting(
  arena: Arena,
  workspace: Workspace,
  before: ReadonlyMap<string, string>,
): Promise<Aftermath> {
  await Promise.resolve();
  return {
    losses: async () => {
      await arena.mount(workspace);
      return await arena.losses(workspace, before);
    },
    builders: [workspace],
  };
}

/** Units and blobs that nobody holds, put into the store while no service runs. */
async function storeRubbish(arena: Arena, random: Random): Promise<void> {
  const directory = arena.world.paths.storeDirectory;
  await using store = await openStore({ directory, log: silentLog });
  const name = random.below(1_000_000);
  for (let at = 0; at < 30; at += 1) {
    const own = `${name} ${at} ${'x'.repeat(random.below(20_000))}`;
    await storeUnit(store, [`shared ${name} ${at % 4}`, own], {
      lookupKey: `rubbish ${name} ${at}`,
    });
  }
}
