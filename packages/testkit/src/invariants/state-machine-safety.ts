// State machine safety (§5.4.3): every server applies the same entries at the same indexes, in order, each exactly
// once in a life unless a snapshot replaces the state, and never before they are committed and durable here.

import type { Index, LogEntry } from '@waldb/core';
import { type History, sameEntry } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class StateMachineSafety implements Invariant {
  readonly name: string = 'state-machine-safety';
  readonly #history: History;
  /** By server: everything up to here is in its state machine. */
  readonly #reached: Map<number, Index> = new Map();

  constructor(history: History) {
    this.#history = history;
  }

  started(server: ServerView, applied: Index): void {
    this.#reached.set(server.id, applied);
  }

  stepped({ server, actions }: StepView): void {
    // What a step had decided when the storage failed is never heard of.
    if (server.isHalted) return;
    for (const action of actions) {
      if (action.type === 'apply') this.#apply(server, action.entries);
      else if (action.type === 'restoreSnapshot')
        this.#restore(server, action.snapshot.index, action.snapshot.term);
    }
    this.#checkLastApplied(server);
  }

  stateReached(server: ServerView, index: Index, digest: number): void {
    hold(
      digest === this.#history.digestAt(index),
      this.name,
      'a state machine is not what was committed',
      () => ({
        server: server.id,
        index,
      }),
    );
  }

  #apply(server: ServerView, entries: readonly LogEntry[]): void {
    let reached = this.#reached.get(server.id) ?? 0;
    hold(entries.length > 0, this.name, 'an apply without entries', () => ({ server: server.id }));
    for (const entry of entries) {
      hold(entry.index > reached, this.name, 'an entry is applied twice or out of order', () => ({
        server: server.id,
        entry,
        reached,
      }));
      this.#checkSkipped(server, reached + 1, entry.index - 1);
      const committed = this.#history.committed(entry.index)?.record.entry;
      hold(
        committed !== undefined && entry.kind === 'normal' && sameEntry(committed, entry),
        this.name,
        'an entry is applied that is not the committed one',
        () => ({ server: server.id, entry, committed }),
      );
      reached = entry.index;
    }
    this.#checkDurable(server, reached);
    this.#reached.set(server.id, reached);
  }

  #restore(server: ServerView, index: Index, term: number): void {
    const reached = this.#reached.get(server.id) ?? 0;
    hold(index > reached, this.name, 'a snapshot rolls the state machine back', () => ({
      server: server.id,
      index,
      reached,
    }));
    hold(
      this.#history.committed(index)?.record.term === term,
      this.name,
      'a snapshot of what is not committed',
      () => ({
        server: server.id,
        index,
        term,
      }),
    );
    hold(
      (server.stable.snapshot?.index ?? 0) >= index,
      this.name,
      'a snapshot is restored before it is durable',
      () => ({
        server: server.id,
        index,
      }),
    );
    this.#reached.set(server.id, index);
  }

  #checkLastApplied(server: ServerView): void {
    const { lastApplied, commitIndex } = server;
    const reached = this.#reached.get(server.id) ?? 0;
    hold(lastApplied <= commitIndex, this.name, 'applied beyond the commit index', () => ({
      server: server.id,
      lastApplied,
      commitIndex,
    }));
    if (lastApplied <= reached) return;
    this.#checkSkipped(server, reached + 1, lastApplied);
    this.#checkDurable(server, lastApplied);
    this.#reached.set(server.id, lastApplied);
  }

  /** Entries that never reach a state machine may be passed over; a command may not. */
  #checkSkipped(server: ServerView, from: Index, to: Index): void {
    for (let index = from; index <= to; index++) {
      const kind = this.#history.committed(index)?.record.entry.kind;
      hold(kind === 'noop' || kind === 'config', this.name, 'a committed command is passed over', () => ({
        server: server.id,
        index,
        kind,
      }));
    }
  }

  #checkDurable(server: ServerView, index: Index): void {
    hold(
      index <= server.stable.lastIndex,
      this.name,
      'an entry is applied before it is durable here',
      () => ({
        server: server.id,
        index,
        durableIndex: server.stable.lastIndex,
      }),
    );
  }
}
