import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { expect, test } from 'vitest';
import { resolvePaths } from '../../src/host/paths.js';

test('XCACHE_HOME puts everything into one directory', () => {
  const { environment, ...paths } = resolvePaths({ XCACHE_HOME: '/x/home', HOME: '/h' });
  for (const path of Object.values(paths)) expect(path).toMatch(/^\/x\/home\//);
  expect(environment).toEqual({ XCACHE_HOME: '/x/home' });
});

test('a relative XCACHE_HOME counts from the working directory', () => {
  const paths = resolvePaths({ XCACHE_HOME: 'trial' });
  expect(paths.storeDirectory).toBe(join(process.cwd(), 'trial', 'store'));
});

test('the XDG directories are used, store and views in the same one', () => {
  const paths = resolvePaths({
    HOME: '/h',
    XDG_CACHE_HOME: '/c',
    XDG_STATE_HOME: '/s',
    XDG_RUNTIME_DIR: '/r',
  });
  expect(paths).toMatchObject({
    storeDirectory: '/c/xcache/store',
    viewsDirectory: '/c/xcache/views',
    stateDirectory: '/s/xcache',
    logFile: '/s/xcache/service.log',
    socketPath: '/r/xcache/control.sock',
    pidFile: '/c/xcache/service.pid',
  });
});

test('without XDG variables the defaults of the specification are used', () => {
  expect(resolvePaths({ HOME: '/h' })).toMatchObject({
    storeDirectory: '/h/.cache/xcache/store',
    stateDirectory: '/h/.local/state/xcache',
    socketPath: '/h/.cache/xcache/run/control.sock',
  });
  expect(resolvePaths({}).storeDirectory).toBe(join(homedir(), '.cache/xcache/store'));
});

test('XDG values that are not absolute are ignored', () => {
  const paths = resolvePaths({ HOME: '/h', XDG_CACHE_HOME: 'c', XDG_RUNTIME_DIR: '' });
  expect(paths.storeDirectory).toBe('/h/.cache/xcache/store');
  expect(paths.socketPath).toBe('/h/.cache/xcache/run/control.sock');
});

test('a socket path beyond the limit of the kernel becomes a short one of the same meaning', () => {
  const long = `/${'d'.repeat(120)}`;
  const { socketPath } = resolvePaths({ XCACHE_HOME: long });
  expect(Buffer.byteLength(socketPath)).toBeLessThanOrEqual(107);
  expect(isAbsolute(socketPath)).toBe(true);
  expect(resolvePaths({ XCACHE_HOME: long }).socketPath).toBe(socketPath);
  expect(resolvePaths({ XCACHE_HOME: `${long}x` }).socketPath).not.toBe(socketPath);
});

test('the environment gives another process the same paths', () => {
  for (const env of [
    { XCACHE_HOME: 'rel' },
    { HOME: '/h' },
    { HOME: '/h', XDG_RUNTIME_DIR: '/r' },
  ]) {
    const paths = resolvePaths(env);
    expect(resolvePaths(paths.environment)).toEqual(paths);
  }
});
