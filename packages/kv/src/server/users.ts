// Who may connect, and what they may do: users with passwords, allowed commands, keys and channels, in the words of
// Redis's ACL. They are given with the options and stand as long as the server runs.
//
// Passwords are kept as scrypt hashes. Verifying one takes some 50 ms of a thread by design, and the log's writes use the
// same threads: so one is verified at a time, a bounded number waits, and what was right once is remembered as a keyed digest.

import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { type Command, withSubcommands } from '../command/command.js';
import { KvError } from '../kv-error.js';
import { compilePattern, type Matcher } from '../operation/glob.js';

export interface UserOptions {
  readonly name: string;
  /**
   * Space-separated rules, applied in order to a user who may do nothing: `on`, `off`, `nopass`, `+@all`, `-@all`, `+@<category>`,
   * `-@<category>`, `+<command>`, `-<command>` (also of one subcommand, `+config|get`), `allcommands`, `nocommands`, `~<pattern of keys>`, `allkeys`, `&<pattern of channels>`, `allchannels`.
   */
  readonly rules: string;
  /** As `hashPassword` makes them; any of them lets the user in. */
  readonly passwordHashes?: readonly string[];
}

/** Passwords waiting to be verified, over all connections. */
const VERIFICATIONS_MAX = 64;
const PASSWORD_BYTES_MAX = 512;
const SCRYPT = { N: 16_384, r: 8, p: 1 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const REMEMBERED_MAX = 1024;

/** A salted hash for `passwordHashes`: `scrypt:<salt>:<hash>`, both in hexadecimal. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(Buffer.from(password), salt);
  return `scrypt:${salt.toString('hex')}:${hash.toString('hex')}`;
}

interface StoredHash {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

export class User {
  readonly name: string;
  /** As they were given, for ACL LIST. */
  readonly rules: readonly string[];
  readonly hashes: readonly StoredHash[];
  isOn = false;
  needsNoPassword = false;
  readonly #allowed = new Map<string, boolean>();
  #isAllAllowed = false;
  readonly #keys: Matcher[] = [];
  #areAllKeysAllowed = false;
  readonly #channels: Matcher[] = [];
  #areAllChannelsAllowed = false;
  readonly keyPatterns: string[] = [];
  readonly channelPatterns: string[] = [];

  /** Errors: `OPTIONS_INVALID`. */
  constructor(options: UserOptions, commands: Iterable<Command>) {
    this.name = options.name;
    this.rules = options.rules.split(/\s+/).filter((rule) => rule !== '');
    this.hashes = (options.passwordHashes ?? []).map((text) => parseHash(text, options.name));
    const known = [...withSubcommands(commands)];
    for (const rule of this.rules) this.#applyRule(rule, known);
  }

  mayRun(command: Command): boolean {
    return this.#allowed.get(command.name) ?? this.#isAllAllowed;
  }

  mayUseKey(key: string): boolean {
    return this.#areAllKeysAllowed || this.#keys.some((matches) => matches(key));
  }

  mayUseChannel(channel: string): boolean {
    return this.#areAllChannelsAllowed || this.#channels.some((matches) => matches(channel));
  }

  /** A pattern may match more than it looks: it has to be one of the user's own, letter by letter. */
  mayUseChannelPattern(pattern: string): boolean {
    return this.#areAllChannelsAllowed || this.channelPatterns.includes(`&${pattern}`);
  }

  /** The rules of commands alone, as Redis writes them: from all or from none. */
  get commandRules(): string {
    const rules = this.rules
      .filter((rule) => /^[+-]/.test(rule) || /^(?:all|no)commands$/.test(rule))
      .map((rule) => rule.replace('allcommands', '+@all').replace('nocommands', '-@all'));
    return /^[+-]@all$/.test(rules[0] ?? '') ? rules.join(' ') : ['-@all', ...rules].join(' ');
  }

  #applyRule(rule: string, commands: readonly Command[]): void {
    const sign = rule.charAt(0);
    if (rule === 'on' || rule === 'off') this.isOn = rule === 'on';
    else if (rule === 'nopass') this.needsNoPassword = true;
    else if (rule === 'allcommands' || rule === 'nocommands') this.#allowAll(rule === 'allcommands');
    else if (rule === 'allkeys') this.#allowKeys('*');
    else if (rule === 'allchannels') this.#allowChannels('*');
    else if (sign === '~') this.#allowKeys(rule.slice(1));
    else if (sign === '&') this.#allowChannels(rule.slice(1));
    else if (sign === '+' || sign === '-') this.#allowCommands(rule, commands);
    else throw badRule(this.name, rule);
  }

  #allowCommands(rule: string, commands: readonly Command[]): void {
    const isAllowed = rule.startsWith('+');
    const name = rule.slice(1).toLowerCase();
    if (name === '@all') {
      this.#allowAll(isAllowed);
      return;
    }
    // A container stands for all of its subcommands.
    const matching = commands.filter((command) =>
      name.startsWith('@')
        ? categoriesOf(command).includes(name.slice(1))
        : command.name === name || command.name.startsWith(`${name}|`),
    );
    if (matching.length === 0) throw badRule(this.name, rule);
    for (const command of matching) this.#allowed.set(command.name, isAllowed);
  }

  #allowAll(isAllowed: boolean): void {
    this.#allowed.clear();
    this.#isAllAllowed = isAllowed;
  }

  #allowKeys(pattern: string): void {
    this.keyPatterns.push(`~${pattern}`);
    if (pattern === '*') this.#areAllKeysAllowed = true;
    else this.#keys.push(compilePattern(pattern).matches);
  }

  #allowChannels(pattern: string): void {
    this.channelPatterns.push(`&${pattern}`);
    if (pattern === '*') this.#areAllChannelsAllowed = true;
    else this.#channels.push(compilePattern(pattern).matches);
  }
}

const CATEGORY_OF_GROUP: Readonly<Record<string, string>> = {
  string: 'string',
  generic: 'keyspace',
  connection: 'connection',
  transactions: 'transaction',
  pubsub: 'pubsub',
};

/** What a command belongs to, as rules name it, and as Redis has it: `read`, `string`, `fast`, `dangerous`, ... */
export function categoriesOf(command: Command): string[] {
  const { kind, group, risk, category = CATEGORY_OF_GROUP[group] ?? '' } = command;
  const categories = category === '' ? [] : [category];
  // PUBLISH goes the way of writes and writes nothing.
  if ((kind === 'read' || kind === 'write') && group !== 'pubsub') categories.push(kind);
  if (risk === 'admin') categories.push('admin');
  categories.push(command.isFast === true ? 'fast' : 'slow');
  if (risk !== undefined) categories.push('dangerous');
  return categories;
}

/** Errors: `OPTIONS_INVALID`; `detail.why` says of the user what is wrong. */
export function makeUser(options: UserOptions, commands: Iterable<Command>): User {
  const user = new User(options, commands);
  if (!user.isOn || user.needsNoPassword || user.hashes.length > 0) return user;
  throw badUser(options.name, "is on, and has neither a password nor the rule 'nopass'");
}

export class Users {
  readonly #byName = new Map<string, User>();
  /** What was verified: a digest with a key of this process, so that a dump of memory gives no password away. */
  readonly #verified = new Map<string, string>();
  readonly #digestKey = randomBytes(HASH_BYTES);
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Without users anybody may do anything. Errors: `OPTIONS_INVALID`. */
  constructor(users: readonly UserOptions[], commands: ReadonlyMap<string, Command>) {
    for (const options of users) {
      if (this.#byName.has(options.name)) throw badUser(options.name, 'is given twice');
      this.#byName.set(options.name, makeUser(options, commands.values()));
    }
    if (!this.#byName.has('default')) {
      const rules = users.length === 0 ? 'on nopass allcommands allkeys allchannels' : 'off';
      this.#byName.set('default', new User({ name: 'default', rules }, commands.values()));
    }
  }

  /** Whom a new connection speaks for; undefined: it has to say. */
  get initial(): User | undefined {
    const user = this.#byName.get('default');
    return user?.isOn === true && user.needsNoPassword ? user : undefined;
  }

  get(name: string): User | undefined {
    return this.#byName.get(name);
  }

  all(): Iterable<User> {
    return this.#byName.values();
  }

  /** The user if the password is right; undefined if not, whatever is wrong; `busy` when too many are being verified. */
  async authenticate(name: string, password: string): Promise<User | undefined | 'busy'> {
    const user = this.#byName.get(name);
    if (user?.isOn === true && user.needsNoPassword) return user;
    const bytes = Buffer.from(password, 'latin1');
    if (bytes.length > PASSWORD_BYTES_MAX) return undefined;
    const digest = createHmac('sha256', this.#digestKey).update(bytes).digest('hex');
    if (user?.isOn === true && this.#verified.get(digest) === name) return user;
    if (this.#waiting >= VERIFICATIONS_MAX) return 'busy';
    this.#waiting += 1;
    // One after the other: the threads are the log's too.
    const verified = this.#last.then(() => verifyAny(bytes, user?.isOn === true ? user.hashes : []));
    this.#last = verified.catch(() => undefined);
    const isRight = await verified.finally(() => {
      this.#waiting -= 1;
    });
    if (!isRight || user === undefined) return undefined;
    if (this.#verified.size >= REMEMBERED_MAX) this.#verified.clear();
    this.#verified.set(digest, name);
    return user;
  }
}

/** Takes as long for a user that does not exist as for a wrong password. */
async function verifyAny(password: Buffer, hashes: readonly StoredHash[]): Promise<boolean> {
  if (hashes.length === 0) await derive(password, Buffer.alloc(SALT_BYTES));
  for (const { salt, hash } of hashes) {
    if (timingSafeEqual(await derive(password, salt), hash)) return true;
  }
  return false;
}

function derive(password: Buffer, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, SCRYPT, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    );
  });
}

function parseHash(text: string, name: string): StoredHash {
  const parts = /^scrypt:([0-9a-f]{32}):([0-9a-f]{64})$/.exec(text);
  if (parts === null) throw badUser(name, 'has a password hash that hashPassword did not make');
  // Both groups are there when the whole matches.
  return { salt: Buffer.from(parts[1] as string, 'hex'), hash: Buffer.from(parts[2] as string, 'hex') };
}

function badRule(user: string, rule: string): KvError {
  return badUser(user, `has a rule that is not known here: ${rule}`);
}

function badUser(user: string, why: string): KvError {
  return new KvError('OPTIONS_INVALID', `The user '${user}' ${why}.`, { option: 'users', user, why });
}
