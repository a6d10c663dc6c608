#!/usr/bin/env node
/** The entry of every xcache process: runs one command and exits with its code. */
import { runCommandLine } from './program.js';
import { createTerminal } from './terminal.js';

// `xcache units | head` ends the reader first; there is nobody left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
process.stderr.on('error', () => undefined);

process.exit(await runCommandLine(process.argv.slice(2), createTerminal()));
