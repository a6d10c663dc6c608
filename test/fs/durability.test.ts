/** What fsync promises of changes that no real file tells of: they stand in the journal alone. */
import { expect, test } from 'vitest';
import type { ByteString } from '../../src/base/byte-string.js';
import { failingCalls } from '../faults/failing-calls.js';
import { attachmentOf, b, lowerDirectory, lowerFile, World } from './world.js';

/** How often the disk is asked to make something durable, and fails to. */
async function failedSyncs(world: World, path: ByteString): Promise<number> {
  const handle = world.driver.open(path, 0);
  const synchronize = async (): Promise<void> => {
    await Promise.resolve();
    world.driver.fsync(handle);
  };
  const { calls } = await failingCalls(
    'EIO',
    () => true,
    async () => {
      await synchronize().catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'EIO' });
      });
    },
  );
  world.driver.close(handle);
  return calls;
}

function sync(world: World, path: ByteString): void {
  const handle = world.driver.open(path, 0);
  world.driver.fsync(handle);
  world.driver.close(handle);
}

test('synchronizing a served directory makes durable what was attached to and removed from it', async () => {
  using world = new World();
  const file = lowerFile('deps/a', world.store('content'));
  world.overlay.attach([attachmentOf('unit', [lowerDirectory('deps'), file])]);
  expect(await failedSyncs(world, b('deps'))).toBe(1);
  sync(world, b('deps'));
  // Nothing has changed since.
  expect(await failedSyncs(world, b('deps'))).toBe(0);
  world.driver.unlink(b('deps/a'));
  expect(await failedSyncs(world, b('deps'))).toBe(1);
  sync(world, b('deps'));
  expect(await failedSyncs(world, b('deps'))).toBe(0);
});

test('synchronizing a served file makes durable that it is there', async () => {
  using world = new World();
  world.overlay.attach([attachmentOf('unit', [lowerFile('a', world.store('content'))])]);
  expect(await failedSyncs(world, b('a'))).toBe(1);
  sync(world, b('a'));
  expect(await failedSyncs(world, b('a'))).toBe(0);
});
