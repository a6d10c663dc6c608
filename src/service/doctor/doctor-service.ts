/** Checks of what runs: mounts, the service, the per-user mount, the index. */
import { lstat } from 'node:fs/promises';
import { isErrno } from '../../base/errors.js';
import { loadProgramVersion } from '../../base/version.js';
import { probeMount } from '../../fuse/mount/mount-health.js';
import { resolveMountPoint } from '../../fuse/mount/mount-check.js';
import { findMount } from '../../host/mount-table.js';
import { tryConnectControl } from '../control/control-client.js';
import { detachDeadMounts, probeUserMounts, type UserMount } from '../process/dead-mounts.js';
import type { Check, DoctorOptions, Finding } from './doctor-finding.js';
import { protocolVersion } from '../control/protocol.js';
import { loadUnitState } from '../process/systemd-unit.js';
import {
  cargoHomeOf,
  isOwnTemplate,
  loadUserCargoConfig,
  userBuildDir,
} from '../setup/user-cargo-config.js';

export function serviceChecks(options: DoctorOptions): readonly Check[] {
  return [
    { name: 'mounts', run: async () => await checkMounts(options) },
    { name: 'service', run: async () => await checkService(options) },
    { name: 'systemd', run: async () => await checkUnit(options) },
    { name: 'auto mount', run: async () => await checkAutoMount(options) },
    { name: 'index', run: async () => await checkIndex(options) },
  ];
}

async function checkMounts({ paths }: DoctorOptions): Promise<Finding> {
  const mounts = await probeUserMounts(paths);
  const named = (isWanted: (mount: UserMount) => boolean): string =>
    mounts
      .filter(isWanted)
      .map(({ mountPoint }) => mountPoint)
      .join(', ');
  const dead = named(({ health, isOwn }) => isOwn && health === 'dead');
  if (dead !== '') {
    return {
      state: 'fail',
      message: `dead, left by a service that was killed: ${dead}`,
      fix: async () => `detached ${(await detachDeadMounts(paths)).length}`,
    };
  }
  const hanging = named(({ health, isOwn }) => isOwn && health === 'hanging');
  if (hanging !== '') {
    const hint = 'run: xcache service restart';
    return { state: 'fail', message: `no answer from ${hanging}`, hint };
  }
  const foreign = named(({ health, isOwn }) => !isOwn && health !== 'alive');
  if (foreign !== '') {
    const hint = 'look with the XCACHE_HOME it belongs to, or detach it: umount -l PATH';
    return { state: 'warn', message: `dead, and of another store of yours: ${foreign}`, hint };
  }
  const count = mounts.length === 1 ? '1 mount' : `${mounts.length} mounts`;
  return { state: 'ok', message: `${count}, none dead` };
}

async function checkService({ paths, connect }: DoctorOptions): Promise<Finding> {
  const start = async (): Promise<string> => `started (pid ${(await connect()).service.pid})`;
  const client = await tryConnectControl(paths, { anyVersion: true });
  if (client === undefined) {
    const isStale = await isThere(paths.socketPath);
    return isStale
      ? {
          state: 'warn',
          message: `${paths.socketPath} is left over and nobody listens`,
          fix: start,
        }
      : { state: 'warn', message: 'it does not run', fix: start };
  }
  const { pid, programVersion, protocolVersion: spoken } = client.service;
  client.close();
  const own = loadProgramVersion();
  if (programVersion === own) return { state: 'ok', message: `it runs (pid ${pid}, ${own})` };
  return {
    state: spoken === protocolVersion ? 'warn' : 'fail',
    message: `version ${programVersion} runs (pid ${pid}), and this is ${own}`,
    hint: 'run: xcache service restart',
  };
}

async function checkUnit({ paths }: DoctorOptions): Promise<Finding> {
  switch (await loadUnitState(paths)) {
    case 'ours':
      return { state: 'ok', message: 'the unit of the service is installed' };
    case 'none':
      return { state: 'note', message: 'no unit; commands start the service' };
    case 'other':
      return {
        state: 'warn',
        message: 'the unit of the service is for another store or installation',
        hint: 'run: xcache service install',
      };
  }
}

async function checkAutoMount({ paths, connect }: DoctorOptions): Promise<Finding> {
  const directory = await resolveMountPoint(paths.autoMountDirectory);
  const isMounted = findMount(directory) !== undefined && (await probeMount(directory)) === 'alive';
  const buildDir = userBuildDir(await loadUserCargoConfig(cargoHomeOf()));
  const isWanted = buildDir !== undefined && isOwnTemplate(buildDir);
  if (isMounted && isWanted) {
    return { state: 'ok', message: `${directory} is mounted${await describeLoss(paths)}` };
  }
  if (isMounted) {
    const message = `${directory} is mounted, and your cargo configuration does not name it`;
    return { state: 'warn', message, hint: 'run: xcache setup, or xcache teardown' };
  }
  if (!isWanted) {
    return { state: 'note', message: 'not set up', hint: 'to share every workspace: xcache setup' };
  }
  return {
    state: 'fail',
    message: `cargo builds below ${directory}, which is not mounted`,
    fix: async () => {
      const client = await connect();
      const result = await client.request('autoMount', { enabled: true });
      if (!result.isMounted) throw new Error('the service does not mount it');
      return 'mounted';
    },
  };
}

/** What became of the mount since the service started, for the line about it. */
async function describeLoss(paths: DoctorOptions['paths']): Promise<string> {
  const client = await tryConnectControl(paths);
  if (client === undefined) return '';
  using connection = client;
  const { perUserMount } = await connection.request('status', {});
  const lost = perUserMount?.lost;
  if (lost === null || lost === undefined) return '';
  const when = new Date(lost.lastMs).toISOString();
  const times = lost.count === 1 ? 'once' : `${lost.count} times`;
  return `; it was lost ${times}, last at ${when} (${lost.reason}), and came back`;
}

async function checkIndex({ paths }: DoctorOptions): Promise<Finding> {
  const client = await tryConnectControl(paths);
  if (client === undefined)
    return { state: 'note', message: 'the service that has it is not there' };
  try {
    const { store } = await client.request('stats', {});
    return { state: 'ok', message: `${store.units} units in ${store.blobs} blobs` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { state: 'fail', message: reason, hint: 'run: xcache verify --repair' };
  } finally {
    client.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}
