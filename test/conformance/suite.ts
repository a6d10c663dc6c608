/**
 * One POSIX suite for everything that claims to be a file system: a plain directory (which shows
 * that the suite itself is right), the in-process driver, and real mounts.
 */
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import {
  byteStringFromText,
  joinVirtualPath,
  type ByteString,
} from '../../src/base/byte-string.js';
import type { ConformanceTest } from './conformance-test.js';
import { dataTests } from './data-tests.js';
import { directoryTests } from './directory-tests.js';
import { kernelTests } from './kernel-tests.js';
import { linkTests } from './link-tests.js';
import { metadataTests } from './metadata-tests.js';
import { programTests } from './program-tests.js';
import { renameTests } from './rename-tests.js';
import type { Scene } from './scene.js';
import type { Awaitable, ConformanceTarget } from './target.js';

/**
 * Names of tests that a target is known to fail, each with the reason. They are run and must fail,
 * except those that fail `sometimes`, which are skipped.
 */
export type Differences = Readonly<Record<string, string | { readonly sometimes: string }>>;

const allTests: readonly ConformanceTest[] = [
  ...dataTests,
  ...metadataTests,
  ...directoryTests,
  ...renameTests,
  ...linkTests,
  ...kernelTests,
  ...programTests,
];

/** Declares the suite for one target, which is made once and shared; each test has its directory. */
export function describeConformance(
  name: string,
  createTarget: () => Awaitable<ConformanceTarget>,
  differences: Differences = {},
): void {
  describe(`${name} behaves as a POSIX file system`, () => {
    let target: ConformanceTarget | undefined;
    let count = 0;
    beforeAll(async () => {
      target = await createTarget();
    });
    afterAll(async () => {
      await target?.dispose();
    });
    const scene = async (): Promise<Scene> => {
      if (target === undefined) throw new Error('the target was not made');
      count += 1;
      return await createScene(target, `t${count}`);
    };
    test('every listed difference names a test', () => {
      const names = new Set(allTests.map((each) => each.name));
      expect(Object.keys(differences).filter((each) => !names.has(each))).toEqual([]);
    });
    for (const each of allTests) {
      const difference = differences[each.name];
      if (typeof difference === 'object') {
        test.skip(`differs: ${each.name} (${difference.sometimes})`);
      } else if (difference === undefined) {
        test(each.name, async (context) => {
          await runOne(await scene(), each, context);
        });
      } else {
        test(`differs: ${each.name} (${difference})`, async () => {
          const prepared = await scene();
          await expect(Promise.resolve(prepared).then(each.run)).rejects.toThrow();
        });
      }
    }
  });
}

async function runOne(scene: Scene, each: ConformanceTest, context: TestContext): Promise<void> {
  if (each.needsKernel && scene.hostDirectory === undefined) {
    context.skip('needs a kernel between the test and the file system');
  }
  await each.run(scene);
}

async function createScene(target: ConformanceTarget, directory: string): Promise<Scene> {
  const root = byteStringFromText(directory);
  await target.mkdir(root);
  return {
    fs: target,
    directory: root,
    hostDirectory: target.hostRoot === undefined ? undefined : `${target.hostRoot}/${directory}`,
    at: (name: string | ByteString) => joinVirtualPath(root, byteStringFromText(name)),
    atBytes: (name: ByteString) => joinVirtualPath(root, name),
  };
}
