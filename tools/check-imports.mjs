// Runs dependency-cruiser over src and fails when it inspected nothing: with a compiler it does not
// understand it reports 0 modules and success.
import { spawnSync } from 'node:child_process';

const run = spawnSync(
  process.execPath,
  [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    'src',
  ],
  { encoding: 'utf8', maxBuffer: 1 << 28 },
);
if (run.stdout === '') {
  process.stderr.write(run.stderr);
  process.exit(1);
}
const { summary } = JSON.parse(run.stdout);
for (const violation of summary.violations) {
  process.stderr.write(`${violation.rule.name}: ${violation.from} -> ${violation.to}\n`);
}
const ours = summary.totalCruised;
process.stdout.write(`${ours} modules, ${summary.violations.length} violations\n`);
process.exit(ours < 10 || summary.violations.length > 0 ? 1 : 0);
