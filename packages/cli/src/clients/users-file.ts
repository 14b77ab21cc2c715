// The users of a store, as a file has them: YAML (and so JSON), names with their rules and password hashes.
//
//   default:
//     rules: off
//   app:
//     rules: on +@all -@admin ~app:*
//     passwords:
//       - scrypt:5b...:9c...

import type { UserOptions } from '@waldb/kv';
import { parse } from 'yaml';
import { EXIT, ExitError } from '../exit.js';
import { readNamedFile } from './named-file.js';

const USERS_MAX = 1000;
const FIELDS = ['rules', 'passwords'];

/** Errors: `ExitError` (refused), naming the flag, the file and the user. */
export function readUsersFile(flag: string, path: string): readonly UserOptions[] {
  const text = readNamedFile(flag, path, 'utf8');
  try {
    return parseUsers(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExitError(EXIT.refused, `${flag} ${path}: ${why}`, {
      cause: error,
      code: 'FILE_UNUSABLE',
    });
  }
}

/** What the rules mean is the store's to judge. Errors: one sentence about the first thing that is wrong. */
export function parseUsers(text: string): readonly UserOptions[] {
  const users: unknown = parse(text);
  if (!isMapping(users)) throw new Error('It has to be a mapping of names to `rules` and `passwords`.');
  const entries = Object.entries(users);
  if (entries.length === 0) throw new Error('There are no users in it.');
  if (entries.length > USERS_MAX) throw new Error(`At most ${USERS_MAX} users.`);
  return entries.map(([name, user]) => {
    const wrong = problemOf(user);
    if (wrong !== undefined) throw new Error(`User ${JSON.stringify(name)}: ${wrong}`);
    const { rules, passwords } = user as { rules: string; passwords?: string[] }; // no problem was found
    return { name, rules, ...(passwords && { passwordHashes: passwords }) };
  });
}

function problemOf(user: unknown): string | undefined {
  if (!isMapping(user)) return 'it needs `rules`, like `on +@all ~*`.';
  const unknown = Object.keys(user).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) return `${JSON.stringify(unknown)} is none of ${FIELDS.join(', ')}.`;
  const { rules, passwords = [] } = user;
  if (typeof rules !== 'string') return '`rules` has to be one line, like `on +@all ~*`.';
  const areHashes = Array.isArray(passwords) && passwords.every((one) => typeof one === 'string');
  if (!areHashes) return '`passwords` has to be a list of hashes, as `waldb users hash` makes them.';
  return undefined;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
