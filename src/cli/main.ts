#!/usr/bin/env node
/** The entry of every xcache process: runs one command and exits with its code. */
import { runCommandLine } from './program.js';
import { createTerminal } from './terminal.js';

process.exit(await runCommandLine(process.argv.slice(2), createTerminal()));
