// `waldb members ...`: the options of its commands, and nothing of what they do.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { parseId, parseMemberAddress } from '../option-values.js';
import {
  type AddFlags,
  addMember,
  demoteMember,
  listMembers,
  type MembersFlags,
  moveMember,
  promoteMember,
  removeMember,
  transferLeadership,
} from './members-actions.js';
import { caOption, serverOption, tokenOption } from './server-option.js';

const CATCH_UP_SECONDS = 600;

export function addMembers(members: Command, { run }: CommandContext): void {
  members.addHelpText('after', HELP);
  command(members, 'list', 'Show who is in the cluster, who leads, and how far everybody is.').action(
    (flags: MembersFlags) => run(() => listMembers(flags)),
  );
  command(members, 'add', 'Add a server: as a learner, and as a voter once it has caught up.')
    .argument('<id>', 'its number', parseId)
    .argument(
      '[address]',
      'where its peers dial: host:port[/clientHost:port[/adminHost:port]]',
      parseMemberAddress,
    )
    .addOption(new Option('--learner', 'leave it a learner'))
    .addOption(timeoutOption())
    .action((id: number, address: string | undefined, flags: AddFlags) =>
      run(() => addMember(id, address, flags)),
    );
  command(members, 'promote', 'Make a learner a voter, once it has caught up.')
    .argument('<id>', 'its number', parseId)
    .addOption(timeoutOption())
    .action((id: number, flags: AddFlags) => run(() => promoteMember(id, flags)));
  command(
    members,
    'demote',
    'Make a voter a learner: it goes on receiving the log, and counts for no majority.',
  )
    .argument('<id>', 'its number', parseId)
    .action((id: number, flags: MembersFlags) => run(() => demoteMember(id, flags)));
  command(members, 'remove', 'Remove a server, running or dead.')
    .argument('<id>', 'its number', parseId)
    .action((id: number, flags: MembersFlags) => run(() => removeMember(id, flags)));
  command(members, 'transfer', 'Hand leadership to another voter.')
    .argument('<id>', 'its number', parseId)
    .action((id: number, flags: MembersFlags) => run(() => transferLeadership(id, flags)));
  command(members, 'move', 'Tell everybody where a member is from now on.')
    .argument('<id>', 'its number', parseId)
    .argument('<address>', 'host:port[/clientHost:port[/adminHost:port]]', parseMemberAddress)
    .action((id: number, address: string, flags: MembersFlags) => run(() => moveMember(id, address, flags)));
}

function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .addOption(serverOption())
    .addOption(caOption())
    .addOption(tokenOption())
    .addOption(new Option('--json', 'the members as one JSON object'));
}

function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'how long it may take to catch up')
    .argParser(parseSeconds)
    .default(CATCH_UP_SECONDS);
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds < 1) throw new InvalidArgumentError('A whole number of seconds is wanted.');
  return seconds;
}

const HELP = `
Talks to the admin port of any member (waldb serve --admin) and follows to the one that leads.
Each step that was taken stays taken: what was interrupted is typed again, and goes on.

Exit codes:
  0  done
  1  nobody answered, or not in time: ask again
  2  refused: it cannot be done this way

Examples:
  waldb members list --server 127.0.0.1:7301
  waldb serve --id 4 --directory ./data/4 --port 7104 --admin 127.0.0.1:7304 --join 127.0.0.1:7301 &
  waldb members add 4                              where it is, the cluster knows by then
  waldb members demote 4                           it keeps its copy, and has no vote any more
  waldb members remove 2                           also one that is dead
  waldb members list --json | jq '.members[] | select(.isLeader).id'`;
