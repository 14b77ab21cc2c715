// When an entry becomes committed: at the moment a leader first says so, the entry is of that leader's term and a
// quorum of the configuration in force holds it, and so everything before it, on stable storage (§5.4.2; thesis
// §10.2.1). Everybody else's commit index follows that one log and never runs ahead of it.

import type { Configuration, Index, NodeId, Term } from '@waldb/core';
import { configurationAt, isQuorum } from './configuration-in-force.js';
import type { EntryRecord, History } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class CommitQuorum implements Invariant {
  readonly name: string = 'commit-quorum';
  readonly #history: History;
  readonly #servers: ReadonlyMap<NodeId, ServerView>;

  constructor(history: History, servers: ReadonlyMap<NodeId, ServerView>) {
    this.#history = history;
    this.#servers = servers;
  }

  started(server: ServerView): void {
    this.#checkFollows(server, 0);
  }

  stepped(step: StepView): void {
    const { server, before } = step;
    if (server.commitIndex <= before.commitIndex) return;
    if (server.commitIndex > this.#history.commitIndex) this.#commit(step);
    this.#checkFollows(server, before.commitIndex);
  }

  #commit({ server, before }: StepView): void {
    const { commitIndex } = server;
    const led = before.role === 'leader' ? before.term : server.role === 'leader' ? server.term : undefined;
    hold(
      led !== undefined,
      this.name,
      'a server that does not lead commits what nobody committed before',
      () => ({
        server: server.id,
        commitIndex,
        known: this.#history.commitIndex,
      }),
    );
    const term = led as Term; // just held
    hold(
      server.log.termAt(commitIndex) === term,
      this.name,
      'a leader counts replicas of an older term',
      () => ({
        server: server.id,
        term,
        commitIndex,
        termThere: server.log.termAt(commitIndex),
      }),
    );
    this.#checkQuorum(server, before.configIndex, term);
    for (const record of this.#chain(term, commitIndex)) this.#history.commit(record, term);
  }

  /** A configuration appended within the step may or may not have been in force yet when it committed. */
  #checkQuorum(server: ServerView, configIndexBefore: Index, term: Term): void {
    const { commitIndex, log, initialConfiguration } = server;
    const holders = [...this.#servers.values()]
      .filter((peer) => holdsStable(peer, commitIndex, term))
      .map((peer) => peer.id);
    const isHeldBy = (configuration: Configuration): boolean =>
      isQuorum(configuration, (id) => holders.includes(id));
    const after = configurationAt(log, log.lastIndex, initialConfiguration);
    const before = configurationAt(log, configIndexBefore, initialConfiguration);
    hold(
      isHeldBy(after) || isHeldBy(before),
      this.name,
      'an entry is committed that no quorum holds on stable storage',
      () => ({ server: server.id, commitIndex, term, holders, configuration: after }),
    );
  }

  /** The records from just above the committed log up to `index`, as they stand in the log of the leader of `term`. */
  #chain(term: Term, index: Index): EntryRecord[] {
    const records: EntryRecord[] = [];
    let at = this.#history.record(term, index);
    while (at !== undefined && at.index > this.#history.commitIndex) {
      records.push(at);
      at = this.#history.record(at.previousTerm, at.index - 1);
    }
    const last = this.#history.committed(this.#history.commitIndex)?.record;
    hold(at === last, this.name, 'the newly committed log does not go on from the committed one', () => ({
      index,
      term,
      meets: at,
      committed: last,
    }));
    return records.reverse();
  }

  #checkFollows(server: ServerView, from: Index): void {
    const { commitIndex, log } = server;
    hold(
      commitIndex <= this.#history.commitIndex,
      this.name,
      'a commit index is ahead of every leader',
      () => ({
        server: server.id,
        commitIndex,
        known: this.#history.commitIndex,
      }),
    );
    if (commitIndex <= from || commitIndex < log.firstIndex) return;
    const term = this.#history.committed(commitIndex)?.record.term;
    hold(
      log.termAt(commitIndex) === term,
      this.name,
      'a server commits another entry than the cluster',
      () => ({
        server: server.id,
        commitIndex,
        term: log.termAt(commitIndex),
        committedTerm: term,
      }),
    );
  }
}

/** Whether a crash at this moment would leave `peer` with the entry, or with a snapshot that covers it. */
function holdsStable(peer: ServerView, index: Index, term: Term): boolean {
  const covered = Math.max(peer.stable.firstIndex - 1, peer.stable.snapshot?.index ?? 0);
  return index <= covered || peer.stable.termAt(index) === term;
}
