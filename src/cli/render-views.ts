/** The results of `views`, `forget` and `gc` as text for people. */
import type {
  ForgetResult,
  GcResult,
  GcView,
  ViewRow,
  ViewsResult,
} from '../service/control/protocol.js';
import { formatCount, formatDuration, formatSize, formatTime } from './quantities.js';
import { renderTable } from './render.js';
import type { Style } from './terminal.js';

type Render = (style: Style) => string;

/** `views`, in the order given. */
export function renderViews({ views }: ViewsResult): Render {
  return (style) => {
    if (views.length === 0) return 'there are no views';
    const isAlone = (view: ViewRow): boolean =>
      views.filter(({ workspace }) => workspace === view.workspace).length === 1;
    const table = renderTable(
      ['view', 'workspace', 'state', 'driver', '>own files', '>served', 'last used'],
      views.map((view) => [
        view.view,
        // Several views of one workspace differ in the build-dir alone.
        (isAlone(view) ? view.workspace : view.directory) ?? '?',
        stateOf(view, style),
        view.driver ?? '?',
        sizeOrUnknown(view.ownBytes),
        formatSize(view.servedBytes),
        formatTime(view.lastUsedMs),
      ]),
      style,
    );
    const own = views.reduce((sum, { ownBytes }) => sum + (ownBytes ?? 0), 0);
    return `${table}\n${formatCount(views.length, 'view')}, ${formatSize(own)} of their own`;
  };
}

/** `forget` */
export function renderForget({ view, directory, freedBytes }: ForgetResult): Render {
  return (style) => {
    const freed = freedBytes === null ? '' : `: ${style.good(formatSize(freedBytes))} freed`;
    return `${style.good('removed')} the view of ${style.bold(directory ?? view)}${freed}`;
  };
}

/** `gc`: the sum, and where that is asked for or something else went, what it is made of. */
export function renderGc(result: GcResult): Render {
  return (style) => {
    const { dryRun, removedUnits, removedBlobs, freedBytes, keptBytes } = result;
    const sum =
      `${dryRun ? 'would remove' : 'removed'} ${formatCount(removedUnits, 'unit')} and ` +
      `${formatCount(removedBlobs, 'blob')}: ${style.good(formatSize(freedBytes))} ` +
      `${dryRun ? 'to free' : 'freed'}, ${formatSize(keptBytes)} kept`;
    const views = result.views.map((view) => renderGoneView(view, dryRun));
    return [...(dryRun ? renderPlan(result) : []), ...views, sum].join('\n');
  };
}

function renderPlan({ age, size, orphans, limits, views }: GcResult): readonly string[] {
  const { maxAgeMs, maxSizeBytes } = limits;
  const line = (name: string, bytes: number, what: string): string =>
    `${name.padEnd(8)}${formatSize(bytes).padStart(10)}  ${what}`;
  const lines: string[] = [];
  if (maxAgeMs !== null) {
    const what = `${formatCount(age.units, 'unit')} not used for ${formatDuration(maxAgeMs)}`;
    lines.push(line('age', age.bytes, what));
  }
  if (maxSizeBytes !== null) {
    const what = `${formatCount(size.units, 'unit')} because of the budget of ${formatSize(maxSizeBytes)}`;
    lines.push(line('size', size.bytes, what));
  }
  lines.push(
    line('orphans', orphans.freedBytes, `${formatCount(orphans.blobs, 'blob')} of no unit`),
  );
  const viewBytes = views.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  lines.push(line('views', viewBytes, `${formatCount(views.length, 'view')} nobody comes back to`));
  return lines;
}

const reasons: Readonly<Record<GcView['reason'], string>> = {
  'workspace-gone': 'its workspace is gone',
  'set-aside': 'it was set aside long ago',
  'interrupted-removal': 'its removal was interrupted',
};

function renderGoneView({ view, directory, reason, bytes }: GcView, dryRun: boolean): string {
  const verb = dryRun ? 'would remove' : 'removed';
  return `${verb} the view of ${directory ?? view} (${sizeOrUnknown(bytes)}): ${reasons[reason]}`;
}

function stateOf(view: ViewRow, style: Style): string {
  if (view.missingSinceMs !== null) return style.warn('workspace gone');
  switch (view.state) {
    case 'mounted':
      return style.good(view.state);
    case 'unmounted':
    case 'set-aside':
      return style.dim(view.state);
    case 'damaged':
      return style.bad(view.state);
  }
}

function sizeOrUnknown(bytes: number | null): string {
  return bytes === null ? '?' : formatSize(bytes);
}
