// Commands about the connection itself.

import { ErrorReply, MapReply, OK, PONG, type Reply, StatusReply } from '../resp/reply.js';
import { CLIENT_COMMAND, INVALID_CLIENT_NAME, isClientName } from './client-command.js';
import type { Command } from './command.js';
import type { Client, CommandContext } from './command-context.js';

const NO_PASSWORD = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const NO_PROTOCOL = new ErrorReply('NOPROTO unsupported protocol version');

export const CONNECTION_COMMANDS: readonly Command[] = [
  {
    kind: 'local',
    name: 'ping',
    arity: -1,
    group: 'connection',
    summary: 'Answers PONG, or with its argument.',
    run: (args) => {
      if (args.length > 1) return new ErrorReply("ERR wrong number of arguments for 'ping' command");
      return args[0] ?? PONG;
    },
  },
  {
    kind: 'local',
    name: 'echo',
    arity: 2,
    group: 'connection',
    summary: 'Answers with its argument.',
    run: (args) => args[0] as string, // the arity was checked
  },
  {
    kind: 'local',
    name: 'hello',
    arity: -1,
    group: 'connection',
    summary: 'Chooses RESP2 or RESP3 and tells about the server: HELLO [2 | 3 [SETNAME name]].',
    run: hello,
  },
  {
    kind: 'local',
    name: 'auth',
    arity: -2,
    group: 'connection',
    summary: 'Always an error: this server knows no passwords.',
    run: () => NO_PASSWORD,
  },
  {
    kind: 'local',
    name: 'select',
    arity: 2,
    group: 'connection',
    summary: 'Chooses database 0, the only one.',
    run: (args) => {
      if (!/^-?\d+$/.test(args[0] as string)) return new ErrorReply('ERR invalid DB index');
      return args[0] === '0' ? OK : new ErrorReply('ERR SELECT is not allowed in cluster mode');
    },
  },
  {
    kind: 'local',
    name: 'readonly',
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
    arity: 1,
    group: 'connection',
    summary: 'Puts the connection back into the state of a new one.',
    run: (_, { client }) => {
      client.acceptsStale = false;
      client.name = '';
      client.protocol = 2;
      return new StatusReply('RESET');
    },
  },
  {
    kind: 'local',
    name: 'quit',
    arity: -1,
    group: 'connection',
    summary: 'Closes the connection once everything is answered.',
    run: (_, { client }) => {
      client.closeAfterReplies();
      return OK;
    },
  },
  CLIENT_COMMAND,
];

function hello(args: readonly string[], context: CommandContext): Reply {
  const [version, ...options] = args;
  if (version !== undefined && !/^\d{1,9}$/.test(version)) {
    return new ErrorReply('ERR Protocol version is not an integer or out of range');
  }
  if (version !== undefined && version !== '2' && version !== '3') return NO_PROTOCOL;
  const name = helloName(options);
  if (name instanceof ErrorReply) return name;
  if (name !== undefined) context.client.name = name;
  if (version !== undefined) context.client.protocol = version === '3' ? 3 : 2;
  return greeting(context.client, context);
}

/** The name to set, if any; AUTH is refused. */
function helloName(options: readonly string[]): string | undefined | ErrorReply {
  let name: string | undefined;
  for (let nth = 0; nth < options.length; nth += 2) {
    const option = (options[nth] as string).toUpperCase(); // nth < options.length
    if (option === 'AUTH' && nth + 2 < options.length) return NO_PASSWORD;
    const value = options[nth + 1];
    if (option !== 'SETNAME' || value === undefined) {
      return new ErrorReply(`ERR Syntax error in HELLO option '${options[nth]}'`);
    }
    if (!isClientName(value)) return INVALID_CLIENT_NAME;
    name = value;
  }
  return name;
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
