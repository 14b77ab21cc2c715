// Leader completeness (§5.4): what is committed in a term is in the log of every leader of a later term. Checked from
// both ends: when a leader appears, and when an old leader commits after a newer one has appeared.

import type { Index, Term } from '@waldb/core';
import type { History } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class LeaderCompleteness implements Invariant {
  readonly name: string = 'leader-completeness';
  readonly #history: History;
  #checkedCommit: Index = 0;

  constructor(history: History) {
    this.#history = history;
  }

  stepped({ server, before }: StepView): void {
    this.#checkNewCommits();
    if (server.role !== 'leader') return;
    if (before.role === 'leader' && before.term === server.term) return;
    this.#checkNewLeader(server);
  }

  #checkNewLeader(server: ServerView): void {
    let index = this.#history.commitIndex;
    // What a leader of this very term, or of a later one, committed says nothing about this leader's log.
    while (index > 0 && this.#committedIn(index) >= server.term) index -= 1;
    if (index === 0 || index < server.log.firstIndex) return;
    const term = this.#history.committed(index)?.record.term;
    hold(server.log.termAt(index) === term, this.name, 'a leader lacks a committed entry', () => ({
      server: server.id,
      term: server.term,
      index,
      committedTerm: term,
      found: server.log.termAt(index),
    }));
  }

  #checkNewCommits(): void {
    const newest = this.#history.commitIndex;
    if (newest === this.#checkedCommit) return;
    this.#checkedCommit = newest;
    const committed = this.#history.committed(newest);
    if (committed === undefined) return;
    for (const [term, leader] of this.#history.leaders) {
      if (term <= committed.committedIn) continue;
      const found = this.#history.leaderTermAt(term, newest);
      hold(
        found === committed.record.term,
        this.name,
        'a later leader lacks what an older one committed',
        () => ({
          index: newest,
          committedIn: committed.committedIn,
          leader,
          term,
          found,
        }),
      );
    }
  }

  #committedIn(index: Index): Term {
    return this.#history.committed(index)?.committedIn ?? 0;
  }
}
