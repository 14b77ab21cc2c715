// What decides whether a transaction is carried out: the watches of its client. And PUBLISH, which goes the same way as
// everything that all servers have to hear of in one order.

import { ErrorReply, OK, type Reply } from '../resp/reply.js';
import type { Store } from '../state/store.js';

const TOO_MANY_WATCHES = new ErrorReply('ERR too many keys are watched');

/** token, key, ... */
export function watchKeys({ keyspace }: Store, args: readonly string[]): Reply {
  const [token, ...keys] = args as [string, ...string[]];
  // A key that is past its time is absent now; its removal later is no change.
  for (const key of keys) keyspace.purge(key);
  return keyspace.watches.watch(token, keys) ? OK : TOO_MANY_WATCHES;
}

/** token */
export function unwatchKeys({ keyspace }: Store, args: readonly string[]): Reply {
  keyspace.watches.settle(args[0] as string);
  return OK;
}

/** Whether a transaction with this token ('' where nothing was watched) may be carried out; its watch ends. */
export function settleWatch({ keyspace }: Store, token: string): boolean {
  if (token === '') return true;
  for (const key of keyspace.watches.keysOf(token)) keyspace.purge(key);
  return keyspace.watches.settle(token);
}

/** channel, message. Changes nothing; the log takes it to the subscribers of every server. */
export function publishMessage(store: Store, args: readonly string[]): Reply {
  store.publish(args[0] as string, args[1] as string);
  return 0;
}
