#!/usr/bin/env node
// The `waldb` command.

import { fileURLToPath } from 'node:url';
import { runCommandLine } from './command-line.js';

process.exitCode = await runCommandLine(process.argv.slice(2), fileURLToPath(import.meta.url));
// What is still open belongs to nobody any more: a supervised server's channel, and signal handlers.
process.exit();
