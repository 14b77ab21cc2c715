// The replicated store: executes the operations of the log, and saves and restores its whole state. It answers reads
// too, but does not know whether a read is allowed: that is asked of the server first.

import type { LogEntry } from '@waldb/core';
import type { StateMachine } from '@waldb/runtime';
import { decodeOperations } from '../operation/entry-codec.js';
import { execute, type Operation } from '../operation/operation.js';
import type { Reply } from '../resp/reply.js';
import { Keyspace } from './keyspace.js';
import { decodeSnapshot, encodeSnapshot } from './snapshot-format.js';

/** What an entry results in: one reply for each of its operations. */
export type EntryReplies = readonly Reply[];

export class KvStateMachine implements StateMachine<EntryReplies> {
  #keyspace = new Keyspace();

  /** Number of keys. */
  get size(): number {
    return this.#keyspace.size;
  }

  /** Bytes of all keys and values. */
  get bytes(): number {
    return this.#keyspace.bytes;
  }

  /** Errors: `ENTRY_INVALID`, after which this replica must not go on. */
  apply(entries: readonly LogEntry[]): EntryReplies[] {
    const results = new Array<EntryReplies>(entries.length);
    for (let nth = 0; nth < entries.length; nth++) {
      results[nth] = this.#applyEntry((entries[nth] as LogEntry).command); // nth < entries.length
    }
    return results;
  }

  /** Answers an operation that changes nothing, from the present state. */
  read(operation: Operation): Reply {
    return execute(this.#keyspace, operation);
  }

  /** The state at the moment of the call. Reading it to its end, or returning early, gives its memory back. */
  snapshot(): AsyncIterable<Uint8Array> {
    const image = this.#keyspace.image();
    const chunks = encodeSnapshot(image.entries());
    const iterator: AsyncIterableIterator<Uint8Array> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        const step = chunks.next();
        if (step.done === true) image.close();
        return step;
      },
      return: async () => {
        image.close();
        return { done: true, value: undefined };
      },
    };
    return iterator;
  }

  /** Errors: `SNAPSHOT_INVALID`; the state is then what it was. */
  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const restored = new Keyspace();
    await decodeSnapshot(stream, (key, value) => restored.set(key, value));
    this.#keyspace = restored;
  }

  #applyEntry(command: Uint8Array): EntryReplies {
    // The whole entry is decoded before the first operation is executed: it is done wholly or not at all.
    const operations = decodeOperations(command);
    const replies = new Array<Reply>(operations.length);
    for (let nth = 0; nth < operations.length; nth++) {
      replies[nth] = execute(this.#keyspace, operations[nth] as Operation); // nth < operations.length
    }
    return replies;
  }
}
