// COMMAND: the table of commands, told to clients.

import { compilePattern, PATTERN_CHARACTERS_MAX } from '../operation/glob.js';
import { ErrorReply, MapReply, type Reply, SetReply, StatusReply, SYNTAX_ERROR } from '../resp/reply.js';
import { categoriesOf } from '../server/users.js';
import {
  type Command,
  type ContainerCommand,
  hasArity,
  keysOf,
  resolveSubcommand,
  withSubcommands,
} from './command.js';
import type { CommandContext, ServerView } from './command-context.js';
import { container } from './container.js';

export const COMMAND_COMMAND: ContainerCommand = container({
  name: 'command',
  group: 'server',
  category: 'connection',
  summary: 'Tells about the commands of this server.',
  alone: ({ server }) => [...server.commands.values()].map(describeCommand),
  subcommands: [
    {
      name: 'count',
      arity: 2,
      summary: 'How many commands there are.',
      run: (_, { server }) => server.commands.size,
    },
    {
      name: 'list',
      arity: -2,
      summary: 'Their names: [FILTERBY MODULE name | ACLCAT category | PATTERN pattern].',
      run: list,
    },
    { name: 'info', arity: -2, summary: 'Arity, flags and keys of commands.', run: info },
    { name: 'docs', arity: -2, summary: 'What commands do.', run: docs },
    { name: 'getkeys', arity: -4, summary: 'The keys of a request.', run: getKeys },
    {
      name: 'getkeysandflags',
      arity: -4,
      summary: 'The keys of a request, and what is done with them.',
      run: getKeysAndFlags,
    },
  ],
});

function info(names: readonly string[], { server }: CommandContext): Reply {
  if (names.length === 0) return [...server.commands.values()].map(describeCommand);
  return names.map((name) => {
    const command = findCommand(server, name);
    return command === undefined ? null : describeCommand(command);
  });
}

/** Subcommands are named as `client|list`. */
function findCommand({ commands }: ServerView, name: string): Command | undefined {
  const [first = '', word] = name.toLowerCase().split('|');
  const command = commands.get(first);
  if (word === undefined || command === undefined) return command;
  return command.kind === 'container' ? command.subcommands.get(word) : undefined;
}

/** Unknown names are left out, as Redis does. */
function docs(names: readonly string[], { server }: CommandContext): Reply {
  const wanted = names.length === 0 ? [...server.commands.keys()] : names.map((name) => name.toLowerCase());
  const entries: [Reply, Reply][] = [];
  for (const name of wanted) {
    const command = findCommand(server, name);
    if (command !== undefined) entries.push([name, describeDocs(command)]);
  }
  return new MapReply(entries);
}

/** Categories are also those of subcommands, as in Redis. */
function list(args: readonly string[], { server }: CommandContext): Reply {
  if (args.length === 0) return [...server.commands.keys()];
  const [filter, kind, value] = args.map((word) => word.toLowerCase());
  if (filter !== 'filterby' || value === undefined || args.length > 3) return SYNTAX_ERROR;
  const names = (isWanted: (command: Command) => boolean): Reply =>
    [...withSubcommands(server.commands.values())].filter(isWanted).map(({ name }) => name);
  if (kind === 'module') return [];
  if (kind === 'aclcat') return names((command) => categoriesOf(command).includes(value));
  if (kind !== 'pattern') return SYNTAX_ERROR;
  const { matches } = compilePattern(value.slice(0, PATTERN_CHARACTERS_MAX));
  return names(({ name }) => matches(name));
}

const NO_COMMAND = new ErrorReply('ERR Invalid command specified');

/** The command of a request with as many words as it wants, and its keys. */
function keysOfRequest(
  request: readonly string[],
  { server }: CommandContext,
): { readonly command: Command; readonly keys: readonly string[] } | ErrorReply {
  const found = server.commands.get((request[0] as string).toLowerCase()); // the arity was checked
  const command = found === undefined ? undefined : resolveSubcommand(found, request);
  if (command === undefined) return NO_COMMAND;
  const hasKeys = 'keys' in command && command.keys !== undefined;
  if (!hasKeys) return new ErrorReply('ERR The command has no key arguments');
  if (!hasArity(command, request.length)) {
    return new ErrorReply('ERR Invalid number of arguments specified for command');
  }
  return { command, keys: keysOf(command, request) };
}

function getKeys(request: readonly string[], context: CommandContext): Reply {
  const found = keysOfRequest(request, context);
  return found instanceof ErrorReply ? found : found.keys;
}

function getKeysAndFlags(request: readonly string[], context: CommandContext): Reply {
  const found = keysOfRequest(request, context);
  if (found instanceof ErrorReply) return found;
  const flag = new StatusReply(found.command.kind === 'write' ? 'RW' : 'RO');
  return found.keys.map((key) => [key, [flag]]);
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
    subcommands.map(describeCommand),
  ];
}

function flagsOf(command: Command): string[] {
  const flags = { write: ['write'], read: ['readonly'], transaction: ['noscript'], local: [], container: [] };
  const found: string[] = flags[command.kind];
  const isAdmin = command.risk === 'admin' ? ['admin'] : [];
  const here = command.kind === 'local' ? ['loading', 'stale'] : [];
  const isAllowedToAll = command.kind === 'local' && command.needsNoUser === true ? ['no_auth'] : [];
  return [...found, ...isAdmin, ...here, ...(command.isFast === true ? ['fast'] : []), ...isAllowedToAll];
}

function describeDocs(command: Command): Reply {
  return new MapReply([
    ['summary', command.summary],
    ['since', '0.1.0'],
    ['group', command.group],
  ]);
}
