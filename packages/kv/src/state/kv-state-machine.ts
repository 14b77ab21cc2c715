// The replicated store: executes the operations of the log, and saves and restores its whole state. It answers reads
// too, but does not know whether a read is allowed: that is asked of the server first.

import type { LogEntry } from '@waldb/core';
import type { ApplyContext, StateMachine } from '@waldb/runtime';
import { decodeOperations } from '../operation/entry-codec.js';
import { EXPIRED_PER_ENTRY_MAX } from '../operation/expiry-operations.js';
import { execute, type Operation } from '../operation/operation.js';
import type { Reply } from '../resp/reply.js';
import { Keyspace } from './keyspace.js';
import { decodeSnapshot, encodeSnapshot } from './snapshot-format.js';
import type { Store } from './store.js';

/**
 * What a `RaftServer` of this store needs as `timeResolutionMs`: keys expire by logged time, which moves as often as this
 * under load. A key may expire earlier than asked by as much.
 */
export const TIME_RESOLUTION_MS = 1;

/** What an entry results in: one reply for each of its operations. */
export type EntryReplies = readonly Reply[];

/** What happens in the store while entries are applied. Must not throw. */
export interface StoreListener {
  /** A key has changed; events have the names that Redis gives them. */
  onChange(event: string, key: string): void;
  /** PUBLISH. */
  onMessage(channel: string, message: string): void;
}

export class KvStateMachine implements StateMachine<EntryReplies> {
  readonly #listeners = new Set<StoreListener>();
  /** Of keyspaces that snapshots have replaced. */
  #expiredBefore = 0;
  #readHits = 0;
  #readMisses = 0;
  readonly #store: { -readonly [Name in keyof Store]: Store[Name] } = {
    keyspace: new Keyspace(),
    clock: 0,
    publish: (channel, message) => {
      for (const listener of this.#listeners) listener.onMessage(channel, message);
    },
  };

  /** Number of keys. */
  get size(): number {
    return this.#store.keyspace.size;
  }

  /** Number of keys that will expire. */
  get expiringSize(): number {
    return this.#store.keyspace.expiringSize;
  }

  /** Keys that were removed here because their time had come, since this server's start. */
  get expiredCount(): number {
    return this.#expiredBefore + this.#store.keyspace.expiredCount;
  }

  /** Keys that `read` has looked up here and that were there, since this server's start. */
  get readHits(): number {
    return this.#readHits;
  }

  /** Keys that `read` has looked up here and that were not there. */
  get readMisses(): number {
    return this.#readMisses;
  }

  /** Bytes of all keys and values. */
  get bytes(): number {
    return this.#store.keyspace.bytes;
  }

  /** Logged time, as far as entries of this store have told it: milliseconds since 1970. */
  get time(): number {
    return this.#store.keyspace.time;
  }

  /** When the first key expires, in logged time; Infinity when none does. */
  get nextExpiry(): number {
    return this.#store.keyspace.nextExpiry;
  }

  /** Tells of changes and messages until the returned function is called. */
  listen(listener: StoreListener): () => void {
    this.#listeners.add(listener);
    this.#connectListeners();
    return () => {
      this.#listeners.delete(listener);
      this.#connectListeners();
    };
  }

  /** Errors: `ENTRY_INVALID`, after which this replica must not go on. */
  apply(entries: readonly LogEntry[], context: ApplyContext): EntryReplies[] {
    const results = new Array<EntryReplies>(entries.length);
    for (let nth = 0; nth < entries.length; nth++) {
      results[nth] = this.#applyEntry(entries[nth] as LogEntry, context.timeOf(nth)); // nth < entries.length
    }
    return results;
  }

  /** Answers an operation that changes nothing, from the present state. `date`: this server's, for answers about time. */
  read(operation: Operation, date = 0): Reply {
    const { keyspace } = this.#store;
    const { hitCount, missCount } = keyspace;
    this.#store.clock = Math.max(date, keyspace.time);
    const reply = execute(this.#store, operation);
    this.#readHits += keyspace.hitCount - hitCount;
    this.#readMisses += keyspace.missCount - missCount;
    return reply;
  }

  /** The state at the moment of the call. Reading it to its end, or returning early, gives its memory back. */
  snapshot(): AsyncIterable<Uint8Array> {
    const { time, watches } = this.#store.keyspace;
    const image = this.#store.keyspace.image();
    const chunks = encodeSnapshot({ time, term: watches.term, watches: watches.saved(), image });
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
    await decodeSnapshot(stream, {
      onHeader: ({ time, term }) => {
        restored.advance(time);
        restored.watches.enterTerm(term);
      },
      onEntry: (key, value, time) => restored.set(key, value, time),
      onWatch: (watch) => restored.watches.restore(watch),
    });
    this.#expiredBefore += this.#store.keyspace.expiredCount;
    this.#store.keyspace = restored;
    this.#connectListeners();
  }

  #applyEntry({ term, command }: LogEntry, time: number): EntryReplies {
    // The whole entry is decoded before the first operation is executed: it is done wholly or not at all.
    const operations = decodeOperations(command);
    const { keyspace } = this.#store;
    keyspace.advance(time);
    keyspace.watches.enterTerm(term);
    keyspace.removeExpired(EXPIRED_PER_ENTRY_MAX);
    this.#store.clock = keyspace.time;
    const replies = new Array<Reply>(operations.length);
    for (let nth = 0; nth < operations.length; nth++) {
      replies[nth] = execute(this.#store, operations[nth] as Operation); // nth < operations.length
    }
    return replies;
  }

  #connectListeners(): void {
    const listeners = this.#listeners;
    this.#store.keyspace.onChange =
      listeners.size === 0
        ? undefined
        : (event, key) => {
            for (const listener of listeners) listener.onChange(event, key);
          };
  }
}
