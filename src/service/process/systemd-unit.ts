/**
 * The service as a unit of the user's systemd: there after login, there again after a crash. The
 * unit is for one store; commands start the service through it (`service-launcher.ts`), so that it
 * does not live and end with the terminal of whoever happened to run the first command.
 */
import { mkdir, readFile, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saveFile } from '../../base/atomic-file.js';
import { isErrno, XcacheError } from '../../base/errors.js';
import { serviceStopTimeoutMs } from '../../base/limits.js';
import type { XcachePaths } from '../../host/paths.js';
import { runProgram } from '../../host/run-program.js';

/** The name that systemctl knows it by. */
export const unitName = 'xcache.service';

/** V8 keeps three semi-spaces of up to 16 MB; the service lives long and works in bursts. */
export const semiSpaceFlag = '--max-semi-space-size=2';

/** The script of the commands in this installation. */
export function mainScriptPath(): string {
  return fileURLToPath(new URL('../../cli/main.js', import.meta.url));
}

/** What a unit file is made of; all paths absolute. */
export interface UnitDescription {
  readonly node: string;
  readonly mainScript: string;
  readonly storeDirectory: string;
  /** As in `XcachePaths`. */
  readonly environment: Readonly<Record<string, string>>;
  /** By what the service finds rustc, which compiles the mount helper of an ordinary user. */
  readonly tools: Readonly<Record<string, string>>;
}

/** Variables of `tools`. They differ from shell to shell, which makes a unit no other one. */
const toolVariables = ['PATH', 'CARGO_HOME', 'RUSTUP_HOME', 'RUSTUP_TOOLCHAIN'] as const;

/** What belongs into the unit file of the service of `paths`. */
export function describeUnit(paths: XcachePaths): UnitDescription {
  return {
    node: process.execPath,
    mainScript: mainScriptPath(),
    storeDirectory: paths.storeDirectory,
    environment: paths.environment,
    tools: toolsOf(process.env),
  };
}

function toolsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const tools: Record<string, string> = {};
  for (const name of toolVariables) {
    const value = env[name];
    if (value !== undefined && value !== '') tools[name] = value;
  }
  return tools;
}

/** The text of the unit file (systemd.unit(5), systemd.service(5)). Pure. */
export function renderUnit(unit: UnitDescription): string {
  const { node, mainScript, storeDirectory, environment, tools } = unit;
  // The service manager knows this one better than the shell that ran the setup.
  const variables = Object.entries({ ...environment, ...tools }).filter(
    ([name]) => name !== 'XDG_RUNTIME_DIR',
  );
  return [
    '# Made by `xcache service install`; `xcache service uninstall` removes it.',
    storeLine(storeDirectory),
    '[Unit]',
    'Description=xcache, a build cache for cargo',
    '',
    '[Service]',
    'Type=notify',
    // systemd-notify(1) tells it, a child of the service.
    'NotifyAccess=all',
    `ExecStart=${[node, semiSpaceFlag, mainScript].map(quoteWord).join(' ')} service run --background`,
    // A service that was killed leaves dead mounts; where it is not started again nobody else looks.
    `ExecStopPost=-${[node, mainScript].map(quoteWord).join(' ')} service detach-dead`,
    ...variables.map(([name, value]) => `Environment=${quoteValue(`${name}=${value}`)}`),
    'Restart=on-failure',
    'RestartSec=1',
    // The service ends its own children; those that it cannot end are killed with it.
    'KillMode=mixed',
    // Recovery of a large store takes its time, and a service killed in it would only begin again.
    'TimeoutStartSec=300',
    `TimeoutStopSec=${serviceStopTimeoutMs / 1000}`,
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');
}

/** Where the unit file lies. */
export function unitPath(env: NodeJS.ProcessEnv = process.env): string {
  const configured = env['XDG_CONFIG_HOME'];
  const home = env['HOME'] ?? homedir();
  const config =
    configured !== undefined && isAbsolute(configured) ? configured : join(home, '.config');
  return join(config, 'systemd', 'user', unitName);
}

/** `none`: no such file. `other`: for another store or installation, or an edited one. */
export async function loadUnitState(paths: XcachePaths): Promise<'none' | 'ours' | 'other'> {
  const text = await loadUnit();
  if (text === undefined) return 'none';
  const isSame = withoutTools(text) === withoutTools(renderUnit(describeUnit(paths)));
  return isSame ? 'ours' : 'other';
}

function withoutTools(unit: string): string {
  const isTool = (line: string): boolean =>
    toolVariables.some((name) => line.startsWith(`Environment="${name}=`));
  return unit
    .split('\n')
    .filter((line) => !isTool(line))
    .join('\n');
}

/** Whether there is a service manager of this user that can be talked to, or why there is not. */
export async function probeUserSystemd(): Promise<{
  readonly isThere: boolean;
  readonly why: string;
}> {
  const result = await runProgram('systemctl', ['--user', 'show-environment']);
  switch (result.kind) {
    case 'done':
      return { isThere: true, why: '' };
    case 'missing':
      return { isThere: false, why: 'systemctl is not installed' };
    case 'failed':
      return { isThere: false, why: result.message };
  }
}

/**
 * Writes and enables the unit; returns whether that changed anything. It does not start it, and a
 * service that runs goes on. Throws `XC_NO_SYSTEMD` where there is no service manager; then nothing
 * has changed.
 */
export async function installUnit(paths: XcachePaths): Promise<boolean> {
  await requireUserSystemd();
  const path = unitPath();
  const isNew = (await loadUnitState(paths)) !== 'ours';
  if (isNew) await writeUnit(path, renderUnit(describeUnit(paths)));
  const wasEnabled = (await systemctl('is-enabled', unitName)).kind === 'done';
  if (isNew) await mustSystemctl('daemon-reload');
  if (!wasEnabled) await mustSystemctl('enable', unitName);
  return isNew || !wasEnabled;
}

/**
 * Disables the unit and removes its file; returns whether there was one. A service that runs goes
 * on. Where no service manager answers only the file is removed.
 */
export async function uninstallUnit(): Promise<boolean> {
  if ((await loadUnit()) === undefined) return false;
  const { isThere } = await probeUserSystemd();
  if (isThere) await mustSystemctl('disable', unitName);
  await unlink(unitPath());
  if (isThere) await mustSystemctl('daemon-reload');
  return true;
}

/**
 * Starts the service of `paths` through its unit, and waits until it answers. Returns false where
 * it has no unit or that cannot be started.
 */
export async function startThroughUnit(paths: XcachePaths): Promise<boolean> {
  const text = await loadUnit();
  if (text?.split('\n').includes(storeLine(paths.storeDirectory)) !== true) return false;
  // One that failed too often is not started any more, until somebody says so: the user just did.
  await systemctl('reset-failed', unitName);
  return (await systemctl('start', unitName)).kind === 'done';
}

/** Throws `XC_NO_SYSTEMD`. */
async function requireUserSystemd(): Promise<void> {
  const { isThere, why } = await probeUserSystemd();
  if (isThere) return;
  throw new XcacheError('XC_NO_SYSTEMD', `there is no systemd user session here: ${why}`, {
    hint: 'nothing is lost: every command that needs the service starts it, as does `xcache service start`',
  });
}

async function systemctl(...args: readonly string[]): ReturnType<typeof runProgram> {
  return await runProgram('systemctl', ['--user', ...args]);
}

async function mustSystemctl(...args: readonly string[]): Promise<void> {
  const { kind, message } = await systemctl(...args);
  if (kind === 'done') return;
  throw new XcacheError('XC_SERVICE_FAILED', `systemctl --user ${args.join(' ')}: ${message}`);
}

async function loadUnit(): Promise<string | undefined> {
  try {
    return await readFile(unitPath(), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function writeUnit(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await saveFile(path, text, 0o644);
}

/** By this line a unit file says which store it is for. */
function storeLine(storeDirectory: string): string {
  return `# Store: ${JSON.stringify(storeDirectory)}`;
}

/** One word of a command line: quotes, specifiers (%) and variables ($) are taken literally. */
function quoteWord(word: string): string {
  return quoteValue(word).replaceAll('$', '$$$$');
}

/** The same where no variables are expanded (`Environment=`). */
function quoteValue(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('%', '%%');
  return `"${escaped}"`;
}
