// AUTH and ACL: who a connection speaks for, and what the users may do.

import { ErrorReply, MapReply, OK, type Reply, StatusReply } from '../resp/reply.js';
import { categoriesOf, type User } from '../server/users.js';
import type { Command } from './command.js';
import type { Client, CommandContext, ServerView } from './command-context.js';
import { container, wrongArity } from './container.js';

const NO_PASSWORD = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const WRONG_PASSWORD = new ErrorReply('WRONGPASS invalid username-password pair or user is disabled.');
const BUSY = new ErrorReply('BUSY too many passwords are being verified: try again');

export const ACL_COMMANDS: readonly Command[] = [
  {
    kind: 'local',
    name: 'auth',
    arity: -2,
    group: 'connection',
    summary: 'Says who this connection speaks for: AUTH [user] password.',
    needsNoUser: true,
    isRefusedInTransaction: true,
    run: (args, context) => {
      if (args.length > 2) return wrongArity('auth');
      const [first, second] = args as [string, string?]; // the arity was checked
      if (second === undefined && context.server.users.initial !== undefined) return NO_PASSWORD;
      const [name, password] = second === undefined ? ['default', first] : [first, second];
      return authenticate(context, name, password);
    },
  },
  container({
    name: 'acl',
    group: 'server',
    summary: 'Tells who may do what. Users are given when the server is started.',
    subcommands: [
      {
        name: 'whoami',
        arity: 2,
        summary: "This connection's user.",
        run: (_, { client }) => client.user?.name ?? '',
      },
      {
        name: 'users',
        arity: 2,
        summary: 'Names of all users.',
        run: (_, { server }) => [...server.users.all()].map(({ name }) => name),
      },
      {
        name: 'list',
        arity: 2,
        summary: 'All users with their rules.',
        run: (_, { server }) => [...server.users.all()].map(describe),
      },
      { name: 'getuser', arity: 3, summary: 'The rules of a user.', run: getUser },
      { name: 'cat', arity: -2, summary: 'Categories, or the commands of one.', run: categories },
    ],
  }),
];

/** Changes whom `client` speaks for, once the password is known to be right. */
export async function authenticate(
  { client, server }: CommandContext,
  name: string,
  password: string,
): Promise<Reply> {
  const user = await server.users.authenticate(name, password);
  if (user === 'busy') return BUSY;
  if (user === undefined) return WRONG_PASSWORD;
  signIn(client, user);
  return OK;
}

function signIn(client: Client, user: User): void {
  client.user = user;
}

/** As Redis prints users; hashes are not told, not even these. */
function describe(user: User): string {
  const password = user.hashes.length > 0 ? ['#********'] : [];
  return ['user', user.name, ...user.rules, ...password].join(' ');
}

function getUser(args: readonly string[], { server }: CommandContext): Reply {
  const user = server.users.get(args[0] as string); // the arity was checked
  if (user === undefined) return null;
  const flags = [user.isOn ? 'on' : 'off', ...(user.needsNoPassword ? ['nopass'] : [])];
  return new MapReply([
    ['flags', flags.map((flag) => new StatusReply(flag))],
    ['passwords', user.hashes.map(() => '********')],
    ['commands', user.commandRules],
    ['keys', user.keyPatterns.join(' ')],
    ['channels', user.channelPatterns.join(' ')],
    ['selectors', []],
  ]);
}

function categories(args: readonly string[], { server }: CommandContext): Reply {
  const [wanted] = args;
  if (wanted === undefined) return [...new Set([...server.commands.values()].flatMap(categoriesOf))].sort();
  const names = namesOf(server, wanted.toLowerCase());
  return names.length > 0 ? names : new ErrorReply(`ERR Unknown category '${wanted.slice(0, 128)}'`);
}

function namesOf(server: ServerView, category: string): string[] {
  return [...server.commands.values()]
    .filter((command) => categoriesOf(command).includes(category))
    .map(({ name }) => name);
}
