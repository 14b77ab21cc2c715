// Operations on values that are numbers.

import { NOT_A_FLOAT, NOT_AN_INTEGER, type Reply, WOULD_BE_INFINITE, WOULD_OVERFLOW } from '../resp/reply.js';
import type { Store } from '../state/store.js';
import { addDecimals, formatDecimal, parseDecimal } from './decimal.js';
import { addIntegers, parseInteger } from './integer.js';

/** key, increment. The key keeps its time. */
export function incrementValue({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, increment] = args as [string, string];
  const present = parseInteger(keyspace.get(key) ?? '0');
  const by = parseInteger(increment);
  if (present === undefined || by === undefined) return NOT_AN_INTEGER;
  const sum = addIntegers(present, by);
  if (sum === undefined) return WOULD_OVERFLOW;
  keyspace.replace(key, String(sum));
  keyspace.tell('incrby', key);
  return sum;
}

/** key, increment. The key keeps its time. */
export function incrementDecimal({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, increment] = args as [string, string];
  const present = parseDecimal(keyspace.get(key) ?? '0');
  const by = parseDecimal(increment);
  if (present === undefined || by === undefined) return NOT_A_FLOAT;
  if (present === 'infinite' || by === 'infinite') return WOULD_BE_INFINITE;
  const sum = formatDecimal(addDecimals(present, by));
  if (sum === undefined) return WOULD_BE_INFINITE;
  keyspace.replace(key, sum);
  keyspace.tell('incrbyfloat', key);
  return sum;
}
