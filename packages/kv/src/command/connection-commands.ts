// Commands about the connection itself.

import { parseInteger } from '../operation/integer.js';
import { ErrorReply, MapReply, NOT_AN_INTEGER, OK, PONG, type Reply, StatusReply } from '../resp/reply.js';
import { authenticate } from './acl-commands.js';
import { CLIENT_COMMAND, INVALID_CLIENT_NAME, isClientName } from './client-command.js';
import type { Command } from './command.js';
import type { Client, CommandContext } from './command-context.js';
import { wrongArity } from './container.js';

const NO_PROTOCOL = new ErrorReply('NOPROTO unsupported protocol version');
const NO_USER = new ErrorReply(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
);

export const CONNECTION_COMMANDS: readonly Command[] = [
  {
    kind: 'local',
    name: 'ping',
    isFast: true,
    arity: -1,
    group: 'connection',
    summary: 'Answers PONG, or with its argument.',
    run: (args, { client, server }) => {
      if (args.length > 1) return wrongArity('ping');
      const isListening = client.protocol === 2 && server.subscriptions.countOf(client) > 0;
      return isListening ? ['pong', args[0] ?? ''] : (args[0] ?? PONG);
    },
  },
  {
    kind: 'local',
    name: 'echo',
    isFast: true,
    arity: 2,
    group: 'connection',
    summary: 'Answers with its argument.',
    run: (args) => args[0] as string, // the arity was checked
  },
  {
    kind: 'local',
    name: 'hello',
    isFast: true,
    arity: -1,
    group: 'connection',
    summary:
      'Chooses RESP2 or RESP3 and tells about the server: HELLO [2 | 3 [AUTH user password] [SETNAME name]].',
    needsNoUser: true,
    isRefusedInTransaction: true,
    run: hello,
  },
  {
    kind: 'local',
    name: 'select',
    isFast: true,
    arity: 2,
    group: 'connection',
    summary: 'Chooses database 0, the only one.',
    run: (args) => {
      const index = parseInteger(args[0] as string); // the arity was checked
      if (index === undefined) return NOT_AN_INTEGER;
      return index === 0 ? OK : new ErrorReply('ERR SELECT is not allowed in cluster mode');
    },
  },
  {
    kind: 'local',
    name: 'readonly',
    category: 'connection',
    isFast: true,
    arity: 1,
    group: 'cluster',
    summary: 'Lets this connection read from a follower, which may be behind.',
    run: (_, { client }) => {
      client.acceptsStale = true;
      return OK;
    },
  },
  {
    kind: 'local',
    name: 'readwrite',
    category: 'connection',
    isFast: true,
    arity: 1,
    group: 'cluster',
    summary: 'Ends READONLY: reads are linearizable again.',
    run: (_, { client }) => {
      client.acceptsStale = false;
      return OK;
    },
  },
  {
    kind: 'local',
    name: 'reset',
    isFast: true,
    arity: 1,
    group: 'connection',
    summary: 'Puts the connection back into the state of a new one.',
    needsNoUser: true,
    leavesTransaction: true,
    run: (_, { client, server }) => {
      client.acceptsStale = false;
      client.name = '';
      client.protocol = 2;
      client.replies = 'on';
      client.user = server.users.initial;
      client.resetTransaction();
      server.subscriptions.remove(client);
      return new StatusReply('RESET');
    },
  },
  {
    kind: 'local',
    name: 'quit',
    isFast: true,
    arity: -1,
    group: 'connection',
    summary: 'Closes the connection once everything is answered.',
    needsNoUser: true,
    leavesTransaction: true,
    run: (_, { client }) => {
      client.closeAfterReplies();
      return OK;
    },
  },
  CLIENT_COMMAND,
];

function hello(args: readonly string[], context: CommandContext): Reply | Promise<Reply> {
  const [version, ...options] = args;
  if (version !== undefined && !/^\d{1,9}$/.test(version)) {
    return new ErrorReply('ERR Protocol version is not an integer or out of range');
  }
  if (version !== undefined && version !== '2' && version !== '3') return NO_PROTOCOL;
  const read = readHello(options);
  if (read instanceof ErrorReply) return read;
  const { name, credentials } = read;
  const greet = (): Reply => {
    if (name !== undefined) context.client.name = name;
    if (version !== undefined) context.client.protocol = version === '3' ? 3 : 2;
    return greeting(context.client, context);
  };
  if (credentials === undefined) return context.client.user === undefined ? NO_USER : greet();
  return authenticate(context, ...credentials).then((reply) => (reply === OK ? greet() : reply));
}

interface HelloOptions {
  name: string | undefined;
  credentials: readonly [user: string, password: string] | undefined;
}

function readHello(words: readonly string[]): HelloOptions | ErrorReply {
  const options: HelloOptions = { name: undefined, credentials: undefined };
  for (let nth = 0; nth < words.length; nth += 2) {
    const word = (words[nth] as string).toUpperCase(); // nth < words.length
    const [value, second] = [words[nth + 1], words[nth + 2]];
    if (word === 'AUTH' && value !== undefined && second !== undefined) {
      options.credentials = [value, second];
      nth += 1;
    } else if (word !== 'SETNAME' || value === undefined) {
      return new ErrorReply(`ERR Syntax error in HELLO option '${words[nth]}'`);
    } else if (!isClientName(value)) return INVALID_CLIENT_NAME;
    else options.name = value;
  }
  return options;
}

function greeting(client: Client, { server }: CommandContext): Reply {
  return new MapReply([
    ['server', 'waldb'],
    ['version', server.version],
    ['proto', client.protocol],
    ['id', client.id],
    ['mode', 'cluster'],
    ['role', server.cluster().role === 'leader' ? 'master' : 'replica'],
    ['modules', []],
  ]);
}
