// Operations on keys, whatever their values are.

import { NO_SUCH_KEY, OK, type Reply, StatusReply } from '../resp/reply.js';
import type { Store } from '../state/store.js';

const STRING_TYPE = new StatusReply('string');
const NO_TYPE = new StatusReply('none');

/** How many of the keys were there. */
export function deleteKeys({ keyspace }: Store, keys: readonly string[]): Reply {
  let deleted = 0;
  for (const key of keys) {
    if (!keyspace.delete(key)) continue;
    deleted += 1;
    keyspace.tell('del', key);
  }
  return deleted;
}

/** How many of the keys are there; a key named twice counts twice. */
export function existKeys({ keyspace }: Store, keys: readonly string[]): Reply {
  let present = 0;
  for (const key of keys) if (keyspace.has(key)) present += 1;
  return present;
}

export function countKeys({ keyspace }: Store): Reply {
  return keyspace.size;
}

export function typeOfKey({ keyspace }: Store, args: readonly string[]): Reply {
  return keyspace.has(args[0] as string) ? STRING_TYPE : NO_TYPE;
}

/** key, new key. What was there is replaced, and the time goes with the value. */
export function renameKey(store: Store, args: readonly string[]): Reply {
  return moveKey(store, args) === 'missing' ? NO_SUCH_KEY : OK;
}

/** key, new key. 0 when the new one is there. */
export function renameKeyIfAbsent(store: Store, args: readonly string[]): Reply {
  const [key, target] = args as [string, string];
  if (!store.keyspace.has(key)) return NO_SUCH_KEY;
  if (store.keyspace.has(target)) return 0;
  moveKey(store, args);
  return 1;
}

/** key, target, whether a target that is there is replaced ('r'). */
export function copyKey({ keyspace }: Store, args: readonly string[]): Reply {
  const [key, target, options] = args as [string, string, string];
  const value = keyspace.get(key);
  const expiresAt = keyspace.expiryOf(key);
  if (value === undefined || (keyspace.has(target) && !options.includes('r'))) return 0;
  keyspace.set(target, value, expiresAt);
  keyspace.tell('copy_to', target);
  return 1;
}

export function removeAll({ keyspace }: Store): Reply {
  keyspace.clear();
  return OK;
}

function moveKey({ keyspace }: Store, args: readonly string[]): 'missing' | 'moved' {
  const [key, target] = args as [string, string];
  const value = keyspace.get(key);
  const expiresAt = keyspace.expiryOf(key);
  if (value === undefined) return 'missing';
  if (key === target) return 'moved';
  keyspace.delete(key);
  keyspace.set(target, value, expiresAt);
  keyspace.tell('rename_from', key);
  keyspace.tell('rename_to', target);
  return 'moved';
}
