/** Answers `xcache explain` from the rows of the decision log. Pure. */
import { controlResponseBytesMax } from '../base/limits.js';
import type { BuildRow, Decision, ExplainParams, ExplainResult } from './decision.js';
import type { DecisionReason, UnitDecision } from './decisions.js';

/** Half of an answer: builds come on top, and a character may take more than one byte. */
const answerCharactersMax = controlResponseBytesMax / 2;

/**
 * Chooses among `all` (oldest first): the last build of the workspace that `params.directory` lies
 * in, or of any workspace where none is known there. With `params.unit`, the last build in which
 * that unit occurs. `workspaces` are known although nothing may have been decided in them.
 */
export function reportDecisions(
  all: readonly UnitDecision[],
  params: ExplainParams,
  workspaces: Iterable<string> = [],
): ExplainResult {
  // What cargo has never named is no unit.
  const rows = all.filter((row) => row.state !== 'missed' || row.package !== null);
  const workspace = workspaceAt(params.directory, rows, workspaces);
  const { unit } = params;
  const wanted = unit === undefined ? rows : rows.filter((row) => isNamed(row, unit));
  const chosen =
    params.all === true ? latest(wanted) : ofLastBuild(wanted, workspace, unit !== undefined);
  const chosenBuilds = new Set(chosen.map(buildOf));
  return {
    version: 1,
    workspace: workspace ?? null,
    builds: summarize(rows.filter((row) => chosenBuilds.has(buildOf(row)))),
    decisions: chosen.map(decisionOf),
  };
}

/** The innermost known workspace (or build-dir) that the directory is or lies in. */
function workspaceAt(
  directory: string | undefined,
  rows: readonly UnitDecision[],
  workspaces: Iterable<string>,
): string | undefined {
  if (directory === undefined) return undefined;
  const roots = new Map<string, string>();
  for (const root of workspaces) roots.set(root, root);
  for (const row of rows) {
    roots.set(row.directory, row.workspace);
    roots.set(row.workspace, row.workspace);
  }
  for (let path = directory; path !== ''; path = path.slice(0, path.lastIndexOf('/'))) {
    const workspace = roots.get(path);
    if (workspace !== undefined) return workspace;
  }
  return roots.get('/');
}

/** As many as an answer on the control socket can carry: texts may be long. */
function latest(rows: readonly UnitDecision[]): readonly UnitDecision[] {
  let characters = 0;
  const start = rows.findLastIndex((row) => {
    const texts = [row.directory, row.directory, row.workspace, row.profilePath];
    const reasons = [row.miss, row.verdict].map((reason) => reason?.message ?? '');
    // Keys, numbers, names and words of a row take less than 1,000.
    characters += [...texts, ...reasons].reduce((sum, text) => sum + text.length, 1_000);
    return characters > answerCharactersMax;
  });
  return rows.slice(start + 1);
}

/** Of a named unit that this workspace never had, what others had of it is better than nothing. */
function ofLastBuild(
  rows: readonly UnitDecision[],
  workspace: string | undefined,
  isUnitNamed: boolean,
): readonly UnitDecision[] {
  const here = rows.filter((row) => workspace === undefined || row.workspace === workspace);
  const candidates = here.length === 0 && isUnitNamed ? rows : here;
  const last =
    candidates.findLast(({ session }) => session !== '') ??
    (isUnitNamed ? candidates.at(-1) : undefined);
  if (last === undefined) return [];
  return candidates.filter((row) => buildOf(row) === buildOf(last));
}

/** Rows that nobody is known to have built have one of their own for each build-dir. */
function buildOf({ session, directory }: UnitDecision): string {
  return `${session} ${directory}`;
}

function isNamed(row: UnitDecision, wanted: string): boolean {
  return (
    row.package === wanted ||
    row.unitHash === wanted ||
    nameOf(row) === wanted ||
    `${row.profilePath}/${nameOf(row)}` === wanted
  );
}

function nameOf(row: UnitDecision): string {
  return `${row.package ?? '?'}-${row.unitHash}`;
}

function decisionOf(row: UnitDecision): Decision {
  const { verdict } = row;
  return {
    atMs: row.atMs,
    directory: row.directory,
    workspace: row.workspace,
    build: row.session === '' ? null : buildOf(row),
    unit: `${row.profilePath}/${nameOf(row)}`,
    package: row.package,
    unitHash: row.unitHash,
    outcome: row.state,
    ...reasonOf(row),
    isOwn: verdict?.isOwn ?? null,
    became: verdict && {
      outcome: verdict.outcome,
      reason: verdict.reason,
      message: verdict.message,
    },
  };
}

/**
 * What is never stored is in no store, so the reason for that is the reason why it was not served.
 */
function reasonOf({ state, session, miss, verdict }: UnitDecision): DecisionReason {
  if (state === 'served') return { reason: 'served', message: 'an equal unit is in the store' };
  const isPrivate = verdict?.outcome === 'kept-private';
  if (isPrivate && (miss === null || miss.reason === 'unknown-unit')) {
    return { reason: verdict.reason, message: verdict.message };
  }
  if (miss !== null) return { reason: miss.reason, message: miss.message };
  if (session === '') {
    return { reason: 'already-here', message: 'it is not known which cargo command built it' };
  }
  return { reason: 'not-asked', message: 'it was out of date here, or had been deleted here' };
}

function summarize(rows: readonly UnitDecision[]): readonly BuildRow[] {
  const byBuild = new Map<string, UnitDecision[]>();
  for (const row of rows) {
    if (row.session === '') continue;
    const build = byBuild.get(buildOf(row));
    if (build === undefined) byBuild.set(buildOf(row), [row]);
    else build.push(row);
  }
  return [...byBuild].flatMap(([build, [first, ...others]]) =>
    first === undefined ? [] : [summaryOf(build, first, [first, ...others])],
  );
}

function summaryOf(build: string, first: UnitDecision, rows: readonly UnitDecision[]): BuildRow {
  const count = (isCounted: (row: UnitDecision) => boolean): number =>
    rows.filter(isCounted).length;
  const isCompiled = ({ state }: UnitDecision): boolean => state === 'compiled';
  const times = rows.map(({ atMs }) => atMs);
  return {
    build,
    directory: first.directory,
    workspace: first.workspace,
    startedMs: times.reduce((a, b) => Math.min(a, b)),
    endedMs: times.reduce((a, b) => Math.max(a, b)),
    profiles: [...new Set(rows.map(({ profilePath }) => profilePath))].sort(),
    units: rows.length,
    served: count(({ state }) => state === 'served'),
    compiled: count(isCompiled),
    missed: count(({ state }) => state === 'missed'),
    own: count((row) => isCompiled(row) && row.verdict?.isOwn === true),
    notServed: count((row) => isCompiled(row) && row.verdict?.isOwn === false),
    undecided: count((row) => isCompiled(row) && row.verdict === null),
  };
}
