// Election safety (§5.2): at most one leader per term. And who may lead at all: a server that is a voter in its log,
// or was one before a change that is not known to be committed (thesis §4.2.2: until its removal is committed).

import type { Term } from '@waldb/core';
import type { LogOperation } from '../sim/log-image.js';
import { configurationAt, isVoterOf } from './configuration-in-force.js';
import type { History } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class ElectionSafety implements Invariant {
  readonly name: string = 'election-safety';
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  stepped(step: StepView): void {
    const { server, before } = step;
    for (const action of step.actions) {
      if (action.type === 'roleChanged' && action.role === 'leader') this.#leads(server, action.term);
    }
    if (server.role !== 'leader') return;
    if (before.role === 'leader' && before.term === server.term) return;
    this.#leads(server, server.term);
  }

  /** Whoever appends as a leader has led, also when it dies of it before its step returns: what it staged may survive. */
  staged(server: ServerView, operation: LogOperation): void {
    if (operation.type === 'append' && server.role === 'leader') this.#leads(server, server.term);
  }

  #leads(server: ServerView, term: Term): void {
    const known = this.#history.leaders.get(term);
    hold(known === undefined || known === server.id, this.name, 'two servers lead in one term', () => ({
      term,
      first: known,
      second: server.id,
    }));
    if (known !== undefined) return;
    this.#history.leaders.set(term, server.id);
    hold(isEligible(server), this.name, 'a server leads that is no voter', () => ({
      term,
      server: server.id,
    }));
  }
}

/**
 * The newest configuration in its log counts and, while it is not known to be committed, the one before it. Nothing
 * older does: a configuration is only made once its predecessor is committed.
 */
function isEligible({ id, log, commitIndex, initialConfiguration }: ServerView): boolean {
  const newest = log.configIndexBefore(log.lastIndex);
  if (isVoterOf(configurationAt(log, log.lastIndex, initialConfiguration), id)) return true;
  return newest > commitIndex && isVoterOf(configurationAt(log, newest - 1, initialConfiguration), id);
}
