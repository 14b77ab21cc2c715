// The users of a store, as a file has them: YAML (and so JSON), names with their rules and password hashes. What is wrong is
// told with its line; what is in a hash never.
//
//   default:
//     rules: off
//   app:
//     rules: on +@all -@admin ~app:*
//     passwords:
//       - scrypt:5b...:9c...

import { KvError, type UserOptions, validateUser } from '@waldb/kv';
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml';
import { EXIT, ExitError } from '../exit.js';
import { readNamedFile } from './named-file.js';

const USERS_MAX = 1000;
const FIELDS = ['rules', 'passwords'];

export interface UsersFile {
  readonly users: readonly UserOptions[];
  /** Sentences, each with its line where it has one, in the order of the file; with any, the file cannot be used. */
  readonly problems: readonly string[];
}

/** Errors: `ExitError` (refused), naming the flag, the file and the first problem. */
export function readUsersFile(flag: string, path: string): readonly UserOptions[] {
  const { users, problems } = examineUsers(readNamedFile(flag, path, 'utf8'));
  const [first, ...others] = problems;
  if (first === undefined) return users;
  const more = others.length === 0 ? '' : ` (${others.length} more: waldb users check ${path})`;
  throw new ExitError(EXIT.refused, `${flag} ${path}: ${first}${more}`, { code: 'FILE_UNUSABLE' });
}

/** Everything that is wrong with a file of users, and the users that are right. */
export function examineUsers(text: string): UsersFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problems: string[] = [];
  const tell = (offset: number, message: string): void => {
    problems.push(`line ${lines.linePos(offset).line}: ${message}`);
  };
  for (const { message, pos } of document.errors) tell(pos[0], `${message.replace(/[.:]?$/, '')}.`);
  const { contents } = document;
  const isEmpty = contents === null || (isMap(contents) && contents.items.length === 0);
  if (problems.length > 0) return { users: [], problems };
  if (isEmpty) return { users: [], problems: ['there are no users in it.'] };
  if (!isMap(contents))
    return { users: [], problems: ['it has to be a mapping of names to `rules` and `passwords`.'] };
  if (contents.items.length > USERS_MAX) return { users: [], problems: [`at most ${USERS_MAX} users.`] };
  const users = contents.items.flatMap((pair) => examineUser(pair, tell) ?? []);
  return { users, problems };
}

type Tell = (offset: number, message: string) => void;

/** Undefined where something was wrong and told. */
function examineUser({ key, value }: Pair, tell: Tell): UserOptions | undefined {
  const at = offsetOf(key);
  const name = isScalar(key) ? String(key.value) : '';
  const wrong = (node: unknown, message: string): undefined => {
    tell(offsetOf(node) || at, `user ${JSON.stringify(name)}: ${message}`);
  };
  if (!isMap(value)) return wrong(key, 'it needs `rules`, like `on +@all ~*`.');
  const unknown = value.items.find((field) => !FIELDS.includes(String(field.key)));
  if (unknown !== undefined) {
    return wrong(unknown.key, `${JSON.stringify(String(unknown.key))} is none of ${FIELDS.join(', ')}.`);
  }
  const rules: unknown = value.get('rules', true);
  // YAML 1.1 would read `off` as a truth value, this one reads it as the word that it is.
  if (!isScalar(rules) || typeof rules.value !== 'string')
    return wrong(rules ?? key, '`rules` has to be one line, like `on +@all ~*`.');
  const passwords: unknown = value.get('passwords', true);
  const items = passwords === undefined ? [] : isSeq(passwords) ? passwords.items : [undefined];
  const hashes = items.flatMap((item) =>
    isScalar(item) && typeof item.value === 'string' ? item.value : [],
  );
  if (hashes.length < items.length)
    return wrong(passwords, '`passwords` has to be a list of hashes, as `waldb users hash` makes them.');
  const bad = hashes.findIndex((hash) => whyUnusable({ name, rules: 'off', passwordHashes: [hash] }));
  if (bad >= 0) return wrong(items[bad], 'that is no hash, as `waldb users hash` makes them.');
  const user = { name, rules: rules.value, ...(hashes.length > 0 && { passwordHashes: hashes }) };
  const why = whyUnusable(user);
  return why === undefined ? user : wrong(rules, `it ${why}.`);
}

/** What the rules mean is the store's to judge. */
function whyUnusable(user: UserOptions): string | undefined {
  try {
    validateUser(user);
    return undefined;
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    return String(error.detail.why);
  }
}

/** 0 where a node has no place. */
function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) ? (node.range?.[0] ?? 0) : 0;
}
