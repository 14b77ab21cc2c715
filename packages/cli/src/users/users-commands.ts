// `waldb users ...`: makes what a file of users needs, and checks such files. Must never print a password, nor take one as an argument, where
// every process of the machine could read it.

import { text } from 'node:stream/consumers';
import { hashPassword } from '@waldb/kv';
import { type Command, Option } from 'commander';
import { readNamedFile } from '../clients/named-file.js';
import { examineUsers } from '../clients/users-file.js';
import type { CommandContext } from '../commands.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { askInSecret } from '../terminal/ask-in-secret.js';
import { count } from '../terminal/quantities.js';

export function addUsers(users: Command, { run }: CommandContext): void {
  users.addHelpText('after', HELP);
  users
    .command('hash')
    .description(
      'Make the hash of a password for a file of users: asked for on a terminal, or the first line of stdin.',
    )
    .addOption(new Option('--json', 'the hash as one JSON object'))
    .addHelpText('after', HASH_HELP)
    .action((flags: JsonFlag) => run(() => runHash(flags)));
  users
    .command('check')
    .description('Say whether a file of users can be used; every problem has its line.')
    .argument('<file>', 'YAML or JSON')
    .addOption(new Option('--json', 'the facts as one JSON object'))
    .addHelpText('after', CHECK_HELP)
    .action((file: string, flags: JsonFlag) => run(() => runCheck(file, flags)));
}

interface JsonFlag {
  readonly json?: boolean;
}

async function runCheck(path: string, { json }: JsonFlag): Promise<ExitCode> {
  const { users, problems } = examineUsers(readNamedFile('The file of users', path, 'utf8'));
  const isUsable = problems.length === 0;
  const names = users.map(({ name }) => name);
  const text = isUsable
    ? [`${path} can be used: ${count(names.length, 'user')}, ${names.join(', ')}.`]
    : [`${path} cannot be used:`, ...problems.map((problem) => `  ${problem}`)];
  const facts = { file: path, isUsable, users: names, problems };
  process.stdout.write(json === true ? `${JSON.stringify(facts)}\n` : `${text.join('\n')}\n`);
  return isUsable ? EXIT.ok : EXIT.refused;
}

async function runHash({ json }: JsonFlag): Promise<ExitCode> {
  const password = process.stdin.isTTY ? await askTwice() : firstLine(await text(process.stdin));
  if (password === '')
    throw new ExitError(EXIT.refused, 'A password is wanted: on a terminal, or in the first line of stdin.', {
      code: 'USAGE',
    });
  const hash = await hashPassword(password);
  process.stdout.write(`${json === true ? JSON.stringify({ hash }) : hash}\n`);
  return EXIT.ok;
}

async function askTwice(): Promise<string> {
  const password = await askInSecret('Password: ');
  if ((await askInSecret('Again: ')) === password) return password;
  throw new ExitError(EXIT.refused, 'They are not the same.', { code: 'NOT_CONFIRMED' });
}

function firstLine(input: string): string {
  return input.replace(/\r?\n[\s\S]*$/, '');
}

const HELP = `
A file of users (waldb serve --users-file) is YAML, names with their rules in the words of Redis's ACL:

  default:
    rules: off
  app:
    rules: on +@all -@admin ~app:*
    passwords:
      - scrypt:…                                   of waldb users hash

Without such a file anybody may do anything; with one that does not name it, the user default is off.`;

const CHECK_HELP = `
A server reads the file at its start: check it before.

Exit codes:
  0  it can be used
  2  it cannot, or could not be read

Examples:
  waldb users check users.yaml`;

const HASH_HELP = `
Examples:
  waldb users hash
  waldb users hash < password.txt`;
