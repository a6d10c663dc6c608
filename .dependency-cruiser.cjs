/**
 * The architecture of src/: its rooms, the highest first. Imports go down this list only, and not
 * even down to what a room does not know. A room within a room has a line of its own.
 */
const rooms = [
  { path: 'cli', knowsNot: ['views', 'units', 'fs', 'store', 'cargo'] },
  { path: 'service' },
  { path: 'service/doctor' },
  { path: 'service/setup' },
  { path: 'service/process' },
  { path: 'service/config.ts' },
  { path: 'service/housekeeping' },
  { path: 'service/control' },
  { path: 'views/user-mount' },
  { path: 'views/plain-target' },
  { path: 'views' },
  { path: 'views/serving' },
  { path: 'units', knowsNot: ['fuse'] },
  { path: 'fuse', knowsNot: ['store', 'cargo'] },
  { path: 'fs', knowsNot: ['store', 'cargo'] },
  { path: 'store', knowsNot: ['cargo'] },
  { path: 'host' },
  { path: 'cargo' },
  { path: 'base' },
];

const below = (path) => `^src/${path}${path.endsWith('.ts') ? '$' : '/'}`;

/** The rooms within a room, which are none of its own modules. */
const within = (path) =>
  rooms.filter((room) => room.path.startsWith(`${path}/`)).map((room) => below(room.path));

const directions = rooms.flatMap(({ path, knowsNot = [] }, at) => {
  const name = path.replace('/', '-');
  const from = { path: below(path), pathNot: within(path) };
  const forbid = (what, to) => ({ name: `${name}-${what}`, severity: 'error', from, to });
  return [
    ...rooms.slice(0, at).map((higher) =>
      forbid(`is-below-${higher.path.replace('/', '-')}`, {
        path: below(higher.path),
        pathNot: within(higher.path),
      }),
    ),
    ...knowsNot.map((other) => forbid(`knows-no-${other}`, { path: below(other) })),
  ];
});

const door = (name, pkg, file) => ({
  name,
  severity: 'error',
  comment: `${pkg} is used through one door`,
  from: { path: '^src/', pathNot: file },
  to: { path: `node_modules/${pkg}/` },
});

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'cargo-is-pure',
      severity: 'error',
      from: { path: '^src/cargo/' },
      to: { path: '^(node:)?(fs|child_process|net|worker_threads|os)(/|$)' },
    },
    { name: 'no-circular', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'src-never-imports-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    door('fuse-native-door', 'fuse-native', '^src/fuse/fuse-native/'),
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
