// One vote per server and term (§5.2), counted by what was said and over all lives: a vote that was never told to
// anybody may be forgotten by a crash, one that left the server may not.

import type { Message, NodeId, Term } from '@waldb/core';
import { hold, type Invariant, type ServerView } from './invariant.js';

export class SingleVote implements Invariant {
  readonly name: string = 'single-vote';
  readonly #said: Map<NodeId, Map<Term, NodeId>> = new Map();

  sent(server: ServerView, message: Message): void {
    if (message.type === 'requestVote') this.#vote(server.id, message.term, server.id);
    else if (message.type === 'requestVoteReply' && message.voteGranted) {
      this.#vote(server.id, message.term, message.to);
    }
  }

  #vote(voter: NodeId, term: Term, candidate: NodeId): void {
    const said = this.#said.get(voter) ?? new Map<Term, NodeId>();
    this.#said.set(voter, said);
    const earlier = said.get(term);
    hold(
      earlier === undefined || earlier === candidate,
      this.name,
      'a server votes for two candidates in one term',
      () => ({
        voter,
        term,
        first: earlier,
        second: candidate,
      }),
    );
    said.set(term, candidate);
  }
}
