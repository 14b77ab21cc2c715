// A message says what its sender is and has: its own id and no term beyond its own, entries that are in its log and
// follow one another, and no commit index beyond its own, nor in a heartbeat beyond what the receiver is known to hold.

import type { AppendEntries, Heartbeat, Message, NodeId } from '@waldb/core';
import { type History, sameEntry } from './history.js';
import { hold, type Invariant, type ServerView } from './invariant.js';

export interface MessageLimits {
  readonly maxBatchEntries: number;
}

export class TruthfulMessages implements Invariant {
  readonly name: string = 'truthful-messages';
  readonly #history: History;
  readonly #servers: ReadonlyMap<NodeId, ServerView>;
  readonly #limits: MessageLimits;

  constructor(history: History, servers: ReadonlyMap<NodeId, ServerView>, limits: MessageLimits) {
    this.#history = history;
    this.#servers = servers;
    this.#limits = limits;
  }

  sent(server: ServerView, message: Message): void {
    const isForesight =
      message.type === 'preVote' || (message.type === 'preVoteReply' && message.voteGranted);
    this.#hold(message.from === server.id, 'a message in another name', server, message);
    this.#hold(message.to !== server.id, 'a message to itself', server, message);
    this.#hold(isForesight || message.term <= server.term, 'a message from the future', server, message);
    if (message.type === 'appendEntries') this.#checkAppend(server, message);
    else if (message.type === 'heartbeat') this.#checkHeartbeat(server, message);
    else if (message.type === 'timeoutNow') this.#checkTimeoutNow(server, message);
    else if (message.type === 'installSnapshot') {
      const committed = this.#history.committed(message.snapshot.index)?.record.term;
      const isCommitted = committed === message.snapshot.term;
      this.#hold(isCommitted, 'a snapshot of what is not committed is sent', server, message);
    }
  }

  #checkAppend(server: ServerView, message: AppendEntries): void {
    const { term, prevLogIndex, prevLogTerm, entries, leaderCommit } = message;
    const prevTerm = this.#history.leaderTermAt(term, prevLogIndex);
    this.#hold(
      prevTerm === prevLogTerm,
      'the entry said to come before is not in the leader log',
      server,
      message,
    );
    this.#hold(
      leaderCommit <= server.commitIndex,
      'a leader tells of commits it does not know',
      server,
      message,
    );
    this.#hold(
      entries.length <= this.#limits.maxBatchEntries,
      'more entries than a message may hold',
      server,
      message,
    );
    let index = prevLogIndex;
    for (const entry of entries) {
      index += 1;
      const record = this.#history.record(entry.term, entry.index);
      const isOwn =
        record !== undefined &&
        sameEntry(record.entry, entry) &&
        this.#history.leaderTermAt(term, index) === entry.term;
      this.#hold(
        entry.index === index && isOwn,
        'an entry is sent that is not in the leader log',
        server,
        message,
      );
    }
  }

  #checkHeartbeat(server: ServerView, message: Heartbeat): void {
    const { to, leaderCommit } = message;
    this.#hold(
      leaderCommit <= server.commitIndex,
      'a leader tells of commits it does not know',
      server,
      message,
    );
    const peer = this.#servers.get(to);
    const isHeld = leaderCommit === 0 || (peer !== undefined && leaderCommit <= peer.stable.lastIndex);
    this.#hold(isHeld, 'a heartbeat tells a peer of commits that it is not known to hold', server, message);
  }

  /** Whoever is asked to take over holds the whole log, or could not win (thesis §3.10). */
  #checkTimeoutNow(server: ServerView, message: Message): void {
    const { lastIndex, lastTerm } = server.log;
    const peer = this.#servers.get(message.to)?.stable;
    const covered = Math.max((peer?.firstIndex ?? 1) - 1, peer?.snapshot?.index ?? 0);
    const isReady = peer !== undefined && (peer.termAt(lastIndex) === lastTerm || covered >= lastIndex);
    this.#hold(isReady, 'a server is asked to take over that lacks entries', server, message);
  }

  #hold(holds: boolean, rule: string, server: ServerView, message: Message): void {
    if (!holds) hold(false, this.name, rule, () => ({ server: server.id, term: server.term, message }));
  }
}
