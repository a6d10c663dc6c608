import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HostFiles } from '../../src/host/host-files.js';
import { ToolIdentities } from '../../src/host/tools.js';
import { identifyScriptTools } from '../../src/units/script-tools.js';
import { createTempDirectory } from '../support/tmp.js';

test('a tool that is not there is recorded as that, a string that is no program is not', async () => {
  await using directory = await createTempDirectory();
  const there = join(directory.path, 'there');
  writeFileSync(there, 'binary');
  chmodSync(there, 0o755);
  const tools = new ToolIdentities({
    variables: { PATH: directory.path },
    workingDirectory: '/',
    files: new HostFiles(() => []),
  });
  const mentioned = {
    names: new Set(['missing']),
    candidates: new Set(['there', 'a-word']),
    probed: new Set<string>(),
    isSteered: false,
    isOpen: false,
  };
  expect(identifyScriptTools(mentioned, ['another-word'], '/package', tools)).toEqual({
    missing: null,
    there: tools.identify('there'),
  });
});
