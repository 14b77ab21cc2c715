// CLIENT: who is connected, and under which name.

import { parseInteger } from '../operation/integer.js';
import {
  ErrorReply,
  MapReply,
  NOT_AN_INTEGER,
  OK,
  type Reply,
  SetReply,
  SYNTAX_ERROR,
  VerbatimReply,
} from '../resp/reply.js';
import type { ContainerCommand } from './command.js';
import type { Client, CommandContext, ServerView } from './command-context.js';
import { container, wrongSubcommand } from './container.js';

export const INVALID_CLIENT_NAME: ErrorReply = new ErrorReply(
  'ERR Client names cannot contain spaces, newlines or special characters.',
);

/** Visible ASCII without spaces, so that CLIENT LIST stays one line for each client and one word for each field. */
export function isClientName(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

export const CLIENT_COMMAND: ContainerCommand = container({
  name: 'client',
  group: 'connection',
  category: 'connection',
  summary: 'Tells about connections.',
  subcommands: [
    { name: 'id', arity: 2, summary: "This connection's number.", run: (_, { client }) => client.id },
    {
      name: 'getname',
      arity: 2,
      summary: "This connection's name.",
      run: (_, { client }) => (client.name === '' ? null : client.name),
    },
    { name: 'setname', arity: 3, summary: 'Names this connection.', run: setName },
    {
      name: 'setinfo',
      arity: 4,
      summary: "Names the client library: 'lib-name' or 'lib-ver'.",
      run: setInfo,
    },
    {
      name: 'info',
      arity: 2,
      summary: 'This connection, described.',
      run: (_, { client, server }) => new VerbatimReply(`${describeClient(client, server)}\n`),
    },
    {
      name: 'list',
      arity: -2,
      risk: 'admin',
      summary: 'All connections, one a line: [TYPE type] [ID id ...].',
      run: list,
    },
    {
      name: 'kill',
      arity: -3,
      risk: 'admin',
      summary:
        'Closes connections: address, or [ID id] [ADDR address] [LADDR address] [TYPE type] [USER user] [SKIPME yes | no].',
      run: kill,
    },
    {
      name: 'reply',
      arity: 3,
      summary: 'Whether this connection is answered: ON, OFF, or SKIP for the next command.',
      run: setReplies,
    },
    {
      name: 'no-evict',
      arity: 3,
      risk: 'admin',
      summary: 'Taken and without effect: no connection is evicted.',
      run: takeSwitch,
    },
    {
      name: 'no-touch',
      arity: 3,
      summary: 'Taken and without effect: keys have no time of last use.',
      run: takeSwitch,
    },
    { name: 'getredir', arity: 2, summary: 'Always -1: nothing is tracked for clients.', run: () => -1 },
    { name: 'tracking', arity: -3, summary: 'OFF changes nothing; ON is refused.', run: setTracking },
    {
      name: 'trackinginfo',
      arity: 2,
      summary: 'That nothing is tracked.',
      run: () =>
        new MapReply([
          ['flags', new SetReply(['off'])],
          ['redirect', -1],
          ['prefixes', []],
        ]),
    },
    { name: 'caching', arity: 3, summary: 'Refused: nothing is tracked.', run: () => NOT_TRACKED },
    {
      name: 'pause',
      arity: -3,
      risk: 'admin',
      summary: 'Refused, but for a time of 0: commands are never held back.',
      run: pause,
    },
    { name: 'unpause', arity: 2, risk: 'admin', summary: 'Nothing is held back.', run: () => OK },
    {
      name: 'unblock',
      arity: -3,
      risk: 'admin',
      summary: 'Ends the WAIT of a connection: UNBLOCK id [TIMEOUT | ERROR].',
      run: unblock,
    },
  ],
});

function setName(args: readonly string[], { client }: CommandContext): Reply {
  const name = args[0] as string; // the arity was checked
  if (!isClientName(name)) return INVALID_CLIENT_NAME;
  client.name = name;
  return OK;
}

function setInfo(args: readonly string[], { client }: CommandContext): Reply {
  const [attribute, value] = args as [string, string]; // the arity was checked
  const name = attribute.toLowerCase();
  if (name !== 'lib-name' && name !== 'lib-ver') {
    return new ErrorReply(`ERR Unrecognized option '${attribute.slice(0, 128)}'`);
  }
  if (!isClientName(value)) {
    return new ErrorReply(`ERR ${name} cannot contain spaces, newlines or special characters.`);
  }
  if (name === 'lib-name') client.libraryName = value;
  else client.libraryVersion = value;
  return OK;
}

const NOT_TRACKED = new ErrorReply(
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
);

function setTracking(args: readonly string[]): Reply {
  const word = (args[0] as string).toLowerCase(); // the arity was checked
  if (word === 'off' && args.length === 1) return OK;
  return word === 'on' ? new ErrorReply('ERR CLIENT TRACKING is not served here') : SYNTAX_ERROR;
}

function pause(args: readonly string[]): Reply {
  const [text, mode = 'ALL'] = args as [string, string?]; // the arity was checked
  if (args.length > 2) return wrongSubcommand('client', 'pause');
  if (!/^(?:write|all)$/i.test(mode)) return new ErrorReply('ERR CLIENT PAUSE mode must be WRITE or ALL');
  const milliseconds = parseInteger(text);
  if (milliseconds === undefined) return new ErrorReply('ERR timeout is not an integer or out of range');
  if (milliseconds < 0) return new ErrorReply('ERR timeout is negative');
  return milliseconds === 0 ? OK : new ErrorReply('ERR CLIENT PAUSE is not served here');
}

function unblock(args: readonly string[], { server }: CommandContext): Reply {
  const [text, reason = 'TIMEOUT'] = args as [string, string?]; // the arity was checked
  const how = reason.toLowerCase();
  if (args.length > 2) return wrongSubcommand('client', 'unblock');
  if (how !== 'timeout' && how !== 'error') {
    return new ErrorReply('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
  }
  const id = parseInteger(text);
  if (id === undefined) return NOT_AN_INTEGER;
  const client = [...server.clients()].find((one) => one.id === id);
  return client !== undefined && server.acknowledgements.unblock(client, how) ? 1 : 0;
}

function isPositive(text: string): boolean {
  const number = parseInteger(text);
  return number !== undefined && number > 0;
}

function takeSwitch(args: readonly string[]): Reply {
  return /^(?:on|off)$/i.test(args[0] as string) ? OK : SYNTAX_ERROR; // the arity was checked
}

function setReplies(args: readonly string[], { client }: CommandContext): Reply {
  const word = (args[0] as string).toLowerCase(); // the arity was checked
  if (word !== 'on' && word !== 'off' && word !== 'skip') return SYNTAX_ERROR;
  // Where none is answered, none need be skipped.
  if (word !== 'skip' || client.replies !== 'off') client.replies = word;
  return OK;
}

function list(args: readonly string[], { server }: CommandContext): Reply {
  const [word, ...values] = args;
  let wanted: (client: Client) => boolean = () => true;
  if (word?.toLowerCase() === 'id' && values.length > 0) {
    if (values.some((id) => parseInteger(id) === undefined)) return new ErrorReply('ERR Invalid client ID');
    const ids = new Set(values);
    wanted = ({ id }) => ids.has(String(id));
  } else if (word?.toLowerCase() === 'type' && values.length === 1) {
    const type = (values[0] as string).toLowerCase();
    if (!CLIENT_TYPES.has(type))
      return new ErrorReply(`ERR Unknown client type '${values[0]?.slice(0, 128)}'`);
    wanted = (client) => typeOf(client, server) === type;
  } else if (word !== undefined) return SYNTAX_ERROR;
  let text = '';
  for (const client of server.clients()) if (wanted(client)) text += `${describeClient(client, server)}\n`;
  return new VerbatimReply(text);
}

const CLIENT_TYPES = new Set(['normal', 'pubsub', 'master', 'replica', 'slave']);

function typeOf(client: Client, server: ServerView): string {
  return server.subscriptions.countOf(client) > 0 ? 'pubsub' : 'normal';
}

const NO_SUCH_CLIENT = new ErrorReply('ERR No such client');

function kill(args: readonly string[], context: CommandContext): Reply {
  const [address] = args;
  if (args.length === 1) {
    const count = closeAll(context, (client) => client.address === address);
    return count === 0 ? NO_SUCH_CLIENT : OK;
  }
  const tests: ((client: Client) => boolean)[] = [];
  let skipsMe = true;
  for (let nth = 0; nth < args.length; nth += 2) {
    const [word, value] = [(args[nth] as string).toUpperCase(), args[nth + 1]]; // nth < args.length
    if (value === undefined) return SYNTAX_ERROR;
    const refusal = refusalOf(word, value, context);
    if (refusal !== undefined) return refusal;
    if (word === 'ID') tests.push(({ id }) => String(id) === value);
    else if (word === 'TYPE') tests.push((client) => typeOf(client, context.server) === value.toLowerCase());
    else if (word === 'ADDR') tests.push((client) => client.address === value);
    else if (word === 'LADDR') tests.push((client) => client.localAddress === value);
    else if (word === 'USER') tests.push(({ user }) => user?.name === value);
    else if (word === 'SKIPME' && /^(?:yes|no)$/i.test(value)) skipsMe = value.toLowerCase() === 'yes';
    else return SYNTAX_ERROR;
  }
  return closeAll(
    context,
    (client) => !(skipsMe && client === context.client) && tests.every((test) => test(client)),
  );
}

/** What is wrong with a value that CLIENT KILL is given. */
function refusalOf(word: string, value: string, { server }: CommandContext): ErrorReply | undefined {
  if (word === 'ID' && !isPositive(value)) return new ErrorReply('ERR client-id should be greater than 0');
  if (word === 'TYPE' && !CLIENT_TYPES.has(value.toLowerCase())) {
    return new ErrorReply(`ERR Unknown client type '${value.slice(0, 128)}'`);
  }
  if (word === 'USER' && server.users.get(value) === undefined) {
    return new ErrorReply(`ERR No such user '${value.slice(0, 128)}'`);
  }
  return undefined;
}

/** This connection is answered first. */
function closeAll({ client: own, server }: CommandContext, isMeant: (client: Client) => boolean): number {
  const meant = [...server.clients()].filter(isMeant);
  for (const client of meant) {
    if (client === own) client.closeAfterReplies();
    else client.destroy();
  }
  return meant.length;
}

function describeClient(client: Client, server: ServerView): string {
  const seconds = (since: number): number => Math.floor((server.now() - since) / 1000);
  const { subscriptions } = server;
  return [
    `id=${client.id}`,
    `addr=${client.address}`,
    `laddr=${client.localAddress}`,
    `name=${client.name}`,
    `age=${seconds(client.connectedAt)}`,
    `idle=${seconds(client.lastRequestAt)}`,
    `flags=${flagsOf(client, server)}`,
    'db=0',
    `sub=${subscriptions.channelsOf(client).length}`,
    `psub=${subscriptions.patternsOf(client).length}`,
    `multi=${client.queuedCommands}`,
    `qbuf=${client.keptBytes}`,
    `omem=${client.outputBytes}`,
    `cmd=${client.lastCommand}`,
    `user=${client.user?.name ?? '(none)'}`,
    `resp=${client.protocol}`,
    `lib-name=${client.libraryName}`,
    `lib-ver=${client.libraryVersion}`,
  ].join(' ');
}

function flagsOf(client: Client, server: ServerView): string {
  const flags = [
    client.acceptsStale ? 'r' : '',
    client.queuedCommands >= 0 ? 'x' : '',
    typeOf(client, server) === 'pubsub' ? 'P' : '',
  ].join('');
  return flags === '' ? 'N' : flags;
}
