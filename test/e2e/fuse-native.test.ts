import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountsBelow, waitUntil } from '../support/processes.js';
import type { Workspace } from '../support/workspace.js';
import { createWorld, describeEndToEnd } from '../support/world.js';
import { itoaAndAnyhow, must, nothingToDo, printsFive } from './lifecycle-support.js';

const five = { dependencies: itoaAndAnyhow, files: { 'src/main.rs': printsFive } };

const modes: readonly { readonly mode: string; readonly flags: readonly string[] }[] = [
  { mode: 'fast', flags: [] },
  { mode: 'safe', flags: ['--safe'] },
];

/** The mount gives way while cargo removes the directory, and comes back on its own. */
async function mountedAgain(workspace: Workspace): Promise<void> {
  await waitUntil('it is mounted again', () => mountsBelow(workspace.target).length === 1);
}

describeEndToEnd('the driver fuse-native', () => {
  describe.each(modes)('in mode $mode', ({ flags }) => {
    const driver = ['--driver', 'fuse-native', ...flags];

    test('serves a second workspace what the first one built', async () => {
      await using world = await createWorld();
      const first = await world.workspace('first', five);
      expect((await first.mount(...driver)).driver).toBe('fuse-native');
      expect((await first.buildAndSettle()).compiled).toEqual(
        expect.arrayContaining(['anyhow', 'app', 'itoa']),
      );
      expect(await first.mustCargo('build')).toMatchObject(nothingToDo);

      const second = await world.workspace('second', five);
      await second.mount(...driver);
      const run = await second.buildAndSettle();
      expect(run.compiled).toEqual(['app']);
      expect(second.output()).toBe('5');
      expect(await second.mustCargo('build')).toMatchObject(nothingToDo);
      expect((await world.verify()).problems).toEqual([]);
    });

    test('shares with the driver direct, both ways', async () => {
      await using world = await createWorld();
      const direct = await world.workspace('direct', {
        ...five,
        dependencies: { itoa: '=1.0.19' },
      });
      await direct.mount();
      await direct.buildAndSettle();
      const native = await world.workspace('native', five);
      await native.mount(...driver);
      const run = await native.buildAndSettle();
      expect(run.compiled).toContain('anyhow');
      expect(run.compiled).not.toContain('itoa');
      const last = await world.workspace('last', five);
      await last.mount();
      expect((await last.buildAndSettle()).compiled).toEqual(['app']);
      expect(last.output()).toBe('5');
    });

    test('gives way to cargo clean, and serves the next build', async () => {
      await using world = await createWorld();
      const workspace = await world.workspace('one', five);
      await workspace.mount(...driver);
      await workspace.buildAndSettle();
      for (const _round of [1, 2]) {
        expect(await workspace.cargo('clean')).toMatchObject({ exitCode: 0 });
        await mountedAgain(workspace);
        expect(await workspace.list('.')).toEqual([]);
        expect((await workspace.buildAndSettle()).compiled).toEqual(['app']);
        expect(workspace.output()).toBe('5');
      }
      await workspace.unmount();
      expect(mountsBelow(workspace.target)).toEqual([]);
      await workspace.mount(...driver);
      expect(await workspace.mustCargo('build')).toMatchObject(nothingToDo);
    });

    test('gives way also while somebody is inside, who then sees an empty directory', async () => {
      await using world = await createWorld();
      const workspace = await world.workspace('one', five);
      await workspace.mount(...driver);
      await workspace.buildAndSettle();
      const shell = spawn('sh', ['-c', 'read line; ls -A; echo end; read line'], {
        cwd: workspace.target,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const closed = once(shell, 'close');
      const said = once(shell.stdout, 'data');
      expect(await workspace.cargo('clean')).toMatchObject({ exitCode: 0 });
      await mountedAgain(workspace);
      expect((await workspace.buildAndSettle()).compiled).toEqual(['app']);
      shell.stdin.write('look\n');
      expect(String(await said)).toBe('end\n');
      expect((await world.xcache('service', 'stop')).exitCode).toBe(0);
      expect(mountsBelow(workspace.target)).toEqual([]);
      shell.stdin.end();
      await closed;
    });

    test('gives way to rm -rf, and keeps what is written afterwards', async () => {
      await using world = await createWorld();
      const workspace = await world.workspace('one', five);
      await workspace.mount(...driver);
      await workspace.buildAndSettle();
      must('rm', '-rf', workspace.target);
      await mountedAgain(workspace);
      writeFileSync(join(workspace.target, 'kept'), 'kept');
      expect((await workspace.buildAndSettle()).compiled).toEqual(['app']);
      await workspace.unmount('--materialize');
      expect(readFileSync(join(workspace.target, 'kept'), 'utf8')).toBe('kept');
      expect(existsSync(join(workspace.target, 'debug/app'))).toBe(true);
    });
  });
});
