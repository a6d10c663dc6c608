/**
 * Random commits, removals, leases, views and restarts against a simple model. Invariants after
 * every step: what a unit names is there, reference counts and totals are exact, nothing that is
 * held was removed.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/store/digest.js';
import { executeGc, loadGcSnapshot } from '../../src/store/gc.js';
import { planGc } from '../../src/store/gc-plan.js';
import { encodeManifest } from '../../src/store/manifest-codec.js';
import type { Digest } from '../../src/store/manifest.js';
import { collectOrphans } from '../../src/store/orphans.js';
import type { Lease } from '../../src/store/protections.js';
import { verifyStore } from '../../src/store/verify.js';
import { createStoreWorld, manifestOf, storeUnit } from './store-world.js';
import type { StoreWorld } from './store-world.js';

interface Model {
  /** Texts of each stored unit, by digest. */
  readonly units: Map<Digest, readonly string[]>;
  readonly lastUse: Map<Digest, number>;
  readonly leases: { readonly lease: Lease; readonly digests: readonly Digest[] }[];
  readonly views: Map<string, readonly Digest[]>;
}

type Step = (world: StoreWorld, model: Model) => Promise<void>;

const texts = ['a', 'b', 'c', 'd', 'e'];

function blobOf(text: string): Digest {
  return hashBytes(Buffer.from(text));
}

function isHeld(model: Model, digest: Digest): boolean {
  return (
    model.leases.some(({ digests }) => digests.includes(digest)) ||
    [...model.views.values()].some((digests) => digests.includes(digest))
  );
}

function pick(model: Model, seed: number): Digest[] {
  const all = [...model.units.keys()];
  return all.filter((_, at) => ((seed >> (at % 8)) & 1) === 1);
}

const commit = fc
  .tuple(fc.uniqueArray(fc.constantFrom(...texts), { minLength: 1 }), fc.nat(3), fc.boolean())
  .map(([chosen, key, marked]): Step => async (world, model) => {
    const more = { lookupKey: `key ${key}`, ...(marked && { markers: [`marker ${key}`] }) };
    const digest = await storeUnit(world.store, chosen, { createdMs: 1000, ...more });
    model.units.set(digest, chosen);
  });

const use = fc.nat(255).map((seed): Step => async (world, model) => {
  world.nowMs += 1000;
  for (const digest of pick(model, seed)) model.lastUse.set(digest, world.nowMs);
  world.store.recordUse(pick(model, seed), world.nowMs);
  await Promise.resolve();
});

const lease = fc.nat(255).map((seed): Step => async (world, model) => {
  const digests = pick(model, seed);
  model.leases.push({ lease: world.store.lease('model', digests), digests });
  await Promise.resolve();
});

const release = fc.nat(3).map((at): Step => async (_world, model) => {
  const [gone] = model.leases.splice(at, 1);
  gone?.lease[Symbol.dispose]();
  await Promise.resolve();
});

const attach = fc
  .tuple(fc.constantFrom('one', 'two'), fc.nat(255))
  .map(([view, seed]): Step => async (world, model) => {
    const manifests = pick(model, seed);
    if (seed % 4 === 0) {
      await world.store.dropView(view);
      model.views.delete(view);
      return;
    }
    await world.store.setViewReferences(view, { manifests, blobs: [] });
    model.views.set(view, manifests);
  });

const collectGarbage = fc
  .constantFrom(0, 8192, 24_576, 49_152)
  .map((maxSizeBytes): Step => async (world, model) => {
    const { store } = world;
    const plan = planGc(await loadGcSnapshot(store), { nowMs: world.nowMs, maxSizeBytes });
    const uses = plan.remove.map(({ digest }) => model.lastUse.get(digest) ?? 1000);
    expect(uses).toEqual([...uses].sort((one, other) => one - other));
    const outcome = await executeGc(store, plan);
    expect(outcome.removedUnits).toBe(plan.remove.length);
    for (const { digest } of plan.remove) {
      expect(isHeld(model, digest)).toBe(false);
      model.units.delete(digest);
      model.lastUse.delete(digest);
    }
  });

const collectLeftovers = fc.constant<Step>(async (world) => {
  world.nowMs += 2 * 3_600_000;
  await collectOrphans(world.store);
});

const reopen = fc.constant<Step>(async (world, model) => {
  for (const { lease: held } of model.leases.splice(0)) held[Symbol.dispose]();
  await world.reopen();
});

const failToCommit = fc.constantFrom(...texts).map((text): Step => async (world) => {
  const missing = manifestOf([
    [blobOf(text), 1],
    [blobOf('never there'), 1],
  ]);
  await expect(world.store.commit([{ manifest: missing }])).rejects.toThrow();
  expect(world.store.manifest(encodeManifest(missing).digest)).toBeUndefined();
});

async function expectInvariants(world: StoreWorld, model: Model): Promise<void> {
  const { store } = world;
  const references = new Map<Digest, number>();
  for (const [digest, chosen] of model.units) {
    expect(store.manifest(digest)).toBeDefined();
    for (const text of chosen) {
      expect(store.hasBlobSync(blobOf(text), text.length)).toBe(true);
      references.set(blobOf(text), (references.get(blobOf(text)) ?? 0) + 1);
    }
  }
  for (const text of texts) {
    expect(store.parts.index.blob(blobOf(text))?.references).toBe(references.get(blobOf(text)));
  }
  expect(store.stats()).toEqual({
    units: model.units.size,
    blobs: references.size,
    physicalBytes: (model.units.size + references.size) * 4096,
    logicalBytes: [...model.units.values()].flat().length,
  });
  for (const { digests } of model.leases) {
    for (const digest of digests) expect(store.manifest(digest)).toBeDefined();
  }
  await Promise.resolve();
}

describe('the store', () => {
  it('behaves like its model under random operations', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: commit },
      { weight: 2, arbitrary: use },
      { weight: 1, arbitrary: lease },
      { weight: 1, arbitrary: release },
      { weight: 1, arbitrary: attach },
      { weight: 2, arbitrary: collectGarbage },
      { weight: 1, arbitrary: collectLeftovers },
      { weight: 1, arbitrary: reopen },
      { weight: 1, arbitrary: failToCommit },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        await using world = await createStoreWorld();
        const model: Model = {
          units: new Map(),
          lastUse: new Map(),
          leases: [],
          views: new Map(),
        };
        for (const run of steps) {
          await run(world, model);
          await expectInvariants(world, model);
        }
        const { problems } = await verifyStore(world.store, { repair: false });
        expect(problems.filter(({ kind }) => kind !== 'blob-orphan')).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
