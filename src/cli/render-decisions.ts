/** What was decided about units, and what that came to, as text for people. Pure. */
import type {
  BuildRow,
  Decision,
  ExplainResult,
  StatsResult,
} from '../service/control/protocol.js';
import { formatCount, formatDuration, formatSize, formatTime } from './quantities.js';
import type { Style } from './terminal.js';

type Render = (style: Style) => string;

/** What `explain` was asked for. */
interface Asked {
  readonly unit: string | undefined;
  readonly isAll: boolean;
}

/** `stats` */
export function renderStats({ store, units, lastBuild }: StatsResult): Render {
  return (style) => {
    const lines = [
      style.bold('store'),
      `  units         ${formatNumber(store.units)} in ${formatCount(store.blobs, 'blob')}`,
      `  on disk       ${formatSize(store.physicalBytes)}`,
      `  unshared      ${formatSize(store.logicalBytes)} if each workspace had its own`,
      `  saved         ${style.good(formatSize(Math.max(0, store.logicalBytes - store.physicalBytes)))}`,
      style.bold('units'),
      `  served        ${formatNumber(units.served)}${rateOf(units.served, units.missedSharable)}`,
      `  missed        ${formatNumber(units.missedSharable)} that could be shared`,
      `  own           ${formatNumber(units.missedOwn)} compiled that are never shared: ` +
        'packages by path, programs, tests',
    ];
    if (units.missedUndecided > 0) {
      const count = formatNumber(units.missedUndecided);
      lines.push(`  undecided     ${count} that were not built to their end, or not looked at yet`);
    }
    if (units.verified > 0) {
      const differed = `${formatNumber(units.differed)} differed and are rejected`;
      lines.push(`  compared      ${formatNumber(units.verified)} with stored ones; ${differed}`);
    }
    lines.push(
      `  stored        ${formatNumber(units.promoted)}`,
      `  not stored    ${formatNumber(units.refused)}`,
      `  time saved    ${style.good(formatDuration(units.savedMs))} of compiling`,
    );
    if (lastBuild !== null) {
      const { workspace, startedMs, served, notServed } = lastBuild;
      lines.push(
        `${style.bold('last build')} of ${formatTime(startedMs)} in ${workspace}`,
        `  served        ${formatNumber(served)}${rateOf(served, notServed)}`,
        `  compiled      ${formatNumber(lastBuild.compiled)}; see: xcache explain`,
      );
    }
    return lines.join('\n');
  };
}

/** 100 % means all: one miss in a thousand is 99 %. */
function rateOf(served: number, missed: number): string {
  const all = served + missed;
  if (all === 0) return '';
  return ` (${Math.floor((100 * served) / all)} % of the ${formatNumber(all)} that could be shared)`;
}

/** `explain`: each build with its sum, and its units below, those that could have been served first. */
export function renderExplain(result: ExplainResult, asked: Asked): Render {
  return (style) => {
    const { workspace, builds, decisions } = result;
    const { unit } = asked;
    if (decisions.length === 0) return nothingToExplain(workspace, unit);
    const blocks = builds.map((build) => {
      const rows = decisions.filter((row) => row.build === build.build);
      const sum = unit === undefined ? [describeBuild(build)] : [];
      const note = asked.isAll ? '' : placeNote(build, workspace);
      return [`${headOf(build, style)}${note}`, ...sum, ...renderRows(rows, style)];
    });
    for (const directory of new Set(unassigned(decisions).map((row) => row.directory))) {
      const rows = unassigned(decisions).filter((row) => row.directory === directory);
      const head = `${style.bold(directory)}: units that were here before, or built by nobody known`;
      blocks.unshift([head, ...renderRows(rows, style)]);
    }
    return blocks.map((lines) => lines.join('\n')).join('\n\n');
  };
}

function unassigned(decisions: readonly Decision[]): readonly Decision[] {
  return decisions.filter(({ build }) => build === null);
}

function nothingToExplain(workspace: string | null, unit: string | undefined): string {
  if (unit !== undefined) {
    return `no unit ${unit} was asked for or built in the builds that are remembered; all: xcache explain --all`;
  }
  const where = workspace === null ? '' : ` of ${workspace}`;
  return `no build${where} is remembered; build something, then try again, or see: xcache explain --all`;
}

function headOf({ startedMs, workspace, profiles }: BuildRow, style: Style): string {
  return `build of ${formatTime(startedMs)} in ${style.bold(workspace)}, ${profiles.join(', ')}`;
}

/** Whoever asks about one workspace must see that the answer is about another one. */
function placeNote(build: BuildRow, workspace: string | null): string {
  if (workspace === build.workspace) return '';
  return workspace === null ? ' (this directory is in no known workspace)' : ' (another workspace)';
}

/** `34 units: 25 served, 9 compiled: all 9 are this workspace's own` */
export function describeBuild(build: BuildRow): string {
  const { units, served, compiled, missed } = build;
  const outcomes = [`${formatNumber(served)} served`];
  if (compiled > 0 || missed === 0) outcomes.push(`${formatNumber(compiled)} compiled`);
  if (missed > 0) outcomes.push(`${formatNumber(missed)} not compiled to the end`);
  const compiledAs = describeCompiled(build);
  return (
    `${formatCount(units, 'unit')}: ${outcomes.join(', ')}` +
    (compiledAs === '' ? '' : `: ${compiledAs}`)
  );
}

function describeCompiled({ compiled, own, notServed, undecided }: BuildRow): string {
  if (compiled === 0) return '';
  const ownText = own === 1 ? "1 is this workspace's own" : `${own} are this workspace's own`;
  if (own === compiled) return own === 1 ? ownText : `all ${ownText}`;
  const parts = own === 0 ? [] : [ownText];
  if (notServed > 0) parts.push(`${formatNumber(notServed)} could not be served: see below`);
  if (undecided > 0) parts.push(`${formatNumber(undecided)} not looked at yet`);
  return parts.join(', ');
}

/** What can be done something about comes first. */
function renderRows(decisions: readonly Decision[], style: Style): readonly string[] {
  return decisions
    .toSorted((a, b) => rankOf(a) - rankOf(b))
    .map((decision) => renderDecision(decision, style));
}

function rankOf({ outcome, isOwn }: Decision): number {
  if (outcome === 'missed') return 1;
  if (outcome === 'served') return 3;
  return isOwn === true ? 2 : 0;
}

function renderDecision(decision: Decision, style: Style): string {
  const { unit, reason, message } = decision;
  const why = `${message} ${style.dim(`[${reason}]`)}${fateOf(decision, style)}`;
  return `  ${colored(decision, style)}  ${unit}\n            ${why}`;
}

function fateOf({ outcome, reason, became }: Decision, style: Style): string {
  if (outcome !== 'compiled' || became === null || became.reason === reason) return '';
  if (became.reason === 'stored') return '; stored now';
  if (became.outcome === 'stored') return `; ${became.message}`;
  return `; kept private: ${became.message} ${style.dim(`[${became.reason}]`)}`;
}

function colored({ outcome, isOwn }: Decision, style: Style): string {
  const word = outcome.padEnd(8);
  switch (outcome) {
    case 'served':
      return style.good(word);
    case 'compiled':
      return isOwn === true ? style.dim(word) : style.warn(word);
    case 'missed':
      return style.warn(word);
  }
}

function formatNumber(count: number): string {
  return count.toLocaleString('en-US');
}
