/** What cargo, rustc and build scripts write, as anybody could have written it into a target. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { foreignPaths, parseBuildOutput } from '../../src/cargo/build-output.js';
import { parseDepInfo } from '../../src/cargo/dep-info.js';
import { findEnvironmentUses } from '../../src/cargo/environment-uses.js';
import { parseFingerprintName } from '../../src/cargo/fingerprint-name.js';
import {
  fingerprintHash,
  formatFingerprintHash,
  parseFingerprintHash,
  parseFingerprintJson,
} from '../../src/cargo/fingerprint.js';
import { isFingerprintJson, parseUnitPath, profileScope } from '../../src/cargo/layout.js';
import { searchObjectCode } from '../../src/cargo/object-code.js';
import { neutralText, replacePath } from '../../src/cargo/path-mentions.js';
import { parseRustcDepFile } from '../../src/cargo/rustc-dep-file.js';
import { tokenizeRust } from '../../src/cargo/rust-lexer.js';
import { sourceMentions } from '../../src/cargo/source-mentions.js';
import { textMentions } from '../../src/cargo/text-mentions.js';
import { mentionsBeyondIncludes } from '../../src/cargo/variable-mentions.js';
import type { VirtualPath } from '../../src/base/byte-string.js';
import { ownOutDir, rewriteForeignPaths } from '../../src/units/output-rewriting.js';
import { fingerprintFixture, fixtureBytes, fixtureNames } from '../cargo/fixtures.js';
import { fuzz } from './fuzz.js';
import { mutated, mutatedText } from './mutations.js';

const fingerprints = fixtureNames('fingerprints').map((name) => fingerprintFixture(name));
const depInfos = fixtureNames('dep-info').map((name) => fixtureBytes(`dep-info/${name}`));

const dependencyFiles = [
  '/w/t/debug/deps/pu-5a86600eb919ab15.d: src/lib.rs src/a\\ b.rs /x/out/private.rs\n\nsrc/lib.rs:\nsrc/a\\ b.rs:\n\n# env-dep:CARGO_PKG_NAME=pu\n# env-dep:PU_NAME=a\\nb\\\\ c=d\n# env-dep:PU_OPT\n# checksum:blake3=d39e file_len:145 src/lib.rs: x\n',
];
const facts = {
  buildDir: '/w/p1/target',
  layout: 'classic',
  profilePath: 'debug',
  package: 'nat-sys',
  unitHash: '0123456789abcdef',
} as const;
const outputs = [
  `cargo:rustc-link-search=native=${ownOutDir(facts)}/lib\ncargo::rustc-env=K=a=b\ncargo:root=/w/p1/target/debug/build/dep-fedcba9876543210/out/../x\ncargo:rerun-if-changed=build.rs\ncargo:rerun-if-env-changed=CC\n`,
];
const sources = [
  'include!(concat!(env!("OUT_DIR"), "/a.rs")); /* a /* b */ c */ const X: &str = r#"env!("A")"#; fn f<\'a>() { let c = \'\\u{41}\'; std::env::var("CC"); option_env!("FOO"); b"x"; c"y"; "\\x41\\\n  z" }',
  'macro_rules! env { ($x:expr) => { core::env!($x) } } concat!(stringify!(a), env!("B", "no b"), 1)',
];
const names = [
  'debug/.fingerprint/serde-0123456789abcdef/lib-serde.json',
  'x86_64-unknown-linux-gnu/release/build/serde/0123456789abcdef/fingerprint/lib-serde.json',
  'debug/deps/libserde-0123456789abcdef.rlib',
  'run-build-script-build-script-build',
];

/** Programs of this machine are as good as any; this one is small. */
const objects = [
  readFileSync('/bin/true'),
  Buffer.from(`!<arch>\n${'a.o/'.padEnd(48)}${'12'.padEnd(10)}\`\n/w/p1/target`),
];

describe('a file of cargo that anybody may have written', () => {
  fuzz('fingerprint JSON', {
    inputs: mutatedText(fingerprints.map(({ json }) => json)),
    check: (text) => {
      const fingerprint = parseFingerprintJson(text);
      if (fingerprint === undefined) return;
      const hash = fingerprintHash(fingerprint);
      expect(parseFingerprintHash(formatFingerprintHash(hash))).toBe(hash);
    },
  });

  fuzz('fingerprint hash', {
    inputs: mutatedText(fingerprints.map(({ hash }) => hash)),
    check: (text) => {
      const hash = parseFingerprintHash(text);
      if (hash !== undefined) expect(formatFingerprintHash(hash)).toBe(text);
    },
  });

  fuzz('dep-info', {
    inputs: mutated(depInfos),
    check: (bytes) => {
      const found = parseDepInfo(bytes);
      if (found === undefined) return;
      // Each file takes six bytes at least, each variable five.
      const { files, env } = found;
      expect(files.length * 6 + env.length * 5).toBeLessThanOrEqual(bytes.length);
    },
  });

  fuzz('.d file of rustc', {
    inputs: mutatedText(dependencyFiles),
    check: (text) => {
      const found = parseRustcDepFile(text);
      if (found !== undefined) expect(found.sources.length).toBeGreaterThan(0);
    },
  });

  fuzz('output of a build script', {
    inputs: mutatedText(outputs),
    check: (text) => {
      const { directives } = parseBuildOutput(text);
      expect(directives.length).toBeLessThanOrEqual(text.split('\n').length);
      foreignPaths(text, ownOutDir(facts), facts.buildDir);
      const bytes = Buffer.from(text, 'utf8');
      const rewritten = rewriteForeignPaths(bytes, facts, '/q');
      expect(rewritten.length).toBeLessThanOrEqual(bytes.length);
      expect(rewriteForeignPaths(bytes, facts, facts.buildDir).equals(bytes)).toBe(true);
    },
  });

  fuzz('object code and archives', {
    inputs: mutated(objects),
    check: (bytes) => {
      let looked = 0;
      const found = searchObjectCode(bytes, (part) => {
        looked += part.length;
        return part.includes('/w/p1');
      });
      // Each byte at most twice; what is found once more for its section's name.
      expect(looked).toBeLessThanOrEqual(3 * bytes.length);
      if (found?.verdict === 'named') expect(bytes.includes('/w/p1')).toBe(true);
    },
  });

  fuzz('text in OUT_DIR', {
    inputs: mutatedText(outputs.map((text) => `${text}S["a"]="/w/p1/tar"\\\n"get/x"`)),
    check: (text) => {
      const moved = replacePath(text, [facts.buildDir, '/q']);
      expect(moved.length).toBeLessThanOrEqual(text.length);
      neutralText(text, facts.buildDir);
    },
  });

  fuzz('Rust source', {
    inputs: mutatedText(sources),
    check: (text) => {
      const { tokens } = tokenizeRust(text);
      expect(tokens.length).toBeLessThanOrEqual(text.length);
      findEnvironmentUses(text, new Set(['OUT_DIR', 'A']));
      mentionsBeyondIncludes(text, 'OUT_DIR', false);
      sourceMentions(text);
      textMentions(text);
    },
  });

  fuzz('names in a build-dir', {
    inputs: mutated(names.map((name) => Buffer.from(name))).map((bytes) =>
      bytes.toString('latin1'),
    ),
    check: (name) => {
      const path = name as VirtualPath;
      parseFingerprintName(name);
      profileScope(path);
      const unit = parseUnitPath(path);
      if (unit !== undefined) expect(unit.unitHash).toMatch(/^[0-9a-f]{16}$/);
      if (isFingerprintJson(path) !== undefined) expect(unit).toBeDefined();
    },
  });

  fuzz('hash input', {
    inputs: fc.tuple(
      fc.constantFrom(...fingerprints.map(({ json }) => parseFingerprintJson(json)!)),
      fc.string({ unit: 'binary' }),
      fc.array(fc.string({ unit: 'binary' })),
    ),
    check: ([sample, features, rustflags]) => {
      const hash = fingerprintHash({ ...sample, features, rustflags });
      expect(hash >= 0n && hash < 1n << 64n).toBe(true);
    },
  });
});
