// Operations that look at many keys, in the order of their bytes. Keys of one prefix stand together, so that a walk
// over them touches no others.

import { ErrorReply, type Reply } from '../resp/reply.js';
import type { Store } from '../state/store.js';
import { compilePattern } from './glob.js';

/** Keys that one SCAN looks at; a larger COUNT is taken for this. Some milliseconds. */
export const SCAN_COUNT_MAX = 10_000;
/** Keys that KEYS looks at before it gives up: it holds up everything else meanwhile. */
export const KEYS_LOOKED_AT_MAX = 1_000_000;

const TOO_MANY_KEYS = new ErrorReply(
  `ERR KEYS would have to look at more than ${KEYS_LOOKED_AT_MAX} keys: use SCAN, or a pattern that begins with more of the key`,
);

const RANDOM_TRIES_MAX = 100;
const UINT32 = 2 ** 32;

/**
 * where to begin ('' for the first key, else what the last one answered for the same pattern), pattern, how many to look
 * at. Answers an array: where to go on or null at the end, and the keys. What is there all the time is found once; what comes or goes
 * meanwhile may be found.
 */
export function scanKeys({ keyspace }: Store, args: readonly string[]): Reply {
  const [begin, pattern, countText] = args as [string, string, string];
  const { prefix, matches } = compilePattern(pattern);
  const keys: string[] = [];
  let left = Math.min(Number(countText), SCAN_COUNT_MAX);
  let next: string | null = null;
  keyspace.walk(begin.startsWith(prefix) ? begin : prefix, (key) => {
    if (!key.startsWith(prefix)) return false;
    if (left === 0) {
      next = key;
      return false;
    }
    left -= 1;
    if (matches(key)) keys.push(key);
    return true;
  });
  return [next, keys];
}

/** pattern */
export function listKeys({ keyspace }: Store, args: readonly string[]): Reply {
  const { prefix, matches } = compilePattern(args[0] as string);
  const keys: string[] = [];
  let lookedAt = 0;
  keyspace.walk(prefix, (key) => {
    if (!key.startsWith(prefix) || lookedAt === KEYS_LOOKED_AT_MAX + 1) return false;
    lookedAt += 1;
    if (matches(key)) keys.push(key);
    return true;
  });
  return lookedAt > KEYS_LOOKED_AT_MAX ? TOO_MANY_KEYS : keys;
}

/** A seed: a logged operation must find the same key on every replica. */
export function randomKey({ keyspace }: Store, args: readonly string[]): Reply {
  let state = Number(args[0]) >>> 0;
  const choose = (below: number): number => {
    // Marsaglia's xorshift; the state is never 0.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / UINT32) * below);
  };
  for (let tries = 0; tries < RANDOM_TRIES_MAX; tries++) {
    const key = keyspace.pick(choose);
    if (key === undefined || keyspace.has(key)) return key ?? null;
  }
  return null;
}
