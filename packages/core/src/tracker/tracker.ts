// The leader's view of every other server, and what follows from it for the quorum. Made when leadership begins and
// dropped with it; a change of the configuration adds and removes peers and keeps the rest.

import { members } from '../membership/configuration.js';
import { hasQuorum, quorumValue } from '../quorum/joint.js';
import type { Configuration, Index, NodeId } from '../types.js';
import { Progress, type ProgressLimits } from './progress.js';

export class Tracker {
  readonly #self: NodeId;
  readonly #limits: ProgressLimits;
  #configuration: Configuration;
  /** By rising id, without the own one: peers are always visited in this order. */
  #peers: Map<NodeId, Progress> = new Map();

  constructor(self: NodeId, configuration: Configuration, limits: ProgressLimits, nextIndex: Index) {
    this.#self = self;
    this.#limits = limits;
    this.#configuration = configuration;
    this.configure(configuration, nextIndex);
    // A new leader must be answered within its first election timeout like in any other (A4.6).
    for (const progress of this.#peers.values()) progress.recentlyActive = false;
  }

  get peers(): ReadonlyMap<NodeId, Progress> {
    return this.#peers;
  }

  progress(id: NodeId): Progress | undefined {
    return this.#peers.get(id);
  }

  configure(configuration: Configuration, nextIndex: Index): void {
    const peers = new Map<NodeId, Progress>();
    for (const id of members(configuration)) {
      if (id !== this.#self) peers.set(id, this.#peers.get(id) ?? this.#newcomer(nextIndex));
    }
    this.#peers = peers;
    this.#configuration = configuration;
  }

  /** The largest index that a quorum holds on stable storage; `ownIndex` is how far this server does. */
  committedIndex(ownIndex: Index): Index {
    return quorumValue(this.#configuration, (id) =>
      id === this.#self ? ownIndex : (this.#peers.get(id)?.matchIndex ?? 0),
    );
  }

  /** The newest round that a quorum has answered; the leader itself answers every one. */
  confirmedRound(ownRound: number): number {
    return quorumValue(this.#configuration, (id) =>
      id === this.#self ? ownRound : (this.#peers.get(id)?.ackedRound ?? 0),
    );
  }

  /** Whether a quorum was heard from since the last call. */
  checkQuorum(): boolean {
    const active = hasQuorum(
      this.#configuration,
      (id) => id === this.#self || this.#peers.get(id)?.recentlyActive === true,
    );
    for (const progress of this.#peers.values()) progress.recentlyActive = false;
    return active;
  }

  /** Counted as heard from until the next check, so that adding a server never costs the leader its quorum. */
  #newcomer(nextIndex: Index): Progress {
    const progress = new Progress(nextIndex, this.#limits);
    progress.recentlyActive = true;
    progress.probeOwed = true; // what it holds is asked at once
    return progress;
  }
}
