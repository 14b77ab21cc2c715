// CLIENT: who is connected, and under which name.

import { ErrorReply, OK, type Reply, VerbatimReply } from '../resp/reply.js';
import type { ContainerCommand } from './command.js';
import type { Client, CommandContext } from './command-context.js';
import { container } from './container.js';

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
      run: (_, { client, server }) => new VerbatimReply(`${describeClient(client, server.now())}\n`),
    },
    { name: 'list', arity: -2, summary: 'All connections, one a line.', run: list },
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

function list(args: readonly string[], { server }: CommandContext): Reply {
  if (args.length > 0) return new ErrorReply('ERR syntax error');
  let text = '';
  for (const client of server.clients()) text += `${describeClient(client, server.now())}\n`;
  return new VerbatimReply(text);
}

function describeClient(client: Client, now: number): string {
  const seconds = (since: number): number => Math.floor((now - since) / 1000);
  return [
    `id=${client.id}`,
    `addr=${client.address}`,
    `laddr=${client.localAddress}`,
    `name=${client.name}`,
    `age=${seconds(client.connectedAt)}`,
    `idle=${seconds(client.lastRequestAt)}`,
    `flags=${client.acceptsStale ? 'r' : 'N'}`,
    'db=0',
    `qbuf=${client.keptBytes}`,
    `omem=${client.outputBytes}`,
    `cmd=${client.lastCommand}`,
    `resp=${client.protocol}`,
    `lib-name=${client.libraryName}`,
    `lib-ver=${client.libraryVersion}`,
  ].join(' ');
}
