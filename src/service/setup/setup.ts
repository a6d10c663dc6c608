/**
 * Joining and leaving: what `setup` and `teardown` do, step by step. Cargo's configuration is
 * written last and cleared first, so that cargo never points at a mount that is not there.
 */
import { XcacheError } from '../../base/errors.js';
import { resolveMountPoint } from '../../fuse/mount/mount-check.js';
import { probeMount } from '../../fuse/mount/mount-health.js';
import { findMount } from '../../host/mount-table.js';
import { loadAutoMountSetting } from '../../views/user-mount/auto-mount-setting.js';
import { buildDirTemplate } from '../../views/user-mount/auto-paths.js';
import { requireBuildDirSupport } from './cargo-probe.js';
import type { ControlClient } from '../control/control-client.js';
import type { XcachePaths } from '../../host/paths.js';
import { stopService } from '../process/service-launcher.js';
import type { SetupResult, SetupStep } from './setup-step.js';
import { materializeViews } from './teardown-views.js';
import {
  installUnit,
  loadUnitState,
  probeUserSystemd,
  uninstallUnit,
} from '../process/systemd-unit.js';
import {
  cargoHomeOf,
  clearUserCargoConfig,
  loadUserCargoConfig,
  planInsert,
  saveUserCargoConfig,
} from './user-cargo-config.js';

export interface SetupOptions {
  readonly paths: XcachePaths;
  /** Connects to the service and starts it where none runs. */
  readonly connect: () => Promise<ControlClient>;
  readonly connectIfRunning: () => Promise<ControlClient | undefined>;
  /** Asks the user; undefined where nobody can answer. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
  /** Every question is answered with yes. */
  readonly isAgreed: boolean;
}

export interface TeardownOptions extends Pick<
  SetupOptions,
  'paths' | 'connect' | 'connectIfRunning'
> {
  /** Give each workspace an ordinary target directory with what its view shows. */
  readonly isMaterializing: boolean;
}

type CheckOptions = Pick<SetupOptions, 'paths' | 'connectIfRunning'>;

/** Looks what `runSetup` would do; changes nothing. Throws `XC_CARGO_VERSION`, `XC_CARGO_CONFIG`. */
export async function checkSetup({ paths, connectIfRunning }: CheckOptions): Promise<SetupResult> {
  const version = await requireBuildDirSupport();
  const cargoHome = cargoHomeOf();
  const config = await loadUserCargoConfig(cargoHome);
  const value = buildDirTemplate(paths.autoMountDirectory);
  const plan = planInsert(config, value, false);
  const isRunning = (await connectIfRunning()) !== undefined;
  const isMounted = isRunning && (await isAutoMounted(paths));
  const configMessage = {
    unchanged: `${config.path} sets build.build-dir`,
    changed: `${config.path} does not set build.build-dir`,
    'own-value': `${config.path} sets build.build-dir to a value of your own`,
  }[plan.kind];
  const steps: SetupStep[] = [
    cargoStep(version),
    step('service', isRunning, isRunning ? 'the service runs' : 'the service does not run'),
    step('mount', isMounted, `${paths.autoMountDirectory} is ${isMounted ? '' : 'not '}mounted`),
    step('config', plan.kind === 'unchanged', configMessage),
    await checkUnit(paths),
  ];
  return { version: 1, steps, notes: environmentNotes(config.shadowed) };
}

/**
 * Sets up what is missing. Throws `XC_CARGO_CONFIG` where the configuration cannot be edited, or
 * has a value of the user's own that may not be replaced; then nothing has changed.
 */
export async function runSetup(options: SetupOptions): Promise<SetupResult> {
  const { paths, connect, connectIfRunning } = options;
  const version = await requireBuildDirSupport();
  const mayReplace = await agreeOnConfig(options);
  const wasRunning = (await connectIfRunning()) !== undefined;
  const wasMounted = wasRunning && (await isAutoMounted(paths));
  const client = await connect();
  const { directory, isMounted } = await client.request('autoMount', { enabled: true });
  if (!isMounted) {
    throw new XcacheError('XC_MOUNT_FAILED', `${directory} could not be mounted`, {
      hint: 'xcache doctor tells what is missing; cargo is left as it was',
    });
  }
  const steps: SetupStep[] = [
    cargoStep(version),
    { step: 'service', state: wasRunning ? 'ready' : 'done', message: 'the service runs' },
    { step: 'mount', state: wasMounted ? 'ready' : 'done', message: `${directory} is mounted` },
  ];
  const config = await loadUserCargoConfig(cargoHomeOf());
  const plan = planInsert(config, buildDirTemplate(paths.autoMountDirectory), mayReplace);
  if (plan.kind === 'own-value') throw ownValue(config.path, plan.value);
  if (plan.kind === 'changed') await saveUserCargoConfig(config, plan.text);
  const state = plan.kind === 'changed' ? 'done' : 'ready';
  steps.push({ step: 'config', state, message: `${config.path} sets build.build-dir` });
  steps.push(await setUpUnit(paths, wasRunning));
  return { version: 1, steps, notes: environmentNotes(config.shadowed) };
}

/**
 * Takes back what `runSetup` did. The store stays, and the views too unless they are materialized;
 * a step that is `missing` is one that could not be. Throws `XC_CARGO_CONFIG`.
 */
export async function runTeardown(options: TeardownOptions): Promise<SetupResult> {
  const config = await loadUserCargoConfig(cargoHomeOf());
  const wasSet = await clearUserCargoConfig(config);
  const steps: SetupStep[] = [
    {
      step: 'config',
      state: wasSet ? 'done' : 'ready',
      message: `${config.path} ${wasSet ? 'is as it was before xcache' : 'names no build-dir of xcache'}`,
    },
  ];
  const { mount, isNeeded } = await takeMountDown(options);
  steps.push(mount);
  if (options.isMaterializing) {
    steps.push(...(await materializeViews(await options.connect(), options.paths)));
  }
  const hadUnit = await uninstallUnit();
  steps.push({
    step: 'unit',
    state: hadUnit ? 'done' : 'ready',
    message: hadUnit ? 'the systemd unit is removed' : 'there is no systemd unit',
  });
  steps.push(await leaveService(options.paths, isNeeded));
  const notes = ['what was stored is kept, for another setup and for xcache mount'];
  return { version: 1, steps, notes };
}

/** Starts no service for it where nothing is mounted and nothing would be at its next start. */
async function takeMountDown({
  paths,
  connect,
  connectIfRunning,
}: TeardownOptions): Promise<{ mount: SetupStep; isNeeded: boolean }> {
  const { autoMountDirectory, viewsDirectory } = paths;
  const wasMounted = await isMountPoint(autoMountDirectory);
  const wasWanted = wasMounted || (await loadAutoMountSetting(viewsDirectory));
  const client = (await connectIfRunning()) ?? (wasWanted ? await connect() : undefined);
  await client?.request('autoMount', { enabled: false });
  const views = (await client?.request('status', {}))?.views ?? [];
  const mount: SetupStep = {
    step: 'mount',
    state: wasWanted ? 'done' : 'ready',
    message: `${autoMountDirectory} is not mounted`,
  };
  return { mount, isNeeded: views.some(({ state }) => state === 'mounted') };
}

/** Mounts of `xcache mount` are no work of a setup: the service goes on for them. */
async function leaveService(paths: XcachePaths, isNeeded: boolean): Promise<SetupStep> {
  if (isNeeded) {
    const message = 'the service goes on for other mounts';
    return { step: 'service', state: 'ready', message };
  }
  const wasRunning = (await stopService(paths)) !== undefined;
  const message = `the service ${wasRunning ? 'is stopped' : 'does not run'}`;
  return { step: 'service', state: wasRunning ? 'done' : 'ready', message };
}

/** Whether a value of the user's own may be replaced. Throws before anything has changed. */
async function agreeOnConfig({ paths, confirm, isAgreed }: SetupOptions): Promise<boolean> {
  const config = await loadUserCargoConfig(cargoHomeOf());
  const value = buildDirTemplate(paths.autoMountDirectory);
  const plan = planInsert(config, value, false);
  if (plan.kind !== 'own-value') return false;
  // Throws where it cannot be replaced, ahead of the question.
  planInsert(config, value, true);
  if (isAgreed) return true;
  const question =
    `${config.path} sets build.build-dir to ${JSON.stringify(plan.value)}.\n` +
    'Replace it? (xcache teardown puts it back)';
  if (confirm !== undefined && (await confirm(question))) return true;
  throw ownValue(config.path, plan.value);
}

function ownValue(path: string, value: string): XcacheError {
  return new XcacheError(
    'XC_CARGO_CONFIG',
    `${path} sets build.build-dir to ${JSON.stringify(value)}, which is left as it is`,
    { hint: 'replace it with --yes; xcache teardown puts it back' },
  );
}

async function isAutoMounted({ autoMountDirectory }: XcachePaths): Promise<boolean> {
  return (
    (await isMountPoint(autoMountDirectory)) && (await probeMount(autoMountDirectory)) === 'alive'
  );
}

async function isMountPoint(directory: string): Promise<boolean> {
  return findMount(await resolveMountPoint(directory)) !== undefined;
}

function step(name: SetupStep['step'], isReady: boolean, message: string): SetupStep {
  return { step: name, state: isReady ? 'ready' : 'missing', message };
}

function cargoStep(version: string): SetupStep {
  return { step: 'cargo', state: 'ready', message: `cargo ${version} knows build.build-dir` };
}

async function checkUnit(paths: XcachePaths): Promise<SetupStep> {
  const state = await loadUnitState(paths);
  if (state === 'ours') return step('unit', true, 'systemd starts the service');
  const { isThere, why } = await probeUserSystemd();
  if (!isThere) return { step: 'unit', state: 'skipped', message: withoutSystemd(why) };
  const message = {
    none: 'systemd does not start the service',
    other: 'the systemd unit of the service is for another store or version',
  }[state];
  return step('unit', false, message);
}

async function setUpUnit(paths: XcachePaths, wasRunning: boolean): Promise<SetupStep> {
  const { isThere, why } = await probeUserSystemd();
  if (!isThere) return { step: 'unit', state: 'skipped', message: withoutSystemd(why) };
  const changed = await installUnit(paths);
  const when = wasRunning ? ', from the next login or xcache service restart on' : ' at login';
  const message = `systemd starts the service${changed ? when : ''}`;
  return { step: 'unit', state: changed ? 'done' : 'ready', message };
}

function withoutSystemd(why: string): string {
  return (
    `no systemd user session (${why.split('\n')[0] ?? ''}): the service starts with the first ` +
    'xcache command; for a start at login put `xcache service start` into ~/.profile'
  );
}

/** What makes cargo use something else than its configuration says. */
function environmentNotes(shadowed: string | undefined): string[] {
  const notes: string[] = [];
  const { CARGO_BUILD_BUILD_DIR: buildDir, CARGO_TARGET_DIR: targetDir } = process.env;
  if (buildDir !== undefined) {
    notes.push(
      `CARGO_BUILD_BUILD_DIR=${buildDir} is set and wins over the configuration: unset it, or ` +
        'cargo builds there and shares nothing',
    );
  }
  if (targetDir !== undefined) {
    notes.push(
      `CARGO_TARGET_DIR=${targetDir} is set and wins over ./target for what a build hands out; ` +
        'everything else is shared all the same',
    );
  }
  if (shadowed !== undefined) {
    notes.push(`${shadowed} is not read by cargo, because the older name beside it exists`);
  }
  return notes;
}
