// Operations on when keys expire.

import { OK, type Reply } from '../resp/reply.js';
import { NO_TIME } from '../state/ordered-tree.js';
import type { Store } from '../state/store.js';
import { expiryOf } from './expiry-time.js';

/** Letters of the conditions of `expire`, beside those of `TIME_OPTION`. */
export const EXPIRE_CONDITION = { ifNone: 'n', ifAny: 'x', ifLater: 'g', ifEarlier: 'l' } as const;

/** Letters of `timeLeft`. */
export const TIME_LEFT = { inSeconds: 's', absolute: 'a' } as const;

/** How many expired keys an entry removes before it is executed, and a `sweep` beside. Each takes some microseconds. */
export const EXPIRED_PER_ENTRY_MAX = 32;
export const EXPIRED_PER_SWEEP_MAX = 256;

const NO_KEY = -2;
const NO_EXPIRY = -1;

/** key, letters, time. 1 when it was set, or the key removed because the time has passed. */
export function expireKey({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, options, time] = args as [string, string, string];
  const value = keyspace.get(key);
  if (value === undefined) return 0;
  const before = keyspace.expiryOf(key) ?? NO_TIME;
  const expiresAt = expiryOf(keyspace, options, time);
  if (!isAllowed(options, before, expiresAt)) return 0;
  if (expiresAt <= keyspace.time) {
    keyspace.delete(key);
    keyspace.tell('del', key);
  } else {
    keyspace.set(key, value, expiresAt);
    keyspace.tell('expire', key);
  }
  return 1;
}

/** A key without a time counts as one that lasts for ever. */
function isAllowed(options: string, before: number, after: number): boolean {
  const present = before === NO_TIME ? Infinity : before;
  if (options.includes(EXPIRE_CONDITION.ifNone) && before !== NO_TIME) return false;
  if (options.includes(EXPIRE_CONDITION.ifAny) && before === NO_TIME) return false;
  if (options.includes(EXPIRE_CONDITION.ifLater) && after <= present) return false;
  return !(options.includes(EXPIRE_CONDITION.ifEarlier) && after >= present);
}

/** Whether there was a time to take away. */
export function persistKey({ keyspace }: Store, args: readonly string[]): Reply {
  const key = args[0] as string;
  const value = keyspace.get(key);
  if (value === undefined || keyspace.expiryOf(key) === NO_TIME) return 0;
  keyspace.set(key, value);
  keyspace.tell('persist', key);
  return 1;
}

/** key, letters. What is left of a key that is still there is never negative. */
export function timeLeft({ keyspace, clock }: Store, args: readonly string[]): Reply {
  const [key, options] = args as [string, string];
  const expiresAt = keyspace.expiryOf(key);
  if (expiresAt === undefined) return NO_KEY;
  if (expiresAt === NO_TIME) return NO_EXPIRY;
  const isAbsolute = options.includes(TIME_LEFT.absolute);
  const milliseconds = isAbsolute ? expiresAt : Math.max(0, expiresAt - Math.max(clock, keyspace.time));
  return options.includes(TIME_LEFT.inSeconds) ? Math.floor((milliseconds + 500) / 1000) : milliseconds;
}

export function sweepExpired({ keyspace }: Store): Reply {
  keyspace.removeExpired(EXPIRED_PER_SWEEP_MAX);
  return OK;
}
