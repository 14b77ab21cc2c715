// COMMAND: the table of commands, told to clients.

import { ErrorReply, MapReply, type Reply, SetReply, StatusReply } from '../resp/reply.js';
import { categoriesOf } from '../server/users.js';
import { type Command, type ContainerCommand, keysOf } from './command.js';
import type { CommandContext } from './command-context.js';
import { container } from './container.js';

export const COMMAND_COMMAND: ContainerCommand = container({
  name: 'command',
  group: 'server',
  summary: 'Tells about the commands of this server.',
  alone: ({ server }) => [...server.commands.values()].map(describeCommand),
  subcommands: [
    {
      name: 'count',
      arity: 2,
      summary: 'How many commands there are.',
      run: (_, { server }) => server.commands.size,
    },
    { name: 'list', arity: 2, summary: 'Their names.', run: (_, { server }) => [...server.commands.keys()] },
    { name: 'info', arity: -2, summary: 'Arity, flags and keys of commands.', run: info },
    { name: 'docs', arity: -2, summary: 'What commands do.', run: docs },
    { name: 'getkeys', arity: -3, summary: 'The keys of a request.', run: getKeys },
  ],
});

function info(names: readonly string[], { server }: CommandContext): Reply {
  if (names.length === 0) return [...server.commands.values()].map(describeCommand);
  return names.map((name) => {
    const command = server.commands.get(name.toLowerCase());
    return command === undefined ? null : describeCommand(command);
  });
}

/** Unknown names are left out, as Redis does. */
function docs(names: readonly string[], { server }: CommandContext): Reply {
  const wanted = names.length === 0 ? [...server.commands.keys()] : names.map((name) => name.toLowerCase());
  const entries: [Reply, Reply][] = [];
  for (const name of wanted) {
    const command = server.commands.get(name);
    if (command !== undefined) entries.push([name, describeDocs(command)]);
  }
  return new MapReply(entries);
}

function getKeys(request: readonly string[], { server }: CommandContext): Reply {
  const command = server.commands.get((request[0] as string).toLowerCase()); // the arity was checked
  if (command === undefined) return new ErrorReply('ERR Invalid command specified');
  const keys = keysOf(command, request);
  return keys.length === 0 ? new ErrorReply('ERR The command has no key arguments') : keys;
}

/** The ten fields of Redis 7: name, arity, flags, first, last, step, ACL categories, tips, key specifications, subcommands. */
function describeCommand(command: Command): Reply {
  const keys = command.kind === 'local' || command.kind === 'container' ? undefined : command.keys;
  const flags = flagsOf(command).map((flag) => new StatusReply(flag));
  const subcommands = command.kind === 'container' ? [...command.subcommands.values()] : [];
  return [
    command.name,
    command.arity,
    new SetReply(flags),
    keys?.first ?? 0,
    keys?.last ?? 0,
    keys?.step ?? 0,
    new SetReply(categoriesOf(command).map((category) => new StatusReply(`@${category}`))),
    [],
    [],
    subcommands.map((subcommand) =>
      describeCommand({ ...subcommand, name: `${command.name}|${subcommand.name}` }),
    ),
  ];
}

function flagsOf(command: Command): string[] {
  if (command.kind === 'write') return ['write'];
  if (command.kind === 'transaction') return ['noscript', 'fast'];
  return command.kind === 'read' ? ['readonly'] : ['loading', 'stale'];
}

function describeDocs(command: Command): Reply {
  return new MapReply([
    ['summary', command.summary],
    ['since', '0.1.0'],
    ['group', command.group],
  ]);
}
