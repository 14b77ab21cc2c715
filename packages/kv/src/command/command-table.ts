// All commands, by name. A new command is a row in one of the lists.

import { CLUSTER_COMMAND } from './cluster-command.js';
import type { Command } from './command.js';
import { CONNECTION_COMMANDS } from './connection-commands.js';
import { KEY_COMMANDS } from './key-commands.js';
import { SERVER_COMMANDS } from './server-commands.js';
import { STRING_COMMANDS } from './string-commands.js';

/** By name in lower case. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [...CONNECTION_COMMANDS, ...STRING_COMMANDS, ...KEY_COMMANDS, ...SERVER_COMMANDS, CLUSTER_COMMAND].map(
    (command) => [command.name, command] as const,
  ),
);
