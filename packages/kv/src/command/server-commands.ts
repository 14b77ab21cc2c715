// Commands about this server as a process.

import type { Command } from './command.js';
import { COMMAND_COMMAND } from './command-command.js';
import { CONFIG_COMMAND } from './config-command.js';
import { INFO_COMMANDS } from './info-command.js';
import { WAIT_COMMAND } from './wait-command.js';

export const SERVER_COMMANDS: readonly Command[] = [
  ...INFO_COMMANDS,
  CONFIG_COMMAND,
  {
    kind: 'local',
    name: 'time',
    isFast: true,
    arity: 1,
    group: 'server',
    summary: "This server's date: seconds since 1970, and microseconds.",
    run: (_, { server }) => {
      const date = server.date();
      return [String(Math.floor(date / 1000)), String(Math.floor((date % 1000) * 1000))];
    },
  },
  WAIT_COMMAND,
  COMMAND_COMMAND,
];
