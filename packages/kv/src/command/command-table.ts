// All commands, by name. A new command is a row in one of the lists.

import { ACL_COMMANDS } from './acl-commands.js';
import { CLUSTER_COMMAND } from './cluster-command.js';
import type { Command } from './command.js';
import { CONNECTION_COMMANDS } from './connection-commands.js';
import { EXPIRY_COMMANDS } from './expiry-commands.js';
import { KEY_COMMANDS } from './key-commands.js';
import { LCS_COMMAND } from './lcs-command.js';
import { OBJECT_COMMANDS } from './object-commands.js';
import { OBSERVE_COMMANDS } from './observe-commands.js';
import { PUBSUB_COMMANDS } from './pubsub-commands.js';
import { REFUSED_COMMANDS } from './refused-commands.js';
import { SCAN_COMMANDS } from './scan-commands.js';
import { SERVER_COMMANDS } from './server-commands.js';
import { SET_COMMANDS } from './set-command.js';
import { STRING_COMMANDS } from './string-commands.js';
import { TRANSACTION_COMMANDS } from './transaction-commands.js';

const ALL: readonly Command[] = [
  ...CONNECTION_COMMANDS,
  ...SET_COMMANDS,
  ...STRING_COMMANDS,
  LCS_COMMAND,
  ...KEY_COMMANDS,
  ...EXPIRY_COMMANDS,
  ...SCAN_COMMANDS,
  ...OBJECT_COMMANDS,
  ...TRANSACTION_COMMANDS,
  ...PUBSUB_COMMANDS,
  ...SERVER_COMMANDS,
  ...OBSERVE_COMMANDS,
  ...ACL_COMMANDS,
  CLUSTER_COMMAND,
  ...REFUSED_COMMANDS,
];

/** By name in lower case. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  ALL.map((command) => [command.name, command] as const),
);
