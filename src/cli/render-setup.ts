/** The results of `setup`, `teardown`, `doctor` and of the units of `service` as text. Pure. */
import type { DoctorResult } from '../service/doctor/doctor-finding.js';
import type { SetupResult } from '../service/setup/setup-step.js';
import { formatCount } from './quantities.js';
import type { Style } from './terminal.js';

type Render = (style: Style) => string;

/** `setup` */
export function renderSetup(result: SetupResult): Render {
  return (style) => [renderEnd(result, 'set up', style), ...renderSteps(result, style)].join('\n');
}

/** `teardown`; what could not be done is a view that its workspace keeps. */
export function renderTeardown(result: SetupResult): Render {
  return (style) => {
    const count = result.steps.filter(({ state }) => state === 'missing').length;
    const kept = style.bad(`${formatCount(count, 'view')} could not be made plain`);
    const head = renderEnd(result, 'taken down', style);
    return [
      count === 0 ? head : `${head}; ${kept}`,
      ...renderSteps(result, style, style.bad('kept   ')),
    ].join('\n');
  };
}

function renderEnd({ steps }: SetupResult, done: string, style: Style): string {
  const isIdle = steps.every(({ state }) => state === 'ready' || state === 'skipped');
  return isIdle ? `${style.good(done)} already; nothing to do` : style.good(done);
}

/** `setup --check` */
export function renderSetupCheck(result: SetupResult): Render {
  return (style) => {
    const count = result.steps.filter(({ state }) => state === 'missing').length;
    const head =
      count === 0
        ? style.good('everything is set up')
        : `${style.bad(`${count} missing`)}; set up with: xcache setup`;
    return [head, ...renderSteps(result, style)].join('\n');
  };
}

function renderSteps(
  { steps, notes }: SetupResult,
  style: Style,
  missing = style.bad('missing'),
): string[] {
  const mark = {
    ready: style.dim('ok     '),
    done: style.good('done   '),
    missing,
    skipped: style.dim('skipped'),
  };
  return [
    ...steps.map(({ state, message }) => `  ${mark[state]}  ${message}`),
    ...notes.map((note) => `  ${style.warn('note   ')}  ${note}`),
  ];
}

/** `doctor` */
export function renderDoctor({ findings }: DoctorResult): Render {
  return (style) => {
    const width = Math.max(...findings.map(({ check }) => check.length));
    const mark = {
      ok: style.good('ok  '),
      note: style.dim('note'),
      warn: style.warn('warn'),
      fail: style.bad('fail'),
    };
    return findings
      .map(({ check, state, message, hint }) => {
        const line = `${mark[state]}  ${check.padEnd(width)}  ${message}`;
        return hint === undefined ? line : `${line}\n${' '.repeat(width + 8)}${style.bold(hint)}`;
      })
      .join('\n');
  };
}

/** `service install` */
export function renderUnitInstalled(result: {
  readonly changed: boolean;
  readonly unit: string;
  readonly wasRunning: boolean;
}): Render {
  return (style) =>
    [
      result.changed
        ? `${style.good('installed')} ${style.bold(result.unit)}`
        : `${style.bold(result.unit)} is installed already`,
      ...(result.changed && result.wasRunning
        ? ['the running service goes on; hand it over with: xcache service restart']
        : []),
      'to run it before login and after logout: loginctl enable-linger',
    ].join('\n');
}

/** `service uninstall` */
export function renderUnitUninstalled(result: {
  readonly changed: boolean;
  readonly unit: string;
}): Render {
  return (style) =>
    result.changed
      ? `${style.good('removed')} ${style.bold(result.unit)}; a running service goes on`
      : `there is no ${style.bold(result.unit)}`;
}
