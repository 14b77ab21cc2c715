// A vote that was told to anybody is kept by every later life (§5.2), and so is the term. Seen from outside alone: the
// messages that left a server, and what its next life says of itself in its first step. This is what a vote that was
// sent before it was on stable storage breaks, or a file whose directory was not synced.
//
// Only what is held back until it is durable is a promise. Heartbeats' answers, pre-votes and read indexes are not
// (docs/protocol.md, "Durability"): a crash may take back the term that they told.

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

  stepped(server: ServerLife, { before, actions }: TraceRecord): void {
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
