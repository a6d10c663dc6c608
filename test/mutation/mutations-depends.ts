/** What a unit was made of, and with what: dependencies, sources, files, settings, tools. */
import type { Mutation } from './mutation.js';

export const dependencyMutations: readonly Mutation[] = [
  {
    rule: 1,
    name: 'tools are no part of the identity of a unit',
    edits: [
      {
        file: 'units/unit-identity.ts',
        search: '    entries(facts.tools),\n',
        replace: '',
      },
    ],
    testFile: 'units/unit-identity.test.ts',
    testName: 'is another one with',
  },
  {
    rule: 1,
    name: 'digests of inputs are no part of the identity of a unit',
    edits: [
      {
        file: 'units/unit-identity.ts',
        search: '=> [kind, root, paths, digest])',
        replace: '=> [kind, root, paths])',
      },
    ],
    testFile: 'units/unit-identity.test.ts',
    testName: 'is another one with',
  },
  {
    rule: 1,
    name: 'how dependencies were made is no part of the identity of a unit',
    edits: [
      {
        file: 'units/unit-identity.ts',
        search: '=> [unitKey, identity])',
        replace: '=> [unitKey])',
      },
    ],
    testFile: 'units/unit-identity.test.ts',
    testName: 'is another one with',
  },
  {
    rule: 7,
    name: 'units that were made again in the same way are offered, too',
    edits: [
      {
        file: 'units/resolver.ts',
        search: 'const candidates = found.length > 1 ? withoutSuperseded(found) : found;',
        replace: 'const candidates = found;',
      },
    ],
    testFile: 'units/resolver.test.ts',
    testName: 'a unit that was made again in the same way is the latest',
  },
  {
    rule: 7,
    name: 'rejected units are stored again and offered',
    edits: [
      {
        file: 'units/rejections.ts',
        search: 'return this.#units.size > 0 && this.#units.has(keyOf(unit));',
        replace: "return keyOf(unit) === '';",
      },
    ],
    testFile: 'e2e/variants.test.ts',
    testName: 'is never served again once it was rejected, until that is undone',
  },
  {
    rule: 7,
    name: 'a stored unit that differs from what was compiled is not rejected',
    edits: [
      {
        file: 'units/unit-verification.ts',
        search: "if (comparison.kind === 'differs') await this.#reject(expected.id, unit.facts);",
        replace: '',
      },
    ],
    testFile: 'e2e/variants.test.ts',
    testName: 'is found by XCACHE_VERIFY, rejected, and the build has what was compiled',
  },
  {
    rule: 7,
    name: 'a unit that was rejected is offered while it is in the store',
    edits: [
      {
        file: 'units/resolver.ts',
        search: '.filter(({ facts }) => !this.#store.isRejected(facts));',
        replace: ';',
      },
    ],
    testFile: 'units/resolver.test.ts',
    testName: 'a unit that was rejected is not served',
  },
  {
    rule: 8,
    name: 'units of another commit are offered',
    edits: [
      {
        file: 'units/source-fit.ts',
        search: 'const isLocked = [...commits].some((commit) => commit.startsWith(short));',
        replace: "const isLocked = short !== '';",
      },
    ],
    testFile: 'units/source-fit.test.ts',
    testName: 'but not at a commit that the lock file does not have',
  },
  {
    rule: 11,
    name: 'files of the package that a macro reads are no inputs',
    edits: [
      {
        file: 'units/compilation-inputs.ts',
        search: 'const trees = readsFiles || assembled ? [packageTree(sources)] : [];',
        replace: 'const trees = assembled ? [packageTree(sources)] : [];',
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a file of the package that a macro reads',
  },
  {
    rule: 8,
    name: 'units of another CARGO_HOME are offered',
    edits: [
      {
        file: 'units/source-fit.ts',
        search: 'if (!facts.packageRoot.startsWith(prefix)) {',
        replace: "if (facts.packageRoot === '') {",
      },
    ],
    testFile: 'units/source-fit.test.ts',
    testName: 'but not below another CARGO_HOME',
  },
  {
    rule: 8,
    name: 'what a way leads to that cannot be followed counts as not there',
    edits: [
      {
        file: 'units/input-walk.ts',
        search: "if (look.kind === 'unknown') this.fail(look.why);",
        replace: "if (look.kind === 'unknown') this.line(path, 'absent');",
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'of which nothing can be known are neither recorded nor equal to missing ones',
  },
  {
    rule: 8,
    name: 'links are not followed below a directory',
    edits: [
      {
        file: 'units/input-walk.ts',
        search: "else if (behind.kind === 'there') this.addPlace(behind, label);",
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'are what links below a directory lead to, not only the links',
  },
  {
    rule: 8,
    name: 'where a link leads to is not compared',
    edits: [
      {
        file: 'units/input-walk.ts',
        search: "this.line(label, 'link', text);",
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'are what links below a directory lead to, not only the links',
  },
  {
    rule: 8,
    name: 'a file is known by its times and size, whatever its inode is',
    edits: [
      {
        file: 'units/input-walk.ts',
        search: 'known.ino === stats.ino &&',
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'that are known are not read again, whatever the number of the device is',
  },
  {
    rule: 8,
    name: 'the bytes of a library are not compared',
    edits: [
      {
        file: 'units/native-walk.ts',
        search: 'walk.addFile(file.place, path, file.name, file.place.real);',
        replace: '',
      },
    ],
    testFile: 'units/input-verifier.test.ts',
    testName: 'is the library that the linker finds, in the order of its search',
  },
  {
    rule: 8,
    name: 'libraries that are bundled into a crate are no inputs of it',
    edits: [
      {
        file: 'units/linked-libraries.ts',
        search: 'return [...sets.values()];',
        replace: 'return [];',
      },
    ],
    testFile: 'e2e/native-inputs.test.ts',
    testName: 'that #[link] bundles count by their bytes, too',
  },
  {
    rule: 9,
    name: 'the parts of the toolchain are no part of the namespace',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: '      toolchain.sysrootIdentity,\n',
        replace: '',
      },
    ],
    testFile: 'host/session-environment.test.ts',
    testName: 'a toolchain of which a part was built again from one that is the same',
  },
  {
    rule: 9,
    name: 'aliases are not expanded',
    edits: [
      {
        file: 'cargo/command-line.ts',
        search: 'const found = alias(subcommand) ?? builtinWords(subcommand);',
        replace: 'const found = builtinWords(subcommand);',
      },
    ],
    testFile: 'host/cargo-config.test.ts',
    testName: 'is read as cargo does',
  },
  {
    rule: 9,
    name: 'a wrapper in an alias is not seen',
    edits: [
      {
        file: 'cargo/command-line.ts',
        search: 'const found = alias(subcommand) ?? builtinWords(subcommand);',
        replace: 'const found = builtinWords(subcommand);',
      },
    ],
    testFile: 'e2e/environment-guesses.test.ts',
    testName: 'is read from aliases: what',
  },
  {
    rule: 9,
    name: '--config on the command line does not count',
    edits: [
      {
        file: 'host/cargo-config.ts',
        search: 'const loaded = withConfigArguments(base, command.configs, cwd, files);',
        replace: 'const loaded = withConfigArguments(base, [], cwd, files);',
      },
    ],
    testFile: 'host/cargo-config.test.ts',
    testName: 'is stronger than files and the environment, the last one most of all',
  },
  {
    rule: 9,
    name: 'a configuration that means something else by its unstable flags is read as usual',
    edits: [
      {
        file: 'host/cargo-config.ts',
        search: 'if (unstable !== undefined) {',
        replace: "if (unstable === '') {",
      },
    ],
    testFile: 'host/cargo-config.test.ts',
    testName: 'what changes the meaning of the configuration is refused',
  },
  {
    rule: 9,
    name: 'files are included that an old cargo leaves alone',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: 'if (config.hasIncludes && leavesIncludes(toolchain.release)) {',
        replace: "if (config.hasIncludes && toolchain.release === '\\0') {",
      },
    ],
    testFile: 'host/session-environment.test.ts',
    testName: 'where cargo is too old to read the files that the configuration includes',
  },
  {
    rule: 9,
    name: 'flags of profiles may read files',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: "if (flag !== undefined) return unknown('profile-flags', flag);",
        replace: '',
      },
    ],
    testFile: 'host/session-environment.test.ts',
    testName: 'profile-flags',
  },
  {
    rule: 9,
    name: 'flags of a profile that stand in a variable may name the processor',
    edits: [
      {
        file: 'cargo/profile-flags.ts',
        search: 'const flag = flagIn(value.split(/\\s+/), name);',
        replace: 'const flag = flagIn([], name);',
      },
    ],
    testFile: 'cargo/profile-flags.test.ts',
    testName: 'is found in overrides, and where its value is a word of its own',
  },
  {
    rule: 9,
    name: 'the linker that cargo is configured to use is not compared',
    edits: [
      {
        file: 'units/environment-fit.ts',
        search: "if (setting) return { reason: 'environment-differs', detail: setting };",
        replace: '',
      },
    ],
    testFile: 'units/resolver.test.ts',
    testName: 'a unit is not served where that is not so',
  },
  {
    rule: 9,
    name: 'a linker that a flag names is no tool of the unit',
    edits: [
      {
        file: 'cargo/native-programs.ts',
        search: 'if (linker !== undefined) found.add(linker);',
        replace: '',
      },
    ],
    testFile: 'cargo/environment.test.ts',
    testName: 'is what flags name beside that',
  },
  {
    rule: 10,
    name: 'the [env] table of the configuration is left out',
    edits: [
      {
        file: 'host/session-environment.ts',
        search: 'if (entry.force || result[name] === undefined) result[name] = entry.value;',
        replace: '',
      },
    ],
    testFile: 'e2e/environment-guesses.test.ts',
    testName: 'has the [env] tables of all configurations',
  },
  {
    rule: 10,
    name: 'the [env] table of the deepest file takes the place of the others',
    edits: [
      {
        file: 'cargo/config-value.ts',
        search:
          'const merged = below === undefined ? value : mergeConfig(below, value, first, path);',
        replace: 'const merged = value;',
      },
    ],
    testFile: 'host/cargo-config.test.ts',
    testName: 'is merged key by key, the deepest value of each winning',
  },
  {
    rule: 10,
    name: 'variables that macros read while they run are not recorded',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: 'variables: [...tracked, ...others],',
        replace: 'variables: tracked,',
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a variable that a macro reads: itself, by a library, by a name that it is told',
  },
  {
    rule: 10,
    name: 'names of variables that a macro is told are not looked for',
    edits: [
      {
        file: 'units/compilation-environment.ts',
        search: 'if (mentions.readsComputedVariable) {',
        replace: "if (names.has('\\0')) {",
      },
    ],
    testFile: 'e2e/mentions.test.ts',
    testName: 'is a variable that a macro reads: itself, by a library, by a name that it is told',
  },
];
