// What never goes back: term, commit index and applied index within a life, the vote within a term, and over all
// lives the term and the vote on stable storage.

import type { HardState } from '@waldb/core';
import type { LogOperation } from '../sim/log-image.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class MonotonicState implements Invariant {
  readonly name: string = 'monotonic-state';

  started(server: ServerView, applied: number): void {
    const durable = server.stable.hardState;
    hold(server.term >= durable.term, this.name, 'a restarted server has forgotten its term', () => ({
      server: server.id,
      term: server.term,
      durable,
    }));
    hold(
      server.lastApplied >= applied,
      this.name,
      'a restarted server would apply again what it was told is applied',
      () => ({
        server: server.id,
        lastApplied: server.lastApplied,
        applied,
      }),
    );
  }

  stepped({ server, before, stagedSeq }: StepView): void {
    this.#grows('term', server, before.term, server.term);
    this.#grows('commit index', server, before.commitIndex, server.commitIndex);
    this.#grows('applied index', server, before.lastApplied, server.lastApplied);
    this.#grows('staged seq', server, before.stagedSeq, stagedSeq);
    hold(
      server.log.hardState.term === server.term,
      this.name,
      'the term is not the one staged in the log',
      () => ({ server: server.id, term: server.term, staged: server.log.hardState }),
    );
  }

  staged(server: ServerView, operation: LogOperation): void {
    if (operation.type === 'hardState') this.#follows(server, server.log.hardState, operation.state);
  }

  durable(server: ServerView, operation: LogOperation): void {
    if (operation.type === 'hardState') this.#follows(server, server.stable.hardState, operation.state);
  }

  #grows(what: string, server: ServerView, before: number, after: number): void {
    if (after < before)
      hold(false, this.name, `the ${what} went back`, () => ({ server: server.id, before, after }));
  }

  #follows(server: ServerView, before: HardState, after: HardState): void {
    const facts = (): Readonly<Record<string, unknown>> => ({ server: server.id, before, after });
    hold(after.term >= before.term, this.name, 'the hard state goes back to an older term', facts);
    const keepsVote =
      after.term > before.term || before.votedFor === undefined || after.votedFor === before.votedFor;
    hold(keepsVote, this.name, 'a vote is changed within its term', facts);
  }
}
