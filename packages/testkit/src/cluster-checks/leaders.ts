// Election safety (§5.2): one leader in a term, over all lives of all servers. Leader completeness (§5.4): what was
// committed in a term is in the log of every leader of a later one. Leader append-only (§5.3). Judged by what leaders say
// of their logs: how far they reach, and every entry that they send. And the way around a leader that is still heard of
// (thesis §3.10) is taken only at the word of the leader of the term before.

import type { AppendEntries, Index, NodeId, RequestVote, Term, TraceRecord } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import type { CommittedLog } from './committed-log.js';

/** On another disk it is another one: who led a term knows that it did. */
interface Leader {
  readonly id: NodeId;
  readonly disksLost: number;
}

export class Leaders implements ClusterCheck {
  readonly name: string = 'leaders';
  readonly #committed: CommittedLog;
  readonly #leaders: Map<Term, Leader> = new Map();
  /** By server: how many disks it has lost. */
  readonly #disksLost: Map<NodeId, number> = new Map();
  /** By server: the terms for which a leader has asked it to campaign at once. */
  readonly #asked: Map<NodeId, Set<Term>> = new Map();

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  /** How many terms had a leader. */
  get count(): number {
    return this.#leaders.size;
  }

  diskLost(id: NodeId): void {
    this.#disksLost.set(id, this.#disksLostBy(id) + 1);
    this.#asked.delete(id);
  }

  stepped(server: ServerLife, record: TraceRecord): void {
    const { event, before, after, actions } = record;
    if (event.type === 'message' && event.message.type === 'timeoutNow')
      this.#ask(server, event.message.term);
    for (const action of actions) {
      if (action.type === 'send' && action.message.type === 'requestVote')
        this.#checkCampaign(server, action.message);
      if (action.type === 'roleChanged' && action.role === 'leader') this.#leads(server, action.term);
      else if (action.type === 'send' && action.message.type === 'appendEntries')
        this.#checkSent(server, action.message);
    }
    if (after.role !== 'leader') return;
    const isNew = before.role !== 'leader' || before.term !== after.term;
    if (isNew) {
      this.#leads(server, after.term);
      this.#checkReaches(server, after.term, after.lastIndex);
    } else if (after.lastIndex < before.lastIndex)
      hold(false, this.name, 'a leader shortened its own log', () => ({ ...server, before, after }));
  }

  #ask({ id }: ServerLife, term: Term): void {
    const asked = this.#asked.get(id) ?? new Set();
    this.#asked.set(id, asked.add(term + 1));
  }

  #checkCampaign(server: ServerLife, { term, transfer }: RequestVote): void {
    if (transfer && this.#asked.get(server.id)?.has(term) !== true)
      hold(false, this.name, 'a server campaigns for a leader that did not ask it to', () => ({
        ...server,
        term,
      }));
  }

  #leads(server: ServerLife, term: Term): void {
    const known = this.#leaders.get(term);
    const disksLost = this.#disksLostBy(server.id);
    if (known === undefined) this.#leaders.set(term, { id: server.id, disksLost });
    else if (known.id !== server.id || known.disksLost !== disksLost)
      hold(false, this.name, 'two servers lead in one term', () => ({
        term,
        first: known,
        second: { id: server.id, disksLost },
      }));
  }

  #disksLostBy(id: NodeId): number {
    return this.#disksLost.get(id) ?? 0;
  }

  /** The newest entry that was committed in an earlier term lies within the new leader's log. */
  #checkReaches(server: ServerLife, term: Term, lastIndex: Index): void {
    let index = this.#committed.lastIndex;
    // What a leader of this very term, or of a later one, committed says nothing about this leader's log.
    while (index > lastIndex && (this.#committed.at(index)?.committedIn ?? term) >= term) index -= 1;
    if (index <= lastIndex) return;
    hold(false, this.name, 'a leader lacks a committed entry', () => ({
      ...server,
      term,
      lastIndex,
      committed: this.#committed.at(index),
    }));
  }

  #checkSent(server: ServerLife, { term, prevLogIndex, prevLogTerm, entries }: AppendEntries): void {
    this.#leads(server, term);
    this.#checkEntry(server, term, prevLogIndex, prevLogTerm);
    for (const entry of entries) this.#checkEntry(server, term, entry.index, entry.term);
  }

  #checkEntry(server: ServerLife, term: Term, index: Index, found: Term): void {
    const committed = this.#committed.at(index);
    if (committed === undefined || committed.committedIn > term || committed.term === found) return;
    hold(false, this.name, 'a leader has another entry than the one that is committed', () => ({
      ...server,
      term,
      index,
      found,
      committed,
    }));
  }
}
