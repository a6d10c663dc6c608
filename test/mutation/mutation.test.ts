/**
 * Every rule of cargo that the program obeys has a test that goes red without it. `npm test` looks
 * whether the list still fits the sources; `npm run mutations` switches the rules off, one at a
 * time. XCACHE_MUTATIONS is `all` or has numbers of rules and parts of names of mutations
 * (`3,17,NUM_JOBS`). With XCACHE_MUTATIONS_TRUST the tests are not run without the mutation before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { behaviourMutations } from './mutations-behaviour.js';
import { computedMutations } from './mutations-computed.js';
import { elsewhereMutations } from './mutations-elsewhere.js';
import { dependencyMutations } from './mutations-depends.js';
import { mutations as identityMutations } from './mutations.js';
import { scriptMutations } from './mutations-scripts.js';
import { useMutations } from './mutations-uses.js';
import { applyEdits, MutatedTree, root } from './mutated-tree.js';
import type { Mutation } from './mutation.js';

const wanted = process.env['XCACHE_MUTATIONS'];
const isTrusting = process.env['XCACHE_MUTATIONS_TRUST'] !== undefined;
const mutations: readonly Mutation[] = [
  ...computedMutations,
  ...elsewhereMutations,
  ...identityMutations,
  ...scriptMutations,
  ...behaviourMutations,
  ...dependencyMutations,
  ...useMutations,
];

const testOfRule = /\b(?:test|it)(?:\.each\([^)]*\))?\(\s*['`]rule (\d+): /g;

/** Rule 22 asks for the proof itself. */
const rules = Array.from({ length: 21 }, (_, index) => index + 1);

const sourceOf = (file: string): string => readFileSync(join(root, 'src', file), 'utf8');

/** The test itself may stand in a module beside the file that runs it. */
function textsBeside(testFile: string): string {
  const directory = dirname(join(root, 'test', testFile));
  const names = readdirSync(directory).filter((name) => name.endsWith('.ts'));
  return names.map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
}

describe('the list of mutations', () => {
  test('has every rule', () => {
    const covered = new Set(mutations.map(({ rule }) => rule));
    expect(rules.filter((rule) => !covered.has(rule))).toEqual([]);
  });

  test('stands beside a test that is named after each rule', () => {
    const directory = join(root, 'test');
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    const named = new Set(
      files
        .filter((file) => file.endsWith('.test.ts'))
        .flatMap((file) => [...readFileSync(join(directory, file), 'utf8').matchAll(testOfRule)])
        .map(([, rule]) => Number(rule)),
    );
    expect(rules.filter((rule) => !named.has(rule))).toEqual([]);
  });

  test.each(mutations)('fits the sources and tests: rule $rule, $name', (mutation) => {
    for (const { file } of mutation.edits) {
      const own = mutation.edits.filter((edit) => edit.file === file);
      expect(applyEdits(sourceOf(file), own)).not.toBe(sourceOf(file));
    }
    expect(textsBeside(mutation.testFile)).toContain(mutation.testName);
  });
});

describe.runIf(wanted !== undefined)('a rule that is switched off is noticed', () => {
  let tree: MutatedTree;
  beforeAll(async () => {
    tree = await MutatedTree.create();
  });
  afterAll(async () => {
    await tree[Symbol.asyncDispose]();
  });

  const words = wanted?.split(',') ?? [];
  const isChosen = ({ rule, name }: Mutation, word: string): boolean =>
    word === 'all' || (/^\d+$/.test(word) ? word === String(rule) : name.includes(word));
  const chosen = mutations.filter((each) => words.some((word) => isChosen(each, word)));
  test.each(chosen)('rule $rule: $name', { timeout: 900_000 }, (mutation) => {
    if (!isTrusting) {
      const before = tree.withoutMutation(mutation);
      expect(before, before.output.slice(-3_000)).toMatchObject({ failed: 0 });
      expect(before.passed).toBeGreaterThan(0);
    }
    const after = tree.withMutation(mutation);
    const why = /^.*(?:AssertionError|Error): .*$/m.exec(after.output)?.[0] ?? '';
    console.error(`rule ${mutation.rule}, ${mutation.name}: ${after.failed} red. ${why}`);
    expect(after.output, 'red for want of time').not.toMatch(/Test timed out|Hook timed out/);
    expect(after.failed, 'the tests stay green without the rule').toBeGreaterThan(0);
  });
});
