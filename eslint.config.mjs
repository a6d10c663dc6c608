import tseslint from 'typescript-eslint';

/**
 * Modules that may call the synchronous functions of node:fs. Everything else in src/ runs in the
 * service's main thread, where a call that blocks stops every view from being answered.
 */
const mayBlock = [
  // The synchronous heart: a request is handled to its end before the next one is read.
  'src/fs/**',
  'src/fuse/**',
  // Worker threads of their own.
  'src/views/**/*-worker.ts',
  'src/store/hash-worker.ts',
  'src/store/**/*-worker.ts',
  // What the resolver must know while the kernel waits for its answer: small files, bounded reads.
  'src/units/blob-access.ts',
  'src/host/host-files.ts',
  'src/host/libc-version.ts',
  'src/host/mount-table.ts',
  'src/host/builder-digest.ts',
  'src/host/left-processes.ts',
  'src/host/process-tree.ts',
  'src/host/script-tree.ts',
  'src/host/session-environment.ts',
  'src/host/toolchain.ts',
  'src/host/sysroot.ts',
  'src/host/script-text.ts',
  'src/host/tools.ts',
  // Small files that were written a moment ago, where a thread switch costs more than the read.
  'src/units/unit-files.ts',
  'src/views/view-directory.ts',
  // Closes the device when the thread that serves it has ended.
  'src/views/serving/serving-thread.ts',
  // A thread that waits for the answer; a removed view must be out of the way before the next message.
  'src/views/user-mount/workspace-views.ts',
  // Runs in the commands, before there is a service.
  'src/service/process/service-launcher.ts',
  // Start-up, and reads that the resolver waits for.
  'src/store/**',
  // The last lines before a crash must be on disk.
  'src/base/log.ts',
  // The blocking half is for fs and store, which may block themselves.
  'src/base/atomic-file.ts',
  // One small file at the start of a process.
  'src/base/version.ts',
  // A command has nothing else to do meanwhile.
  'src/cli/**',
];

export default tseslint.config(
  {
    // The plain scripts have no types to check.
    ignores: ['dist/**', 'node_modules/**', 'coverage/**', '**/*.mjs', '**/*.cjs'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/return-await': ['error', 'always'],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // `await using _mount = …` holds something for its end alone.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
      complexity: ['error', 20],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-constant-condition': ['error', { checkLoops: 'allExceptWhileTrue' }],
      'no-fallthrough': 'error',
      'no-self-assign': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unsafe-finally': 'error',
      'no-useless-escape': 'error',
      'no-irregular-whitespace': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: {
      // process.exit leaves mounts behind unless it is the very last step.
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'exit',
          message: 'Return an exit code; src/cli/main.ts exits.',
        },
      ],
    },
  },
  { files: ['src/cli/main.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['src/**'],
    ignores: mayBlock,
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'ImportDeclaration[source.value=/^(node:)?fs$/] ImportSpecifier[imported.name=/Sync$/]',
          message: 'Synchronous node:fs calls are for the modules listed in eslint.config.mjs.',
        },
        {
          selector:
            'ImportDeclaration[source.value=/^(node:)?fs$/] :matches(ImportDefaultSpecifier, ImportNamespaceSpecifier)',
          message: 'Import the functions of node:fs by name, so that synchronous ones are seen.',
        },
      ],
    },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
