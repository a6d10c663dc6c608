/** Every result as text for people. Pure: takes data and a style, returns lines. */
import Table from 'cli-table3';
import stringWidth from 'string-width';
import type { ConfigEntry } from '../service/config.js';
import type {
  HelloResult,
  MountResult,
  SessionSummary,
  StatusResult,
  UnitsResult,
  UnmountResult,
  VerifyResult,
  ViewStatus,
} from '../service/control/protocol.js';
import { formatCount, formatDuration, formatSize, formatTime } from './quantities.js';
import type { Style } from './terminal.js';

export type Render = (style: Style) => string;

/** The result of `service status`. */
export interface ServiceStatus {
  readonly version: 1;
  readonly running: boolean;
  readonly pid: number | null;
  readonly programVersion: string | null;
  readonly protocolVersion: number | null;
  readonly socketPath: string;
  readonly logFile: string;
}

/** `mount` */
export function renderMount(result: MountResult): Render {
  return (style) => {
    const { directory, driver, wasMounted, adoptedFiles } = result;
    if (wasMounted) return `${style.bold(directory)} is mounted already (${driver} driver)`;
    const adopted = adoptedFiles === 0 ? '' : `; ${formatCount(adoptedFiles, 'file')} taken over`;
    return `${style.good('mounted')} ${style.bold(directory)} (${driver} driver)${adopted}`;
  };
}

/** `unmount` */
export function renderUnmount(result: UnmountResult): Render {
  return (style) => {
    const { directory, materializedFiles } = result;
    const kept =
      materializedFiles === 0
        ? ''
        : `; it is a plain directory with ${formatCount(materializedFiles, 'file')}`;
    return `${style.good('unmounted')} ${style.bold(directory)}${kept}`;
  };
}

/** `status` where no service runs. */
export const renderNotRunning: Render = (style) =>
  `the service is ${style.bold('not running')}; its mounts come back with: xcache service start`;

/** `status` */
export function renderStatus(status: StatusResult): Render {
  return (style) => {
    const lines = [
      `service  ${style.good('running')} (pid ${status.pid}) since ${formatTime(status.startedMs)}`,
      `store    ${status.storeDirectory}`,
      `pending  ${status.pendingUnits === 0 ? 'nothing' : formatCount(status.pendingUnits, 'unit')}`,
    ];
    if (status.promotionPaused !== undefined) {
      lines.push(style.warn(`storing is paused: ${status.promotionPaused}`));
    }
    if (status.perUserMount?.lost) {
      const { count, lastMs, reason } = status.perUserMount.lost;
      const times = count === 1 ? 'once' : `${count} times`;
      const now = status.perUserMount.isMounted ? 'it is back' : style.warn('it is not back yet');
      const when = formatTime(lastMs);
      lines.push(`the per-user mount was lost ${times}, last at ${when} (${reason}): ${now}`);
    }
    if (status.views.length === 0) lines.push('nothing is mounted');
    else lines.push(renderViews(status.views, style));
    for (const { directory, problem } of status.views) {
      if (problem === undefined) continue;
      lines.push(`${style.warn(`not shared: ${problem}`)}; to mount it: xcache mount ${directory}`);
    }
    return lines.join('\n');
  };
}

function renderViews(views: readonly ViewStatus[], style: Style): string {
  const state = (view: ViewStatus): string => {
    switch (view.state) {
      case 'mounted':
        return style.good(view.state);
      case 'unmounted':
        return style.dim(view.state);
      case 'failed':
        return style.bad(view.state);
    }
  };
  return renderTable(
    ['directory', 'state', 'driver', '>units', '>pending', '>requests'],
    views.map((view) => [
      view.directory,
      state(view),
      view.driver,
      String(view.attachedUnits),
      String(view.pendingUnits),
      view.requests.toLocaleString('en-US'),
    ]),
    style,
  );
}

/** `status --watch`: one line for each session that has ended. */
export function renderSession(summary: SessionSummary): Render {
  return (style) => {
    const { workspace, profiles, served, compiled, promoted, keptPrivate } = summary;
    return [
      `${formatTime(summary.endedMs)}  ${style.bold(workspace)} (${profiles.join(', ')}):`,
      `${formatCount(served, 'unit')} served, ${compiled} compiled,`,
      `${promoted} stored, ${keptPrivate} kept private;`,
      `${style.good(formatDuration(summary.savedMs))} of compiling saved,`,
      `${formatSize(summary.sharedBytes)} not stored twice`,
    ].join(' ');
  };
}

/** `units`, in the order given. */
export function renderUnits({ units }: UnitsResult): Render {
  return (style) => {
    if (units.length === 0) return 'the store holds no units';
    const bytes = units.reduce((sum, unit) => sum + unit.sizeBytes, 0);
    const table = renderTable(
      ['package', 'kind', 'profile', '>size', '>compiled in', 'last used', '>views', 'unit'],
      units.map((unit) => [
        unit.package,
        unit.kind,
        unit.profile,
        formatSize(unit.sizeBytes),
        unit.buildMs === undefined ? '' : formatDuration(unit.buildMs),
        formatTime(unit.lastUsedMs),
        String(unit.attachedViews),
        unit.unitHash,
      ]),
      style,
    );
    return `${table}\n${formatCount(units.length, 'unit')}, ${formatSize(bytes)}`;
  };
}

/** `verify` */
export function renderVerify(result: VerifyResult): Render {
  return (style) => {
    const { problems, repaired } = result;
    const checked =
      `checked ${formatCount(result.checkedBlobs, 'blob')} and ` +
      formatCount(result.checkedManifests, 'manifest');
    if (problems.length === 0) return `${checked}: ${style.good('no damage')}`;
    const lines = problems.map(
      (problem) => `${style.bad(problem.kind)}  ${problem.subject}  ${problem.message}`,
    );
    const end = `${checked}: ${formatCount(problems.length, 'problem')}, ${repaired} repaired`;
    return [...lines, end].join('\n');
  };
}

/** `service start` and `restart` */
export function renderServiceStarted(service: HelloResult, wasRunning: boolean): Render {
  return (style) =>
    wasRunning
      ? `the service is running already (pid ${service.pid})`
      : `${style.good('started')} the service (pid ${service.pid})`;
}

/** `service stop` */
export function renderServiceStopped(pid: number | null): Render {
  return (style) =>
    pid === null
      ? 'the service was not running'
      : `${style.good('stopped')} the service (pid ${pid})`;
}

/** `service status` */
export function renderServiceStatus(status: ServiceStatus): Render {
  return (style) =>
    [
      status.running
        ? `the service is ${style.good('running')} (pid ${status.pid ?? '?'}, version ${status.programVersion ?? '?'})`
        : `the service is ${style.bold('not running')}`,
      `socket  ${status.socketPath}`,
      `log     ${status.logFile}`,
    ].join('\n');
}

/** The result of `config`. */
export interface ConfigResult {
  readonly version: 1;
  readonly file: string;
  readonly entries: readonly ConfigEntry[];
}

/** `config` */
export function renderConfig({ file, entries }: ConfigResult): Render {
  return (style) => {
    const origin = ({ source, line, variable }: ConfigEntry): string => {
      switch (source) {
        case 'default':
          return style.dim(`default; ${variable} overrides it`);
        case 'file':
          return `line ${line ?? '?'} of the file`;
        case 'environment':
          return variable;
      }
    };
    const table = renderTable(
      ['key', 'value', 'comes from'],
      entries.map((entry) => [entry.key, String(entry.value), origin(entry)]),
      style,
    );
    return `file  ${file}\n${table}`;
  };
}

/** Columns whose title begins with `>` are aligned to the right. No lines: easy on the eye and on awk. */
export function renderTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const cells = [titles.map((title) => style.dim(title.replace(/^>/, ''))), ...rows];
  const colWidths = titles.map(
    (_, column) =>
      cells.reduce((most, row) => Math.max(most, stringWidth(row[column] ?? '')), 0) + 2,
  );
  const colAligns = titles.map((title) => (title.startsWith('>') ? 'right' : 'left'));
  const parts: string[] = [];
  for (let start = 0; start < cells.length; start += rowsPerPart) {
    const table = new Table({ colWidths, colAligns, chars: noLines, style: noStyle });
    for (const row of cells.slice(start, start + rowsPerPart)) table.push([...row]);
    parts.push(table.toString());
  }
  return parts
    .join('\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The time that the package takes for a table grows with the square of its rows. */
const rowsPerPart = 100;

const noStyle = { head: [], border: [], 'padding-left': 0, 'padding-right': 2 };

const noLines = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'],
    ...['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((name) => [name, '']),
);
