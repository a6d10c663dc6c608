/** A view and its lease, without a file system behind it. */
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { ViewHost, ViewHostOptions } from '../../src/views/serving/view-host.js';
import { viewDirectory } from '../../src/views/view-directory.js';
import type { ViewServices } from '../../src/views/view-services.js';
import { View } from '../../src/views/view.js';
import type { Digest } from '../../src/store/manifest.js';
import { createStoreWorld, type StoreWorld } from '../store/store-world.js';
import { createDeferred, type Deferred } from '../support/deferred.js';

const held = 'a'.repeat(64) as Digest;

interface MountedView {
  readonly view: View;
  readonly options: ViewHostOptions;
  readonly warn: ReturnType<typeof vi.fn>;
  /** What the next question for the files in use is answered with. */
  inUse: Promise<string[]>;
}

/** A view that holds one digest. */
async function mountView({ store, directory }: StoreWorld): Promise<MountedView> {
  const mountPoint = join(directory, 'target');
  const warn = vi.fn();
  const services = { store, log: { warn } } as unknown as ViewServices;
  const record = {
    ...({ version: 1, mountPoint, driver: 'direct', mode: 'fast' } as const),
    ...{ isMounted: false, createdMs: 0, workspace: '/ws' },
  };
  const view = new View(viewDirectory(join(directory, 'views'), mountPoint), record, services);
  const given: { options?: ViewHostOptions; inUse: Promise<string[]> } = {
    inUse: Promise.resolve([held]),
  };
  const host = {
    call: async (method: string) => (method === 'backingDigests' ? await given.inUse : []),
  };
  await view.mount((options) => {
    given.options = options;
    return Promise.resolve(host as unknown as ViewHost);
  });
  const options = given.options as ViewHostOptions;
  return Object.assign(given, { view, options, warn });
}

function isHeld({ store }: StoreWorld): boolean {
  return store.parts.protections.isProtected(held);
}

function questionOf(mounted: MountedView): Deferred<string[]> {
  const question = createDeferred<string[]>();
  mounted.inUse = question.promise;
  mounted.options.event({ kind: 'root-emptied', isDetached: false });
  return question;
}

test('an emptied view lets go of what nobody has open', async () => {
  await using world = await createStoreWorld();
  const mounted = await mountView(world);
  expect(isHeld(world)).toBe(true);
  const question = questionOf(mounted);
  expect(isHeld(world)).toBe(true);
  question.resolve([]);
  await vi.waitFor(() => expect(isHeld(world)).toBe(false));
  expect(mounted.warn).not.toHaveBeenCalled();
});

test('an emptied view holds what somebody has open', async () => {
  await using world = await createStoreWorld();
  const mounted = await mountView(world);
  questionOf(mounted).resolve([held]);
  await new Promise(setImmediate);
  expect(isHeld(world)).toBe(true);
});

test('a view that is removed while it looks for open files holds nothing, and nobody is warned', async () => {
  await using world = await createStoreWorld();
  const mounted = await mountView(world);
  const question = questionOf(mounted);
  mounted.view.discard();
  question.reject(new Error('the view is not open any more'));
  await new Promise(setImmediate);
  expect(isHeld(world)).toBe(false);
  expect(mounted.warn).not.toHaveBeenCalled();
});

test('a view that cannot tell what is open holds all it held, and says so', async () => {
  await using world = await createStoreWorld();
  const mounted = await mountView(world);
  questionOf(mounted).reject(new Error('no memory'));
  await vi.waitFor(() => expect(mounted.warn).toHaveBeenCalledOnce());
  expect(isHeld(world)).toBe(true);
});
