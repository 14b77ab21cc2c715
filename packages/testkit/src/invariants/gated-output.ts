// Nothing leaves a server that depends on state not yet on its stable storage. Judged from outside at the moment of
// sending: what the message promises must be kept by what the disk holds, whatever the node believes.
//
// A message of an older term may be released late, when the stable log has moved on and perhaps lost what the message
// acknowledges. That is sound: the acceptance came before the newer term in the same FIFO. So for each term that the
// stable state has left, the last index it then held is remembered, and bounds what may still be acknowledged in it.

import type { AppendEntriesReply, Index, InstallSnapshotReply, Message, NodeId, Term } from '@waldb/core';
import type { LogOperation } from '../sim/log-image.js';
import type { History } from './history.js';
import { hold, type Invariant, type ServerView } from './invariant.js';

interface StablePast {
  readonly votes: Map<Term, NodeId>;
  readonly lastIndexOfTerm: Map<Term, Index>;
}

export class GatedOutput implements Invariant {
  readonly name: string = 'gated-output';
  readonly #history: History;
  readonly #past: Map<NodeId, StablePast> = new Map();

  constructor(history: History) {
    this.#history = history;
  }

  durable(server: ServerView, operation: LogOperation): void {
    if (operation.type !== 'hardState') return;
    const { term, votedFor } = operation.state;
    const past = this.#of(server.id);
    const { stable } = server;
    if (term > stable.hardState.term) past.lastIndexOfTerm.set(stable.hardState.term, stable.lastIndex);
    if (votedFor !== undefined) past.votes.set(term, votedFor);
  }

  sent(server: ServerView, message: Message): void {
    switch (message.type) {
      case 'requestVote':
      case 'appendEntries':
      case 'heartbeat':
      case 'installSnapshot':
      case 'timeoutNow':
        return this.#requireVote(server, message, server.id);
      case 'requestVoteReply':
        return message.voteGranted
          ? this.#requireVote(server, message, message.to)
          : this.#requireTerm(server, message);
      case 'preVoteReply':
        return message.voteGranted ? undefined : this.#requireTerm(server, message);
      case 'appendEntriesReply':
      case 'installSnapshotReply':
        return this.#requireAcknowledged(server, message);
      case 'preVote':
      case 'heartbeatReply':
      case 'readIndex':
      case 'readIndexReply':
        return;
    }
  }

  /** Who campaigns or leads in a term has voted for itself in it, durably. */
  #requireVote(server: ServerView, message: Message, candidate: NodeId): void {
    const vote = this.#of(server.id).votes.get(message.term);
    hold(vote === candidate, this.name, `${message.type} left before the vote behind it was durable`, () => ({
      server: server.id,
      message,
      durableVote: vote,
    }));
  }

  #requireTerm(server: ServerView, message: Message): void {
    const durable = server.stable.hardState;
    hold(durable.term >= message.term, this.name, `${message.type} left before its term was durable`, () => ({
      server: server.id,
      message,
      durable,
    }));
  }

  #requireAcknowledged(server: ServerView, message: AppendEntriesReply | InstallSnapshotReply): void {
    this.#requireTerm(server, message);
    if (!message.success) return;
    const holds =
      server.stable.hardState.term > message.term
        ? message.matchIndex <= (this.#of(server.id).lastIndexOfTerm.get(message.term) ?? 0)
        : this.#agrees(server, message.term, message.matchIndex);
    hold(holds, this.name, `${message.type} acknowledges what is not durable`, () => ({
      server: server.id,
      message,
      durableIndex: server.stable.lastIndex,
    }));
  }

  /** Whether the stable log agrees with the log of the leader of `term` through `index`. */
  #agrees(server: ServerView, term: Term, index: Index): boolean {
    const { stable } = server;
    if (index <= Math.max(stable.firstIndex - 1, stable.snapshot?.index ?? 0)) return true;
    const found = stable.termAt(index);
    return found !== undefined && found === this.#history.leaderTermAt(term, index);
  }

  #of(id: NodeId): StablePast {
    const known = this.#past.get(id);
    if (known !== undefined) return known;
    const past: StablePast = { votes: new Map(), lastIndexOfTerm: new Map() };
    this.#past.set(id, past);
    return past;
  }
}
