// `waldb users ...`: makes what a file of users needs. Must never print a password, nor take one as an argument, where
// every process of the machine could read it.

import { text } from 'node:stream/consumers';
import { hashPassword } from '@waldb/kv';
import { type Command, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { askInSecret } from '../terminal/ask-in-secret.js';

export function addUsers(users: Command, { run }: CommandContext): void {
  users.addHelpText('after', HELP);
  users
    .command('hash')
    .description(
      'Make the hash of a password for a file of users: asked for on a terminal, or the first line of stdin.',
    )
    .addOption(new Option('--json', 'the hash as one JSON object'))
    .addHelpText('after', HASH_HELP)
    .action((flags: { readonly json?: boolean }) => run(() => runHash(flags)));
}

async function runHash({ json }: { readonly json?: boolean }): Promise<ExitCode> {
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

const HASH_HELP = `
Examples:
  waldb users hash
  waldb users hash < password.txt`;
