// What a server replicates: the user's deterministic state machine.

import type { Index, LogEntry } from '@waldb/core';

/** What the log knows of the entries that are applied, beside the entries. The same on every server. */
export interface ApplyContext {
  /**
   * Logged time at the nth of these entries: milliseconds since 1970 by the leaders' clocks, never running backward; 0
   * before the log has any. How often it moves: `timeResolutionMs`, and docs/server.md.
   */
  timeOf(nth: number): number;
}

/**
 * The same entries in the same order must lead to the same state on every server: no clock, no randomness, no input but
 * the entries. The server calls one method at a time, and never `apply` again before the last one has finished.
 */
export interface StateMachine<Result> {
  /**
   * Applies committed commands, in index order, each exactly once. One result for each entry, in order: what `propose`
   * resolves with. Throwing (or rejecting) stops the server for good, since a machine that has left a command out is
   * not a replica any more; a command that is merely wrong is answered with a result that says so.
   * The commands' bytes belong to the log: copy what is kept.
   */
  apply(entries: readonly LogEntry[], context: ApplyContext): readonly Result[] | Promise<readonly Result[]>;
  /** The state at the moment of the call, in chunks. Entries are applied while the chunks are read. */
  snapshot(): AsyncIterable<Uint8Array>;
  /** Replaces the whole state by a snapshot that `snapshot` of this or another server gave. */
  restore(stream: AsyncIterable<Uint8Array>): Promise<void>;
  /** For a machine with a durable store of its own: nothing at or below this index is applied again. */
  appliedIndex?(): Index;
}
