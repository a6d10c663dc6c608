/** What people see of `reject` and of `units --rejected`. */
import type { RejectedRow, RejectResult } from '../service/control/protocol.js';
import { formatCount, formatTime } from './quantities.js';
import { renderTable, type Render } from './render.js';

/** `reject`: what left the store, and where it still is. */
export function renderReject(result: RejectResult, isUndone: boolean): Render {
  return () => {
    const what = `${formatCount(result.units, 'unit')} of ${result.package}`;
    const versions = result.versions.filter((version) => version !== 'no version').join(', ');
    const named = versions === '' ? what : `${what} (${versions})`;
    if (isUndone) return `${named} may be served and stored again`;
    const lines = [`${named} will not be served again; ${result.removedUnits} left the store`];
    if (result.workspaces > 0) {
      const places = formatCount(result.workspaces, 'workspace');
      lines.push(`${places} still use it: run there: cargo clean -p ${result.package}`);
    }
    return lines.join('\n');
  };
}

/** `units --rejected` */
export function renderRejected(units: readonly RejectedRow[]): Render {
  return (style) => {
    if (units.length === 0) return 'no unit is rejected';
    const table = renderTable(
      ['package', 'version', 'kind', 'profile', 'rejected', 'by', 'unit'],
      units.map((unit) => [
        unit.package,
        unit.packageVersion ?? '',
        unit.kind,
        unit.profile,
        formatTime(unit.rejectedMs),
        unit.by,
        unit.unitHash,
      ]),
      style,
    );
    return `${table}\n${formatCount(units.length, 'unit')}; to take one back: xcache reject PACKAGE --undo`;
  };
}
