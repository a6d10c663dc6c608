/** Runs command lines in the test's own process, against a control server that the test makes up. */
import { createLogger } from '../../src/base/log.js';
import { runCommandLine } from '../../src/cli/program.js';
import { createStyle, type Terminal } from '../../src/cli/terminal.js';
import {
  startControlServer,
  type ControlHandlers,
  type ControlServer,
} from '../../src/service/control/control-server.js';
import { resolvePaths } from '../../src/host/paths.js';

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The questions that were asked; there are none without an answer. */
  readonly asked: readonly string[];
}

/** Runs a command line on a terminal where `answer` is given to questions, if there is one. */
export async function runOnTerminal(argv: readonly string[], answer?: boolean): Promise<Finished> {
  const out: string[] = [];
  const err: string[] = [];
  const asked: string[] = [];
  const terminal: Terminal = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    isWatched: false,
    style: () => createStyle(false),
    ...(answer !== undefined && {
      confirm: (question: string) => {
        asked.push(question);
        return Promise.resolve(answer);
      },
    }),
  };
  const code = await runCommandLine(argv, terminal);
  return { code, out: out.join('\n'), err: err.join('\n'), asked };
}

/** A service whose methods do what the test says; the others fail. Closed by the caller. */
export async function serveMethods(handlers: Partial<ControlHandlers>): Promise<ControlServer> {
  return await startControlServer({
    socketPath: resolvePaths().socketPath,
    log: createLogger({ level: 'silent' }),
    handlers: new Proxy(handlers as ControlHandlers, {
      get: (target, name): unknown =>
        Reflect.get(target, name) ?? (() => Promise.reject(new Error(`no ${String(name)}`))),
    }),
  });
}
