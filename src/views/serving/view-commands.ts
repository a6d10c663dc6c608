/** Runs one command of the main thread against a view's file system and phrases the answer. */
import type { ViewControl } from '../../fs/view-control.js';
import { listFingerprints, snapshotUnit } from '../../units/unit-files.js';
import type { ViewAgent } from './view-agent.js';
import type { ViewCommand, ViewCommands } from '../../units/view-access.js';
import type { CommandMessage, CommandReply } from './view-messages.js';

/** The commands, bound to one view. */
export function viewCommands(control: ViewControl, agent: ViewAgent): ViewCommands {
  return {
    snapshot: (path) => control.snapshot(path),
    names: (directory) => control.names(directory),
    fingerprints: () => listFingerprints(control),
    snapshotUnits: (units) => units.map((unit) => snapshotUnit(control, unit)),
    prepareAdoption: (adoption) => control.prepareAdoption(adoption),
    completeAdoption: (adoption) => {
      const outcome = control.completeAdoption(adoption);
      if (outcome === 'done') agent.adopted(adoption);
      return outcome;
    },
    backingDigests: () => control.backingDigests(),
    attachments: () => control.attachments(),
  };
}

/** The arguments come with the message, whose sender took them from the command's own type. */
type Commands = Record<ViewCommand, (...args: readonly unknown[]) => unknown>;

/** Never throws: a failure is an answer like any other. */
export function executeCommand(
  control: ViewControl,
  agent: ViewAgent,
  message: CommandMessage,
): CommandReply {
  try {
    const commands = viewCommands(control, agent) as unknown as Commands;
    const result = commands[message.method](...message.args);
    return { kind: 'reply', id: message.id, result };
  } catch (error) {
    return { kind: 'failure', id: message.id, message: String(error) };
  }
}
