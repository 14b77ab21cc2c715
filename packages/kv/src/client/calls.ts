// The commands of the store as values: what is to be executed, and what its reply means. `KvClient` runs one by itself or
// several as a transaction, with the types of their results.

import { EXPIRE_CONDITION } from '../operation/expiry-operations.js';
import { TIME_OPTION } from '../operation/expiry-time.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { SET_OPTION } from '../operation/string-operations.js';
import type { Reply } from '../resp/reply.js';

/** Text is UTF-8. Keys and values are bytes in the store. */
export type KvText = string | Uint8Array;

/** One command, ready to run. */
export interface KvCall<Result> {
  readonly operation: Operation;
  readonly isWrite: boolean;
  readonly decode: (reply: Reply) => Result;
}

/** At most one of them. `px` counts from now, `pxat` is milliseconds since 1970. */
export interface KvExpiry {
  readonly px?: number;
  readonly pxat?: number;
}

export interface KvSetOptions extends KvExpiry {
  /** Only if the key is not there, is there, or has this value: at most one of the three. */
  readonly ifAbsent?: boolean;
  readonly ifPresent?: boolean;
  readonly ifEqual?: KvText;
  /** The key expires when it would have. */
  readonly keepTtl?: boolean;
}

export interface KvExpireOptions {
  readonly ifNone?: boolean;
  readonly ifAny?: boolean;
  readonly ifLater?: boolean;
  readonly ifEarlier?: boolean;
}

/** The store's text for `text`: one character for each byte. */
export function toStored(text: KvText): string {
  return Buffer.from(text as Uint8Array).toString('latin1'); // Buffer takes both kinds, each by its own overload
}

export function fromStored(text: string): string {
  return Buffer.from(text, 'latin1').toString();
}

// What operations answer is fixed by their code, hence the casts in what reads it.

const asCount = (reply: Reply): number => Number(reply as number | bigint);
const asInteger = (reply: Reply): bigint => BigInt(reply as number | bigint);
const asFlag = (reply: Reply): boolean => asCount(reply) === 1;
const asText = (reply: Reply): string | undefined =>
  reply === null ? undefined : fromStored(reply as string);
const asBytes = (reply: Reply): Uint8Array | undefined =>
  reply === null ? undefined : Buffer.from(reply as string, 'latin1');
const asDone = (): void => undefined;
/** Milliseconds; null for a key that stays, undefined for none. */
const asTimeLeft = (reply: Reply): number | null | undefined => {
  const left = asCount(reply);
  return left === -2 ? undefined : left === -1 ? null : left;
};

function read<Result>(
  code: Operation['code'],
  args: readonly KvText[],
  decode: (reply: Reply) => Result,
): KvCall<Result> {
  return { operation: { code, args: args.map(toStored) }, isWrite: false, decode };
}

function write<Result>(
  code: Operation['code'],
  args: readonly KvText[],
  decode: (reply: Reply) => Result,
): KvCall<Result> {
  return { operation: { code, args: args.map(toStored) }, isWrite: true, decode };
}

function pairs(entries: Iterable<readonly [KvText, KvText]>): KvText[] {
  return [...entries].flat();
}

/** The letter and the milliseconds of a time; neither when none is given. */
function timeOf({ px, pxat }: KvExpiry): readonly [letter: string, milliseconds: string] {
  const time = px ?? pxat;
  if (time === undefined) return ['', ''];
  if (px !== undefined && pxat !== undefined) throw new RangeError('px and pxat exclude each other');
  if (!Number.isSafeInteger(time) || time <= 0) {
    throw new RangeError(`a time to expire must be a positive integer of milliseconds, not ${time}`);
  }
  return [px === undefined ? TIME_OPTION.at : TIME_OPTION.after, String(time)];
}

function setWith(key: KvText, value: KvText, options: KvSetOptions, letters: string): KvText[] {
  const { ifAbsent, ifPresent, ifEqual, keepTtl } = options;
  const conditions = [ifAbsent === true, ifPresent === true, ifEqual !== undefined].filter(Boolean);
  if (conditions.length > 1) throw new RangeError('ifAbsent, ifPresent and ifEqual exclude each other');
  const [letter, time] = timeOf(options);
  if (keepTtl === true && letter !== '') throw new RangeError('keepTtl excludes a new time to expire');
  const all = [
    letters,
    letter,
    ifAbsent === true ? SET_OPTION.ifAbsent : '',
    ifPresent === true ? SET_OPTION.ifPresent : '',
    ifEqual === undefined ? '' : SET_OPTION.ifEqual,
    keepTtl === true ? SET_OPTION.keepTime : '',
  ].join('');
  return ifEqual === undefined ? [key, value, all, time] : [key, value, all, time, ifEqual];
}

function expireLetters(options: KvExpireOptions): string {
  return [
    options.ifNone === true ? EXPIRE_CONDITION.ifNone : '',
    options.ifAny === true ? EXPIRE_CONDITION.ifAny : '',
    options.ifLater === true ? EXPIRE_CONDITION.ifLater : '',
    options.ifEarlier === true ? EXPIRE_CONDITION.ifEarlier : '',
  ].join('');
}

/** `calls.set('a', '1')`, ... to be given to `KvClient.run`, `multi` and `transaction`. */
export const calls = {
  get: (key: KvText): KvCall<string | undefined> => read(OPERATION.get, [key], asText),
  getBytes: (key: KvText): KvCall<Uint8Array | undefined> => read(OPERATION.get, [key], asBytes),
  mGet: (keys: readonly KvText[]): KvCall<(string | undefined)[]> =>
    read(OPERATION.getMany, keys, (reply) => (reply as readonly Reply[]).map(asText)),
  strLen: (key: KvText): KvCall<number> => read(OPERATION.length, [key], asCount),
  getRange: (key: KvText, first: number, last: number): KvCall<string> =>
    read(OPERATION.range, [key, String(first), String(last)], asText as (reply: Reply) => string),
  exists: (keys: readonly KvText[]): KvCall<number> => read(OPERATION.exists, keys, asCount),
  dbSize: (): KvCall<number> => read(OPERATION.countKeys, [], asCount),
  /** Milliseconds; null: the key stays; undefined: there is none. */
  pTtl: (key: KvText): KvCall<number | null | undefined> => read(OPERATION.timeLeft, [key, ''], asTimeLeft),

  /** Whether it was set. */
  set: (key: KvText, value: KvText, options?: KvSetOptions): KvCall<boolean> =>
    options === undefined
      ? write(OPERATION.set, [key, value], () => true)
      : write(OPERATION.setWithOptions, setWith(key, value, options, ''), (reply) => reply !== null),
  /** The value before, whether or not it was set. */
  getSet: (key: KvText, value: KvText, options: KvSetOptions = {}): KvCall<string | undefined> =>
    write(OPERATION.setWithOptions, setWith(key, value, options, SET_OPTION.returnPrevious), asText),
  getDel: (key: KvText): KvCall<string | undefined> => write(OPERATION.getAndDelete, [key], asText),
  /** Without a time the key stays from now on. */
  getEx: (key: KvText, expiry: KvExpiry): KvCall<string | undefined> => {
    const [letter, time] = timeOf(expiry);
    return write(
      OPERATION.getAndExpire,
      [key, letter === '' ? TIME_OPTION.never : letter, time || '0'],
      asText,
    );
  },
  mSet: (entries: Iterable<readonly [KvText, KvText]>): KvCall<void> =>
    write(OPERATION.setMany, pairs(entries), asDone),
  mSetNx: (entries: Iterable<readonly [KvText, KvText]>): KvCall<boolean> =>
    write(OPERATION.setManyIfAbsent, pairs(entries), asFlag),
  append: (key: KvText, value: KvText): KvCall<number> => write(OPERATION.append, [key, value], asCount),
  setRange: (key: KvText, offset: number, value: KvText): KvCall<number> =>
    write(OPERATION.setRange, [key, String(offset), value], asCount),
  incrBy: (key: KvText, by: number | bigint = 1): KvCall<bigint> =>
    write(OPERATION.increment, [key, String(by)], asInteger),
  /** Exact to 17 digits after the point. */
  incrByFloat: (key: KvText, by: number | string): KvCall<string> =>
    write(OPERATION.incrementDecimal, [key, String(by)], asText as (reply: Reply) => string),
  /** How many there were. */
  del: (keys: readonly KvText[]): KvCall<number> => write(OPERATION.delete, keys, asCount),
  pExpire: (key: KvText, milliseconds: number, options: KvExpireOptions = {}): KvCall<boolean> =>
    write(OPERATION.expire, [key, TIME_OPTION.after + expireLetters(options), String(milliseconds)], asFlag),
  pExpireAt: (key: KvText, milliseconds: number, options: KvExpireOptions = {}): KvCall<boolean> =>
    write(OPERATION.expire, [key, TIME_OPTION.at + expireLetters(options), String(milliseconds)], asFlag),
  persist: (key: KvText): KvCall<boolean> => write(OPERATION.persist, [key], asFlag),
  rename: (key: KvText, target: KvText): KvCall<void> => write(OPERATION.rename, [key, target], asDone),
  renameNx: (key: KvText, target: KvText): KvCall<boolean> =>
    write(OPERATION.renameIfAbsent, [key, target], asFlag),
  copy: (key: KvText, target: KvText, options: { readonly replace?: boolean } = {}): KvCall<boolean> =>
    write(OPERATION.copy, [key, target, options.replace === true ? 'r' : ''], asFlag),
  flushAll: (): KvCall<void> => write(OPERATION.removeAll, [], asDone),
  publish: (channel: KvText, message: KvText): KvCall<void> =>
    write(OPERATION.publish, [channel, message], asDone),
} as const;
