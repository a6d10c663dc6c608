/** The architecture of src/ as rules: imports go down only, one door per foreign package. */
const layers = ['cli', 'service', 'fs', 'store', 'base'];

const downOnly = layers.slice(1).map((layer, index) => ({
  name: `${layer}-imports-down-only`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: `^src/(${layers.slice(0, index + 1).join('|')})/` },
}));

/** The folders of src/service, the highest first; the files beside them put everything together. */
const serviceLayers = [
  'doctor',
  'setup',
  'daemon',
  'housekeeping',
  'control',
  'per-user-mount',
  'leaving',
  'views',
  'serving',
  'units',
  'host',
];

const serviceDownOnly = serviceLayers.map((layer, index) => ({
  name: `service-${layer}-imports-down-only`,
  severity: 'error',
  from: { path: `^src/service/${layer}/` },
  to: { path: `^src/service/(${[...serviceLayers.slice(0, index), '[^/]+\\.ts$'].join('|')})` },
}));

const door = (name, pkg, file) => ({
  name,
  severity: 'error',
  comment: `${pkg} is used through one door`,
  from: { path: '^src/', pathNot: file },
  to: { path: `node_modules/${pkg}/` },
});

/** What other folders may import of `layer`; the rest is its own business. */
const publicFiles = (layer, files) => ({
  name: `${layer}-has-private-files`,
  severity: 'error',
  comment: `add the file to the list if ${layer} is meant to offer it`,
  from: { path: '^src/', pathNot: `^src/${layer}/` },
  to: { path: `^src/${layer}/`, pathNot: `^src/${layer}/(${files.join('|')})\\.ts$` },
});

module.exports = {
  forbidden: [
    ...downOnly,
    ...serviceDownOnly,
    publicFiles('service', [
      'control/(control-client|protocol|service-lock)',
      'daemon/(config|dead-mounts|service-launcher|systemd-unit)',
      'doctor/doctor(-finding)?',
      'host/(paths|private-directory)',
      'service',
      'setup/setup(-step)?',
    ]),
    publicFiles('fs', [
      'driver/direct-(loop|state|wake)',
      'driver/driver-name',
      'closed-view',
      'driver/fuse-native',
      'exit-unmount',
      'file-system',
      'lower',
      'mount-(check|direct|health|table)',
      'overlay',
      'unmount',
      'view-control',
      'workspace-tree',
    ]),
    publicFiles('store', [
      'budget',
      'deferred-rows',
      'digest',
      'gc',
      'gc-plan',
      'manifest',
      'manifest-codec',
      'orphans',
      'pacer',
      'protections',
      'store',
      'verify',
    ]),
    {
      name: 'cargo-is-pure',
      severity: 'error',
      from: { path: '^src/cargo/' },
      to: {
        path: '^(src/(cli|service|fs|store)/|(node:)?(fs|child_process|net|worker_threads|os)(/|$))',
      },
    },
    {
      name: 'only-service-uses-cargo',
      severity: 'error',
      from: { path: '^src/(cli|fs|store|base)/' },
      to: { path: '^src/cargo/' },
    },
    { name: 'no-circular', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'src-never-imports-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    door('fuse-native-door', 'fuse-native', '^src/fs/driver/fuse-native[^/]*\\.ts$'),
    door('level-door', 'level', '^src/store/index-db\\.ts$'),
    door('blake3-door', '(blake3|@napi-rs/blake-hash)', '^src/store/digest\\.ts$'),
    door('terminal-door', '(commander|cli-table3|cli-progress|string-width)', '^src/cli/'),
    door('jsonrpc-door', 'vscode-jsonrpc', '^src/service/control/control-[^/]*\\.ts$'),
    door('pino-door', 'pino', '^src/base/log\\.ts$'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'types'],
    },
  },
};
