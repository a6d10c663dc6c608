/** Packages of the registry that real projects hang on, with what is special about each. */
import { otherPath, printing, type ProofCase, type Scene, type Setting } from './proof-case.js';

const serdeApp = {
  dependencies: {
    serde: '{ version = "=1.0.229", features = ["derive"] }',
    serde_json: '=1.0.154',
    thiserror: '=2.0.21',
    anyhow: '=1.0.104',
  },
  files: printing(
    [
      'serde_json::to_string(&Point { x: 1, y: 2 }).unwrap()',
      'serde_json::from_str::<Point>("{\\"x\\":3}").unwrap_err()',
      'Fault::Number(5)',
      'anyhow::Error::new(Fault::Number(6)).context("outer").chain().count()',
    ],
    [
      '#[derive(Debug, serde::Serialize, serde::Deserialize)]',
      'struct Point { x: i32, y: i32 }',
      '#[derive(Debug, thiserror::Error)]',
      'enum Fault { #[error("number {0}")] Number(u32) }',
    ].join('\n'),
  ),
};

const regexDependency = (features: string): Record<string, string> => ({
  regex: `{ version = "=1.13.2", default-features = false, features = [${features}] }`,
});

const regexIn = (features: string): Setting => ({
  dependencies: regexDependency(features),
  files: printing(['regex::Regex::new("b+").unwrap().find("abbc").unwrap().end()']),
});

export const registryCases: readonly ProofCase[] = [
  {
    name: 'crates include generated files from OUT_DIR (serde, serde_core)',
    group: 'short',
    setup: () =>
      otherPath(
        {
          dependencies: { serde: '=1.0.229', itoa: '=1.0.19' },
          files: printing(
            ['itoa::Buffer::new().format(5)', 'serde::de::value::Error::custom("no")'],
            'use serde::de::Error as _;',
          ),
        },
        ['serde', 'serde_core', 'serde build-script', 'itoa'],
      ),
  },
  {
    name: 'derive macros and everything of serde are in the graph',
    group: 'full',
    setup: () => otherPath(serdeApp, ['serde', 'serde_derive', 'serde_core', 'syn', 'anyhow']),
  },
  {
    name: 'the release profile is meant (serde)',
    group: 'full',
    setup: () => otherPath({ ...serdeApp, args: ['--release'] }, ['serde', 'serde_derive', 'syn']),
  },
  {
    name: 'the store knows other features (regex)',
    group: 'full',
    setup: () => ({
      app: regexIn('"std", "perf", "unicode"'),
      origins: [regexIn('"std"'), regexIn('"std", "perf"')],
      built: ['regex', 'regex-automata', 'regex-syntax'],
      served: ['aho-corasick', 'memchr'],
    }),
  },
  {
    name: 'the store was filled in pieces, in another order (regex, anyhow, itoa)',
    group: 'full',
    setup: (): Scene => {
      const regex = regexDependency('"std"');
      const [anyhow, itoa] = [{ anyhow: '=1.0.104' }, { itoa: '=1.0.19' }];
      return {
        app: {
          dependencies: { ...itoa, ...anyhow, ...regex },
          files: printing([
            'itoa::Buffer::new().format(5)',
            'anyhow::anyhow!("seven")',
            'regex::Regex::new("b+").unwrap()',
          ]),
        },
        origins: [
          { dependencies: itoa, command: 'test' },
          { dependencies: regex, command: 'check' },
          { dependencies: { ...regex, ...anyhow } },
        ],
        built: [],
        served: ['itoa', 'anyhow', 'regex', 'regex-automata', 'regex-syntax'],
      };
    },
  },
  {
    name: 'the same path builds again after everything went (serde)',
    group: 'full',
    setup: () => ({
      app: serdeApp,
      origins: [{ ...serdeApp, isSamePath: true }],
      built: [],
      served: ['serde', 'serde_derive', 'syn', 'thiserror'],
    }),
  },
];
