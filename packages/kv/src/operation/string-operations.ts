// Operations on string values.

import { NOT_AN_INTEGER, OK, type Reply, WOULD_OVERFLOW } from '../resp/reply.js';
import type { Keyspace } from '../state/keyspace.js';
import { addIntegers, parseInteger } from './integer.js';

/** Letters of the logged options of `setWithOptions`, in any order. */
export const SET_OPTION = { ifAbsent: 'n', ifPresent: 'x', returnPrevious: 'g' } as const;

// The argument counts of all operations are checked before they are executed (`isOperation`), hence the casts.

export function setValue(keyspace: Keyspace, args: readonly string[]): Reply {
  keyspace.set(args[0] as string, args[1] as string);
  return OK;
}

/** SET with NX, XX and GET: with GET the answer is the previous value, whether or not it was replaced. */
export function setValueWithOptions(keyspace: Keyspace, args: readonly string[]): Reply {
  const [key, value, options] = args as [string, string, string];
  const previous = keyspace.get(key);
  const isRefused =
    (options.includes(SET_OPTION.ifAbsent) && previous !== undefined) ||
    (options.includes(SET_OPTION.ifPresent) && previous === undefined);
  if (!isRefused) keyspace.set(key, value);
  if (options.includes(SET_OPTION.returnPrevious)) return previous ?? null;
  return isRefused ? null : OK;
}

export function getValue(keyspace: Keyspace, args: readonly string[]): Reply {
  return keyspace.get(args[0] as string) ?? null;
}

export function incrementValue(keyspace: Keyspace, args: readonly string[]): Reply {
  const [key, increment] = args as [string, string];
  const present = parseInteger(keyspace.get(key) ?? '0');
  const by = parseInteger(increment);
  if (present === undefined || by === undefined) return NOT_AN_INTEGER;
  const sum = addIntegers(present, by);
  if (sum === undefined) return WOULD_OVERFLOW;
  keyspace.set(key, String(sum));
  return sum;
}
