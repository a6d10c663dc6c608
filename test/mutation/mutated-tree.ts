/** A copy of the source tree in which single rules are switched off. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { createTempDirectory, type TempDirectory } from '../support/tmp.js';
import type { Edit, Mutation } from './mutation.js';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

const copied = [
  'src',
  'test',
  'bench',
  'tools',
  'native-notes',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'vitest.config.ts',
];

/** As in tsconfig.json, as far as it decides what comes out of a module. */
const emitted: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
};

export interface TestVerdict {
  readonly passed: number;
  readonly failed: number;
  /** For a verdict that was not expected. */
  readonly output: string;
}

/** A file of the sources with the edits of a mutation; throws where one does not fit exactly once. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const { file, search, replace } of edits) {
    const parts = result.split(search);
    if (parts.length !== 2) {
      throw new Error(`${file} has ${parts.length - 1} times, not once: ${search}`);
    }
    result = parts.join(replace);
  }
  return result;
}

export class MutatedTree implements AsyncDisposable {
  readonly #directory: TempDirectory;
  readonly #unmutated = new Map<string, TestVerdict>();

  private constructor(directory: TempDirectory) {
    this.#directory = directory;
  }

  /** Copies the tree as it is and compiles it, without a look at its types. */
  static async create(): Promise<MutatedTree> {
    const directory = await createTempDirectory();
    for (const name of copied) {
      cpSync(join(root, name), join(directory.path, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(directory.path, 'node_modules'));
    const tree = new MutatedTree(directory);
    for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
      const from = join(root, 'src', file);
      if (!statSync(from).isFile()) continue;
      mkdirSync(dirname(join(directory.path, 'dist', file)), { recursive: true });
      if (file.endsWith('.ts')) tree.#write(file, readFileSync(from, 'utf8'));
      else copyFileSync(from, join(directory.path, 'dist', file));
    }
    return tree;
  }

  /** The tests of a mutation without it; asked once for each. */
  withoutMutation({ testFile, testName }: Mutation): TestVerdict {
    const key = `${testFile} ${testName}`;
    const known = this.#unmutated.get(key) ?? this.#runTest(testFile, testName);
    this.#unmutated.set(key, known);
    return known;
  }

  withMutation({ edits, testFile, testName }: Mutation): TestVerdict {
    const files = [...new Set(edits.map(({ file }) => file))];
    try {
      for (const file of files) {
        const text = readFileSync(join(root, 'src', file), 'utf8');
        const own = edits.filter((edit) => edit.file === file);
        this.#write(file, applyEdits(text, own));
      }
      return this.#runTest(testFile, testName);
    } finally {
      for (const file of files) {
        copyFileSync(join(root, 'src', file), join(this.#directory.path, 'src', file));
        this.#write(file, readFileSync(join(root, 'src', file), 'utf8'));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }

  /** One module is enough: a mutation changes no types. */
  #write(file: string, text: string): void {
    const { outputText, diagnostics } = ts.transpileModule(text, {
      compilerOptions: emitted,
      fileName: join(this.#directory.path, 'src', file),
      reportDiagnostics: true,
    });
    if (diagnostics?.some(({ category }) => category === ts.DiagnosticCategory.Error) === true) {
      throw new Error(`${file} does not parse any more`);
    }
    writeFileSync(join(this.#directory.path, 'src', file), text);
    writeFileSync(join(this.#directory.path, 'dist', file.replace(/\.ts$/, '.js')), outputText);
  }

  #runTest(testFile: string, testName: string): TestVerdict {
    const pattern = testName.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const words = ['node_modules/vitest/vitest.mjs', 'run', `test/${testFile}`, '-t', pattern];
    const { XCACHE_DIST: _dist, VITEST: _vitest, ...env } = process.env;
    const run = spawnSync(process.execPath, words, {
      cwd: this.#directory.path,
      env: { ...env, NO_COLOR: '1' },
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    const output = `${run.stdout}${run.stderr}`;
    const counts = /^(\d+) passed, (\d+) failed/m.exec(run.stdout);
    if (counts === null) throw new Error(`vitest did not end as usual: ${output.slice(-2_000)}`);
    return { passed: Number(counts[1]), failed: Number(counts[2]), output };
  }
}
