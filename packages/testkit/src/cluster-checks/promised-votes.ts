// A vote that was told to anybody is kept by every later life (§5.2), and so is the term. Seen from outside alone: the
// messages that left a server, and what its next life says of itself in its first step. This is what a vote that was
// sent before it was on stable storage breaks, or a file whose directory was not synced.
//
// Only what is held back until it is durable is a promise. Heartbeats' answers, pre-votes and read indexes are not
// (docs/protocol.md, "Durability"): a crash may take back the term that they told.
//
// Who has lost its disk keeps nothing, and begins anew. But its votes were given, so a second one in such a term may not reach a
// candidate that counts it.

import type { Message, NodeId, Term, TraceRecord, TraceState } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';

interface Told {
  term: Term;
  readonly votes: Map<Term, NodeId>;
}

export class PromisedVotes implements ClusterCheck {
  readonly name: string = 'promised-votes';
  readonly #told: Map<NodeId, Told> = new Map();
  /** By server: the first vote of each term that was told from a disk that is lost. */
  readonly #lost: Map<NodeId, ReadonlyMap<Term, NodeId>> = new Map();

  diskLost(id: NodeId): void {
    this.#lost.set(id, new Map([...this.#of(id).votes, ...(this.#lost.get(id) ?? [])]));
    this.#told.delete(id);
  }

  stepped(server: ServerLife, { event, before, actions }: TraceRecord): void {
    if (event.type === 'message') this.#checkCounted(server, before, event.message);
    const told = this.#of(server.id);
    this.#checkKept(server, told, before);
    for (const action of actions) if (action.type === 'send') this.#hear(server, told, action.message);
  }

  #checkKept(server: ServerLife, told: Told, state: TraceState): void {
    if (state.term < told.term)
      hold(false, this.name, 'a server has forgotten a term that it told others', () => ({
        ...server,
        term: state.term,
        told: told.term,
      }));
    const vote = told.votes.get(state.term);
    if (vote !== undefined && vote !== state.votedFor)
      hold(false, this.name, 'a server has forgotten a vote that it told others', () => ({
        ...server,
        term: state.term,
        told: vote,
        votedFor: state.votedFor,
      }));
  }

  #checkCounted(server: ServerLife, { role, term }: TraceState, message: Message): void {
    if (message.type !== 'requestVoteReply' || !message.voteGranted) return;
    const first = this.#lost.get(message.from)?.get(message.term);
    if (first === undefined || first === server.id || role !== 'candidate' || term !== message.term) return;
    hold(
      false,
      this.name,
      'a vote is counted whose giver had voted for another before it lost its disk',
      () => ({
        ...server,
        ...{ term, from: message.from, first, second: server.id },
      }),
    );
  }

  #hear(server: ServerLife, told: Told, message: Message): void {
    switch (message.type) {
      case 'requestVote':
      case 'appendEntries':
      case 'heartbeat':
      case 'installSnapshot':
      case 'timeoutNow':
        // Who campaigns or leads in a term has voted for itself in it.
        return this.#vote(server, told, message.term, server.id);
      case 'requestVoteReply':
        if (message.voteGranted) return this.#vote(server, told, message.term, message.to);
        return promise(told, message.term);
      case 'appendEntriesReply':
      case 'installSnapshotReply':
        return promise(told, message.term);
      case 'preVoteReply':
        // A grant names the term that the candidate would campaign in.
        return message.voteGranted ? undefined : promise(told, message.term);
      case 'preVote':
      case 'heartbeatReply':
      case 'readIndex':
      case 'readIndexReply':
        return;
    }
  }

  #vote(server: ServerLife, told: Told, term: Term, candidate: NodeId): void {
    const earlier = told.votes.get(term);
    if (earlier !== undefined && earlier !== candidate)
      hold(false, this.name, 'a server voted for two candidates in one term', () => ({
        ...server,
        term,
        first: earlier,
        second: candidate,
      }));
    told.votes.set(term, candidate);
    promise(told, term);
  }

  #of(id: NodeId): Told {
    const known = this.#told.get(id);
    if (known !== undefined) return known;
    const told: Told = { term: 0, votes: new Map() };
    this.#told.set(id, told);
    return told;
  }
}

function promise(told: Told, term: Term): void {
  if (term > told.term) told.term = term;
}
