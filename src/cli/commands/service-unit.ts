/** The subcommands of `service` that deal with systemd. */
import type { Command } from 'commander';
import { addCommonOptions, type Execute } from '../command.js';
import { renderUnitInstalled, renderUnitUninstalled } from '../render-setup.js';

/** Adds `install` and `uninstall`, and what the unit itself calls. */
export function defineUnitCommands(command: Command, execute: Execute): void {
  const install = addCommonOptions(
    command.command('install').description('make the service a unit of your systemd session'),
  );
  install.action(
    async () =>
      await execute(install, async (context) => {
        const { installUnit, unitPath } = await import('../../service/process/systemd-unit.js');
        const changed = await installUnit(context.paths);
        const wasRunning = (await context.connectIfRunning()) !== undefined;
        if (!wasRunning) await context.connect();
        const result = { version: 1, changed, unit: unitPath(), wasRunning };
        return { result, render: renderUnitInstalled(result) };
      }),
  );

  const uninstall = addCommonOptions(
    command.command('uninstall').description('remove that unit; a service that runs goes on'),
  );
  uninstall.action(
    async () =>
      await execute(uninstall, async () => {
        const { uninstallUnit, unitPath } = await import('../../service/process/systemd-unit.js');
        const result = { version: 1, changed: await uninstallUnit(), unit: unitPath() };
        return { result, render: renderUnitUninstalled(result) };
      }),
  );

  const detach = addCommonOptions(
    command
      .command('detach-dead', { hidden: true })
      .description('detach the mounts that a killed service has left; for the unit of systemd'),
  );
  detach.action(
    async () =>
      await execute(detach, async ({ paths }) => {
        const { detachDeadMounts } = await import('../../service/process/dead-mounts.js');
        const result = { version: 1, detached: await detachDeadMounts(paths) };
        return { result, render: () => result.detached.join('\n') };
      }),
  );
}
