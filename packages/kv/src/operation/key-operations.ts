// Operations on keys, whatever their values are.

import type { Reply } from '../resp/reply.js';
import type { Keyspace } from '../state/keyspace.js';

/** How many of the keys were there. */
export function deleteKeys(keyspace: Keyspace, keys: readonly string[]): Reply {
  let deleted = 0;
  for (const key of keys) if (keyspace.delete(key)) deleted += 1;
  return deleted;
}

/** How many of the keys are there; a key named twice counts twice. */
export function existKeys(keyspace: Keyspace, keys: readonly string[]): Reply {
  let present = 0;
  for (const key of keys) if (keyspace.has(key)) present += 1;
  return present;
}

export function countKeys(keyspace: Keyspace): Reply {
  return keyspace.size;
}
