import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostTarget } from './host-target.js';
import { describeConformance } from './suite.js';

describeConformance('a plain directory', () => {
  const root = mkdtempSync(join(tmpdir(), 'xcache-plain-'));
  return hostTarget(root, () => {
    rmSync(root, { recursive: true });
  });
});
