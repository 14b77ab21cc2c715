// Operations on whole string values.

import { OK, type Reply, SYNTAX_ERROR, WRONG_SIZE } from '../resp/reply.js';
import type { Keyspace } from '../state/keyspace.js';
import { NO_TIME } from '../state/ordered-tree.js';
import type { Store } from '../state/store.js';
import { expiryOf, TIME_OPTION } from './expiry-time.js';

/** Letters of the logged options of `setWithOptions`, in any order; those of `TIME_OPTION` come with a time. */
export const SET_OPTION = {
  ifAbsent: 'n',
  ifPresent: 'x',
  ifEqual: 'e',
  returnPrevious: 'g',
  keepTime: 'k',
} as const;

/**
 * The longest value. Commands bring no more than a request has; this bounds what APPEND and SETRANGE can make of them,
 * on every replica alike.
 */
export const VALUE_BYTES_MAX: number = 16 * 1024 * 1024;
/** A string that was put together of parts is copied into one each time it has grown by this much. */
const FLAT_BYTES = 4096;

// The argument counts of all operations are checked before they are executed (`isOperation`), hence the casts.

export function setValue({ keyspace }: Store, args: readonly string[]): Reply {
  keyspace.set(args[0] as string, args[1] as string);
  keyspace.tell('set', args[0] as string);
  return OK;
}

/** SET with options: key, value, letters, time, what the value must be equal to. The last two may be missing. */
export function setValueWithOptions({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, value, options, time = '', expected = ''] = args as [string, string, string, string?, string?];
  const previous = keyspace.get(key);
  const isRefused =
    (options.includes(SET_OPTION.ifAbsent) && previous !== undefined) ||
    (options.includes(SET_OPTION.ifPresent) && previous === undefined) ||
    (options.includes(SET_OPTION.ifEqual) && previous !== expected);
  if (!isRefused) {
    const expiresAt = expiryOf(keyspace, options, time);
    if (options.includes(SET_OPTION.keepTime)) keyspace.replace(key, value);
    else keyspace.set(key, value, expiresAt);
    keyspace.tell('set', key);
    if (expiresAt !== NO_TIME) keyspace.tell('expire', key);
  }
  if (options.includes(SET_OPTION.returnPrevious)) return previous ?? null;
  return isRefused ? null : OK;
}

export function getValue({ keyspace }: Store, args: readonly string[]): Reply {
  return keyspace.get(args[0] as string) ?? null;
}

export function getAndDelete({ keyspace }: Store, args: readonly string[]): Reply {
  const key = args[0] as string;
  const value = keyspace.get(key);
  if (value === undefined) return null;
  keyspace.delete(key);
  keyspace.tell('del', key);
  return value;
}

/** key, letters, time: `TIME_OPTION.never` makes the key stay. */
export function getAndExpire({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, options, time] = args as [string, string, string];
  const value = keyspace.get(key);
  if (value === undefined) return null;
  const before = keyspace.expiryOf(key);
  const expiresAt = expiryOf(keyspace, options, time);
  if (expiresAt !== NO_TIME && expiresAt <= keyspace.time) {
    keyspace.delete(key);
    keyspace.tell('del', key);
  } else if (options.includes(TIME_OPTION.never)) {
    if (before === NO_TIME) return value;
    keyspace.set(key, value);
    keyspace.tell('persist', key);
  } else {
    keyspace.set(key, value, expiresAt);
    keyspace.tell('expire', key);
  }
  return value;
}

export function getMany({ keyspace }: Store, keys: readonly string[]): Reply {
  return keys.map((key) => keyspace.get(key) ?? null);
}

/** key, value, key, value, ... */
export function setMany({ keyspace }: Store, args: readonly string[]): Reply {
  if (args.length % 2 !== 0) return SYNTAX_ERROR; // the command has checked it
  for (let nth = 0; nth < args.length; nth += 2) {
    keyspace.set(args[nth] as string, args[nth + 1] as string);
    keyspace.tell('set', args[nth] as string);
  }
  return OK;
}

/** All of them, or none when one of the keys is there. */
export function setManyIfAbsent(store: Store, args: readonly string[]): Reply {
  for (let nth = 0; nth < args.length; nth += 2) {
    if (store.keyspace.has(args[nth] as string)) return 0;
  }
  setMany(store, args);
  return 1;
}

export function appendValue({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, suffix] = args as [string, string];
  const previous = keyspace.get(key) ?? '';
  if (previous.length + suffix.length > VALUE_BYTES_MAX) return WRONG_SIZE;
  replaceGrown(keyspace, key, { previous, value: previous + suffix });
  keyspace.tell('append', key);
  return previous.length + suffix.length;
}

export function valueLength({ keyspace }: Store, args: readonly string[]): Reply {
  return keyspace.get(args[0] as string)?.length ?? 0;
}

/** key, first, last: both included, negative ones counted from the end. */
export function valueRange({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, first, last] = args as [string, string, string];
  const value = keyspace.get(key) ?? '';
  const from = fromEnd(Number(first), value.length);
  const to = Math.min(fromEnd(Number(last), value.length), value.length - 1);
  const bothNegative = Number(first) < 0 && Number(last) < 0 && Number(first) > Number(last);
  return bothNegative || from > to ? '' : flat(value.slice(from, to + 1));
}

/** key, offset, text. What lies between the old end and the offset becomes zero bytes. */
export function setValueRange({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, offsetText, text] = args as [string, string, string];
  const offset = Number(offsetText);
  const previous = keyspace.get(key) ?? '';
  if (text.length === 0) return previous.length;
  if (offset + text.length > VALUE_BYTES_MAX) return WRONG_SIZE;
  const head = previous.slice(0, offset).padEnd(offset, '\0');
  const value = flat(head + text + previous.slice(offset + text.length));
  keyspace.replace(key, value);
  keyspace.tell('setrange', key);
  return value.length;
}

/**
 * An appended string is first a pair of strings, which costs nothing however long the first is. Left alone, many small
 * ones would take far more memory than they have bytes.
 */
function replaceGrown(
  keyspace: Keyspace,
  key: string,
  { previous, value }: { readonly previous: string; readonly value: string },
): void {
  const isDue = Math.floor(previous.length / FLAT_BYTES) !== Math.floor(value.length / FLAT_BYTES);
  keyspace.replace(key, isDue || value.length < FLAT_BYTES ? flat(value) : value);
}

/** The same characters in a string of its own: a part of a string keeps all of it in memory. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

function fromEnd(position: number, length: number): number {
  return position < 0 ? Math.max(0, length + position) : position;
}
