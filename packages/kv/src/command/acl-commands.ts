// AUTH and ACL: who a connection speaks for, and what the users may do.

import { randomBytes } from 'node:crypto';
import { parseInteger } from '../operation/integer.js';
import {
  ErrorReply,
  MapReply,
  NOT_AN_INTEGER,
  OK,
  type Reply,
  SetReply,
  SYNTAX_ERROR,
} from '../resp/reply.js';
import { denialOf } from '../server/access.js';
import { categoriesOf, type User } from '../server/users.js';
import { type Command, hasArity, resolveSubcommand, withSubcommands } from './command.js';
import type { Client, CommandContext, ServerView } from './command-context.js';
import { container, type LocalRow, wrongArity, wrongSubcommand } from './container.js';

const NO_PASSWORD = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
const WRONG_PASSWORD = new ErrorReply('WRONGPASS invalid username-password pair or user is disabled.');
const BUSY = new ErrorReply('BUSY too many passwords are being verified: try again');

const CHANGE_ARITIES: Readonly<Record<string, number>> = { setuser: -3, deluser: -3, load: 2, save: 2 };

export const ACL_COMMANDS: readonly Command[] = [
  {
    kind: 'local',
    name: 'auth',
    isFast: true,
    arity: -2,
    group: 'connection',
    summary: 'Says who this connection speaks for: AUTH [user] password.',
    needsNoUser: true,
    isRefusedInTransaction: true,
    run: (args, context) => {
      if (args.length > 2) return SYNTAX_ERROR;
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
        risk: 'admin',
        summary: 'Names of all users.',
        run: (_, { server }) => [...server.users.all()].map(({ name }) => name),
      },
      {
        name: 'list',
        arity: 2,
        risk: 'admin',
        summary: 'All users with their rules.',
        run: (_, { server }) => [...server.users.all()].map(describe),
      },
      { name: 'getuser', arity: 3, risk: 'admin', summary: 'The rules of a user.', run: getUser },
      { name: 'cat', arity: -2, summary: 'Categories, or the commands of one.', run: categories },
      {
        name: 'dryrun',
        arity: -4,
        risk: 'admin',
        summary: 'Whether a user may send a request: DRYRUN user command [arg ...].',
        run: dryRun,
      },
      { name: 'genpass', arity: -2, summary: 'A random password: [bits].', run: generatePassword },
      {
        name: 'log',
        arity: -2,
        risk: 'admin',
        summary: 'Always empty: refusals are not kept.',
        run: refusals,
      },
      ...['setuser', 'deluser', 'load', 'save'].map(refusedChange),
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
  const { name, isOn, needsNoPassword, hashes, keyPatterns, channelPatterns, commandRules } = user;
  const passwords = needsNoPassword ? ['nopass'] : hashes.map(() => '#********');
  const channels = channelPatterns.length === 0 ? ['resetchannels'] : channelPatterns;
  return ['user', name, isOn ? 'on' : 'off', ...passwords, ...keyPatterns, ...channels, commandRules].join(
    ' ',
  );
}

function getUser(args: readonly string[], { server }: CommandContext): Reply {
  const user = server.users.get(args[0] as string); // the arity was checked
  if (user === undefined) return null;
  const flags = [user.isOn ? 'on' : 'off', ...(user.needsNoPassword ? ['nopass'] : [])];
  return new MapReply([
    ['flags', new SetReply(flags)],
    ['passwords', user.hashes.map(() => '********')],
    ['commands', user.commandRules],
    ['keys', user.keyPatterns.join(' ')],
    ['channels', user.channelPatterns.join(' ')],
    ['selectors', []],
  ]);
}

function categories(args: readonly string[], { server }: CommandContext): Reply {
  const [wanted] = args;
  if (args.length > 1) return wrongSubcommand('acl', 'cat');
  const all = [...withSubcommands(server.commands.values())];
  if (wanted === undefined) return [...new Set(all.flatMap(categoriesOf))].sort();
  const names = namesOf(server, wanted.toLowerCase());
  return names.length > 0 ? names : new ErrorReply(`ERR Unknown category '${wanted.slice(0, 128)}'`);
}

function namesOf(server: ServerView, category: string): string[] {
  return [...withSubcommands(server.commands.values())]
    .filter((command) => categoriesOf(command).includes(category))
    .map(({ name }) => name);
}

function refusedChange(name: string): LocalRow {
  const reply = new ErrorReply(
    `ERR ACL ${name.toUpperCase()} is not served here: users are given with the options`,
  );
  return {
    name,
    arity: CHANGE_ARITIES[name] ?? -2,
    risk: 'admin',
    summary: 'Refused: users are given when the server is started.',
    run: () => reply,
  };
}

function dryRun(args: readonly string[], { server }: CommandContext): Reply {
  const [name, ...request] = args as [string, string, ...string[]]; // the arity was checked
  const user = server.users.get(name);
  if (user === undefined) return new ErrorReply(`ERR User '${name.slice(0, 128)}' not found`);
  const word = request[0] as string;
  const found = server.commands.get(word.toLowerCase());
  const command = found === undefined ? undefined : resolveSubcommand(found, request);
  if (command === undefined) return new ErrorReply(`ERR Command '${word.slice(0, 128)}' not found`);
  if (!hasArity(command, request.length)) return wrongArity(command.name);
  const denied = denialOf(user, command, request);
  return denied === undefined ? OK : denied.text.replace(/^NOPERM /, '').replace(/^this/, 'This');
}

const PASSWORD_BITS_MAX = 4096;
const WRONG_BITS = new ErrorReply(
  'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096',
);

/** In hexadecimal digits of four bits each. */
function generatePassword(args: readonly string[]): Reply {
  const [text = '256'] = args;
  if (args.length > 1) return wrongSubcommand('acl', 'genpass');
  const bits = parseInteger(text);
  if (bits === undefined) return NOT_AN_INTEGER;
  if (bits <= 0 || bits > PASSWORD_BITS_MAX) return WRONG_BITS;
  const digits = Math.ceil(Number(bits) / 4);
  return randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);
}

function refusals(args: readonly string[]): Reply {
  const [word] = args;
  if (args.length > 1) return wrongSubcommand('acl', 'log');
  if (word === undefined) return [];
  if (word.toLowerCase() === 'reset') return OK;
  return parseInteger(word) === undefined ? NOT_AN_INTEGER : [];
}
