// What operations are executed on: the keys, and what they may tell or ask beside them.

import type { Keyspace } from './keyspace.js';

export interface Store {
  readonly keyspace: Keyspace;
  /**
   * What counts as now where an answer tells how much time is left, in milliseconds since 1970: logged time for logged
   * operations, and for reads this server's date if that is later. It never decides what is there.
   */
  readonly clock: number;
  /** Hands a published message to this server's subscribers. */
  publish(channel: string, message: string): void;
}
