// A replica without a network or a log, for tests of what clients see: it applies to one state machine, in order and
// later, and can be told to lead, to follow, to fail, or to hold everything back.

import { encodeEntry } from '@waldb/core';
import type { ClusterState, Replica, ReplicaProgress } from '../src/index.js';
import { type EntryReplies, KvStateMachine } from '../src/index.js';

export class LocalReplica implements Replica {
  readonly stateMachine = new KvStateMachine();
  state: ClusterState = {
    id: 1,
    role: 'leader',
    term: 7,
    leader: 1,
    members: [1, 2, 3].map((id) => ({ id, client: { host: '127.0.0.1', port: 7100 + id }, isVoter: true })),
  };
  /** Thrown at every proposal and read while it is set. */
  failure: Error | undefined;
  /** Logged time follows this date whenever something is applied. */
  date: () => number = Date.now;
  time = 0;
  proposals = 0;
  reads = 0;
  #held: (() => void)[] | undefined;
  #index = 0;

  /** From now on nothing is applied and no read allowed, until `release`. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  async propose(command: Uint8Array): Promise<EntryReplies> {
    this.proposals += 1;
    await this.#turn();
    const entry = encodeEntry({ term: this.state.term, index: ++this.#index, kind: 'normal', command });
    this.time = Math.max(this.time, this.date());
    return this.stateMachine.apply([entry], { timeOf: () => this.time })[0] ?? [];
  }

  async read(): Promise<void> {
    this.reads += 1;
    await this.#turn();
  }

  /** How far the others are; undefined: as far as this one. */
  matchIndexes: Readonly<Record<number, number>> = {};

  progress(): ReplicaProgress {
    const others = this.state.members.filter(({ id }) => id !== this.state.id);
    const peers = others.map(({ id }) => ({
      id,
      matchIndex: this.matchIndexes[id] ?? this.#index,
      isReached: true,
    }));
    const isLeader = this.state.role === 'leader';
    return { commitIndex: this.#index, lastIndex: this.#index, peers: isLeader ? peers : [] };
  }

  cluster(): ClusterState {
    return this.state;
  }

  async #turn(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await new Promise<void>((resolve) =>
      this.#held === undefined ? setImmediate(resolve) : this.#held.push(resolve),
    );
  }
}
