// A message says what its sender is and has: its own id and no term beyond its own, entries that are in its log and
// follow one another, and no commit index beyond its own, nor in a heartbeat beyond what the receiver is known to hold.

import type { AppendEntries, Message, NodeId } from '@waldb/core';
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
    const facts = (): Readonly<Record<string, unknown>> => ({
      server: server.id,
      term: server.term,
      message,
    });
    hold(message.from === server.id, this.name, 'a message in another name', facts);
    hold(message.to !== server.id, this.name, 'a message to itself', facts);
    hold(isForesight || message.term <= server.term, this.name, 'a message from the future', facts);
    if (message.type === 'appendEntries') this.#checkAppend(server, message);
    else if (message.type === 'heartbeat') this.#checkHeartbeat(server, message.to, message.leaderCommit);
    else if (message.type === 'installSnapshot') {
      const committed = this.#history.committed(message.snapshot.index)?.record.term;
      hold(
        committed === message.snapshot.term,
        this.name,
        'a snapshot of what is not committed is sent',
        facts,
      );
    }
  }

  #checkAppend(server: ServerView, message: AppendEntries): void {
    const { term, prevLogIndex, prevLogTerm, entries, leaderCommit } = message;
    const facts = (): Readonly<Record<string, unknown>> => ({ server: server.id, message });
    const prevTerm = this.#history.leaderTermAt(term, prevLogIndex);
    hold(
      prevTerm === prevLogTerm,
      this.name,
      'the entry said to come before is not in the leader log',
      facts,
    );
    hold(leaderCommit <= server.commitIndex, this.name, 'a leader tells of commits it does not know', facts);
    hold(
      entries.length <= this.#limits.maxBatchEntries,
      this.name,
      'more entries than a message may hold',
      facts,
    );
    let index = prevLogIndex;
    for (const entry of entries) {
      index += 1;
      const record = this.#history.record(entry.term, entry.index);
      const isOwn =
        record !== undefined &&
        sameEntry(record.entry, entry) &&
        this.#history.leaderTermAt(term, index) === entry.term;
      hold(
        entry.index === index && isOwn,
        this.name,
        'an entry is sent that is not in the leader log',
        facts,
      );
    }
  }

  #checkHeartbeat(server: ServerView, to: NodeId, leaderCommit: number): void {
    const peer = this.#servers.get(to);
    const facts = (): Readonly<Record<string, unknown>> => ({
      server: server.id,
      to,
      leaderCommit,
      holds: peer?.stable.lastIndex,
    });
    hold(leaderCommit <= server.commitIndex, this.name, 'a leader tells of commits it does not know', facts);
    const holds = leaderCommit === 0 || (peer !== undefined && leaderCommit <= peer.stable.lastIndex);
    hold(holds, this.name, 'a heartbeat tells a peer of commits that it is not known to hold', facts);
  }
}
