import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../../src/cli/program.js';
import { createStyle } from '../../src/cli/terminal.js';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';

let directory: TempDirectory;
let script: string;

beforeEach(async () => {
  directory = await createTempDirectory();
  script = join(directory.path, 'script');
  await mkdir(join(directory.path, 'target'));
  await mkdir(join(directory.path, 'two words'));
  await writeFile(join(directory.path, 'file'), '');
});

afterEach(async () => {
  await directory[Symbol.asyncDispose]();
});

async function output(...argv: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const style = (): ReturnType<typeof createStyle> => createStyle(false);
  const code = await runCommandLine(argv, { out: write, err: write, isWatched: false, style });
  expect(code).toBe(0);
  return lines.join('\n');
}

/** Runs a shell in the directory; its stderr must stay empty. */
function shell(program: string, ...argv: readonly string[]): readonly string[] {
  const run = spawnSync(program, argv, {
    cwd: directory.path,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: directory.path, TERM: 'dumb' },
  });
  expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
  return run.stdout.split('\n').filter((line) => line !== '');
}

function has(program: string): boolean {
  const found = spawnSync(program, ['-c', 'exit 0']).status === 0;
  if (!found) process.stderr.write(`not tested: ${program} is not installed\n`);
  return found;
}

const commands = ['mount', 'unmount', 'status', 'config', 'completions', 'service', 'help'];

describe('bash', () => {
  /** What bash offers for a command line; its last word is the one that is completed. */
  function offers(...words: readonly string[]): readonly string[] {
    const ask =
      'source ./script; [[ $(complete -p xcache) == *"-F _xcache xcache" ]] || exit 3; ' +
      'COMP_WORDS=(xcache "$@"); COMP_CWORD=$#; _xcache 2>/dev/null; ' +
      'for offer in "$' +
      '{COMPREPLY[@]}"; do echo "$offer"; done';
    return shell('bash', '--norc', '-c', ask, 'bash', ...words);
  }

  beforeEach(async () => {
    await writeFile(script, await output('completions', 'bash'));
  });

  test('accepts the script', () => {
    expect(shell('bash', '-n', script)).toEqual([]);
  });

  test('offers commands, and those below a command', () => {
    expect(offers('')).toEqual(expect.arrayContaining(commands));
    expect(offers('uni')).toEqual(['units']);
    expect(offers('service', 'st')).toEqual(expect.arrayContaining(['start', 'stop', 'status']));
    expect(offers('help', 'mou')).toEqual(['mount']);
  });

  test('offers the options of the very command', () => {
    expect(offers('mount', '--')).toEqual(
      expect.arrayContaining(['--foreground', '--driver', '--json', '--help']),
    );
    expect(offers('service', 'run', '--b')).toEqual(['--background']);
    expect(offers('umount', '--ma')).toEqual(['--materialize']);
    expect(offers('stats', '--b')).toEqual([]);
  });

  test('offers choices for the values of options and for arguments', () => {
    expect(offers('mount', '--driver', '')).toEqual(['direct', 'fuse-native']);
    expect(offers('mount', '--driver', '=', 'fu')).toEqual(['fuse-native']);
    expect(offers('mount', '--driver', '=')).toEqual(['direct', 'fuse-native']);
    expect(offers('units', '--color', 'never', '--sort', 's')).toEqual(['size']);
    expect(offers('completions', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(offers('gc', '--max-size', '')).toEqual([]);
  });

  test('offers directories where a directory belongs, once', () => {
    expect(offers('mount', '')).toEqual(expect.arrayContaining(['target', 'two words']));
    expect(offers('mount', '')).not.toContain('file');
    expect(offers('unmount', '--materialize', 'ta')).toEqual(['target']);
    expect(offers('mount', 'target', '')).toEqual([]);
  });
});

describe.skipIf(!has('zsh'))('zsh', () => {
  test('accepts the script, which defines the function alone before compinit', async () => {
    await writeFile(script, await output('completions', 'zsh'));
    expect(shell('zsh', '-f', '-n', script)).toEqual([]);
    expect(shell('zsh', '-f', '-c', 'source ./script && whence -w _xcache')).toEqual([
      '_xcache: function',
    ]);
  });

  test('is given its completion after compinit', async () => {
    await writeFile(script, await output('completions', 'zsh'));
    const ask =
      'autoload -Uz compinit && compinit -u -D && source ./script && print $_comps[xcache]';
    expect(shell('zsh', '-f', '-c', ask)).toEqual(['_xcache']);
  });
});

describe.skipIf(!has('fish'))('fish', () => {
  function offers(line: string): readonly string[] {
    const ask = `source ./script; complete -C ${JSON.stringify(line)}`;
    return shell('fish', '--no-config', '-c', ask).map((each) => each.split('\t')[0] ?? '');
  }

  test('accepts the script and offers what is possible', async () => {
    await writeFile(script, await output('completions', 'fish'));
    expect(shell('fish', '--no-execute', script)).toEqual([]);
    expect(offers('xcache ')).toEqual(expect.arrayContaining(commands));
    expect(offers('xcache service st')).toEqual(expect.arrayContaining(['start', 'stop']));
    expect(offers('xcache status st')).toEqual([]);
    expect(offers('xcache mount --driver ')).toEqual(['direct', 'fuse-native']);
    expect(offers('xcache mount --fore')).toEqual(['--foreground']);
    expect(offers('xcache mount ')).toContain('target/');
    expect(offers('xcache stats --fore')).toEqual([]);
  });
});

describe('the manual', () => {
  test('of every command has each of its sections', async () => {
    const script = await output('completions', 'fish');
    const paths = [...script.matchAll(/^ {16}set path '(.+)'$/gm)].map((match) => match[1] ?? '');
    expect(paths).toEqual(expect.arrayContaining(['mount', 'service run', 'completions']));
    for (const path of paths.filter((each) => !/\bhelp$/.test(each))) {
      const manual = await output(...path.split(' '), '--help');
      const sections = [
        'Options:',
        'Examples:',
        'Exit codes:',
        'Environment:',
        'Files:',
        'See also:',
      ];
      expect(manual).toMatch(new RegExp(`^Usage: xcache ${path.split(' ')[0] ?? ''}`));
      // The paragraph below the synopsis.
      expect(manual.split('\n\n')[1], path).toMatch(/^\w.{15}/s);
      for (const section of sections) expect(manual, path).toMatch(new RegExp(`^${section}`, 'm'));
      const longest = Math.max(...manual.split('\n').map((line) => line.length));
      expect(longest, path).toBeLessThanOrEqual(100);
    }
  });

  test('names only commands that there are under "See also"', async () => {
    const script = await output('completions', 'fish');
    const paths = [...script.matchAll(/^ {16}set path '(.+)'$/gm)].map((match) => match[1] ?? '');
    for (const path of paths.filter((each) => !/\bhelp$/.test(each))) {
      const manual = await output(...path.split(' '), '--help');
      const others = /^See also:\n([\s\S]*)/m.exec(manual)?.[1] ?? '';
      const names = [...others.matchAll(/xcache\s+([a-z]+)/g)].map((match) => match[1] ?? '');
      expect(names.length, path).toBeGreaterThan(0);
      for (const name of names) expect(paths, path).toContain(name);
    }
  });
});
