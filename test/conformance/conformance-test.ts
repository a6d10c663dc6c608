/** One test of the suite, as data: which targets it runs on is decided by the suite. */
import type { Scene } from './scene.js';
import type { Awaitable } from './target.js';

export interface ConformanceTest {
  readonly name: string;
  /** True where only a kernel can play the client: mmap, flock, exec, several processes. */
  readonly needsKernel: boolean;
  readonly run: (scene: Scene) => Awaitable<void>;
}

/** A test for every target. */
export function check(name: string, run: ConformanceTest['run']): ConformanceTest {
  return { name, needsKernel: false, run };
}

/** A test for targets with a kernel between them and the test. */
export function kernelCheck(name: string, run: ConformanceTest['run']): ConformanceTest {
  return { name, needsKernel: true, run };
}
