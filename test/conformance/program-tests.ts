/** The checks in `programs/*.py`: what is easier said in the calls themselves. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kernelCheck, type ConformanceTest } from './conformance-test.js';
import { runCheck } from './python.js';

const files = ['errors', 'times', 'directories', 'contents', 'processes', 'applications'];

export const programTests: readonly ConformanceTest[] = files.flatMap((file) => {
  const path = fileURLToPath(new URL(`programs/${file}.py`, import.meta.url));
  const declared = readFileSync(path, 'utf8').matchAll(/^@check\('(.*)'\)$/gm);
  return [...declared].map(([, name = '']) =>
    kernelCheck(name, async (scene) => {
      if (scene.hostDirectory === undefined) throw new Error('no kernel');
      await runCheck(file, name, scene.hostDirectory);
    }),
  );
});
