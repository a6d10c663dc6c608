/** Where everything of one user lies. Pure: nothing is created or looked at here. */
import { createHash } from 'node:crypto';
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** All absolute. Two processes with the same paths belong to the same service. */
export interface XcachePaths {
  /** Blobs, index and manifests. */
  readonly storeDirectory: string;
  /** Upper layers, on the file system of the store: finished files are renamed across. */
  readonly viewsDirectory: string;
  /** Where the per-user mount goes. */
  readonly autoMountDirectory: string;
  /** Logs, decisions and the built mount helper; nothing that may not be deleted. */
  readonly stateDirectory: string;
  readonly logFile: string;
  /** What `explain` knows of earlier builds. */
  readonly decisionsFile: string;
  /** The control socket, in a directory that only this user may enter. */
  readonly socketPath: string;
  /** Beside the store, because it is the lock that keeps a second service off that store. */
  readonly pidFile: string;
  /** What the user has set, see config.ts; often missing. */
  readonly configFile: string;
  /** Variables that give another process the same paths, wherever it runs. */
  readonly environment: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The length of sun_path less its NUL. */
const socketPathBytesMax = 107;

/**
 * `XCACHE_HOME` puts everything into one directory (a relative one counts from the working
 * directory). Otherwise the XDG base directories are used; as their specification asks, a value
 * that is not absolute is ignored.
 */
export function resolvePaths(env: Environment = process.env): XcachePaths {
  const home = env['XCACHE_HOME'];
  return home === undefined || home === '' ? xdgPaths(env) : homePaths(resolve(home));
}

function homePaths(home: string): XcachePaths {
  return {
    storeDirectory: join(home, 'store'),
    viewsDirectory: join(home, 'views'),
    autoMountDirectory: join(home, 'mnt'),
    stateDirectory: join(home, 'state'),
    logFile: join(home, 'state', 'service.log'),
    decisionsFile: join(home, 'state', 'decisions.jsonl'),
    socketPath: boundSocketPath(join(home, 'run', 'control.sock')),
    pidFile: join(home, 'service.pid'),
    configFile: join(home, 'config.toml'),
    environment: { XCACHE_HOME: home },
  };
}

function xdgPaths(env: Environment): XcachePaths {
  const absolute = (name: string): string | undefined => {
    const value = env[name];
    return value !== undefined && isAbsolute(value) ? value : undefined;
  };
  const home = absolute('HOME') ?? homedir();
  const cacheHome = absolute('XDG_CACHE_HOME') ?? join(home, '.cache');
  const configHome = absolute('XDG_CONFIG_HOME') ?? join(home, '.config');
  const stateHome = absolute('XDG_STATE_HOME') ?? join(home, '.local', 'state');
  const runtime = absolute('XDG_RUNTIME_DIR');
  const cache = join(cacheHome, 'xcache');
  const state = join(stateHome, 'xcache');
  const run = runtime === undefined ? join(cache, 'run') : join(runtime, 'xcache');
  return {
    storeDirectory: join(cache, 'store'),
    viewsDirectory: join(cache, 'views'),
    autoMountDirectory: join(cache, 'mnt'),
    stateDirectory: state,
    logFile: join(state, 'service.log'),
    decisionsFile: join(state, 'decisions.jsonl'),
    socketPath: boundSocketPath(join(run, 'control.sock')),
    pidFile: join(cache, 'service.pid'),
    configFile: join(configHome, 'xcache', 'config.toml'),
    environment: {
      HOME: home,
      XDG_CACHE_HOME: cacheHome,
      XDG_STATE_HOME: stateHome,
      XDG_CONFIG_HOME: configHome,
      ...(runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime }),
    },
  };
}

/** A path that is too long for a Unix socket gives a short one that depends on it alone. */
function boundSocketPath(path: string): string {
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return `/tmp/xcache-${userInfo().uid}/${name}.sock`;
}
