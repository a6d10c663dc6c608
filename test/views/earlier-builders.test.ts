/** By which session a unit is judged that was in a view before any session of this mount. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { builderDigest } from '../../src/host/builder-digest.js';
import { currentBoot } from '../../src/host/process-tree.js';
import type { UnknownEnvironment } from '../../src/host/session-environment.js';
import { EarlierBuilders, type RecordedSessions } from '../../src/views/earlier-builders.js';

const mountPoint = '/nowhere/target';
const unitKey = 'debug#maker#1111111111111111';

/** What a session came to; equal ones came to the same. */
const session = (detail: string): UnknownEnvironment => ({
  kind: 'unknown',
  reason: 'unknown-wrapper',
  detail,
});

/** A process that stands for cargo, started with one variable of its own. */
class Builder implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(flags: string): Promise<Builder> {
    const child = spawn('cat', [], {
      env: { PATH: process.env['PATH'], CFLAGS: flags },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin.write('there');
    await once(child.stdout, 'data');
    return new Builder(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get digest(): string {
    return builderDigest(this.pid, mountPoint) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}

/** A mount after a kill of the service: one unit is there, which `digest` has built. */
function remounted(recorded: RecordedSessions, digest: string, boot = currentBoot()) {
  const builders = new EarlierBuilders(recorded, mountPoint);
  builders.recall([[unitKey, { boot, digest }]]);
  return builders;
}

test('a unit that nobody has noted is taken over, whatever session comes', async () => {
  await using builder = await Builder.start('-O1');
  const builders = new EarlierBuilders({}, mountPoint);
  builders.meet(builder.pid, session('a'));
  expect(builders.environmentOf(unitKey)).toMatchObject({ reason: 'taken-over' });
});

test('one of an earlier start of the machine stays private', async () => {
  await using builder = await Builder.start('-O1');
  const builders = remounted({}, builder.digest, 'another boot');
  expect(builders.environmentOf(unitKey)).toMatchObject({ reason: 'earlier-boot' });
});

test('it is judged by the session that is the same and came to the same as then', async () => {
  await using builder = await Builder.start('-O1');
  const before = new EarlierBuilders({}, mountPoint).meet(builder.pid, session('a')) ?? {};
  const builders = remounted(before, builder.digest);
  expect(builders.environmentOf(unitKey)).toBeUndefined();
  // Nothing new is to be recorded.
  expect(builders.meet(builder.pid, session('a'))).toBeUndefined();
  expect(builders.environmentOf(unitKey)).toEqual(session('a'));
});

test('it stays private if the session has come to other things since', async () => {
  await using builder = await Builder.start('-O1');
  const before = new EarlierBuilders({}, mountPoint).meet(builder.pid, session('a')) ?? {};
  const builders = remounted(before, builder.digest);
  builders.meet(builder.pid, session('b'));
  expect(builders.environmentOf(unitKey)).toMatchObject({ reason: 'environment-changed' });
});

test('it stays private for a session with other variables', async () => {
  await using builder = await Builder.start('-O1');
  await using other = await Builder.start('-O2');
  const before = new EarlierBuilders({}, mountPoint).meet(builder.pid, session('a')) ?? {};
  const builders = remounted(before, builder.digest);
  builders.meet(other.pid, session('a'));
  expect(builders.environmentOf(unitKey)).toMatchObject({ reason: 'environment-changed' });
});

test('a builder that once came to one thing and once to another is believed never again', async () => {
  await using builder = await Builder.start('-O1');
  const first = new EarlierBuilders({}, mountPoint);
  first.meet(builder.pid, session('a'));
  const recorded = first.meet(builder.pid, session('b')) ?? {};
  for (const now of ['a', 'b']) {
    const builders = remounted(recorded, builder.digest);
    builders.meet(builder.pid, session(now));
    expect(builders.environmentOf(unitKey)).toMatchObject({ reason: 'environment-changed' });
  }
});

test('a session whose process is gone says nothing', () => {
  const builders = remounted({}, 'of somebody');
  expect(builders.meet(2 ** 30, session('a'))).toBeUndefined();
  expect(builders.environmentOf(unitKey)).toBeUndefined();
});

test('an emptied view knows of nothing, and tells whether anything was recorded', async () => {
  await using builder = await Builder.start('-O1');
  const builders = remounted({}, builder.digest);
  expect(builders.clear()).toBe(false);
  builders.meet(builder.pid, session('a'));
  expect(builders.clear()).toBe(true);
  expect(builders.environmentOf(unitKey)).toMatchObject({ reason: 'taken-over' });
});
