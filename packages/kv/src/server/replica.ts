// What the store asks of the server that replicates it. `RaftServer` is one; tests of the protocol towards clients use
// a smaller one.

import type { Endpoint } from '@waldb/io';
import type { EntryReplies } from '../state/kv-state-machine.js';

export interface Replica {
  /** Resolves with the replies of the entry's operations once they are executed. */
  propose(command: Uint8Array): Promise<EntryReplies>;
  /** Resolves when a read of the local state sees everything that was acknowledged before the call. */
  read(): Promise<void>;
  /** Who takes part and who leads, as this server knows it now. Cheap: asked for each request. */
  cluster(): ClusterState;
  /** How far the log is, here and on the others. */
  progress(): ReplicaProgress;
}

/** Indexes of the log. */
export interface ReplicaProgress {
  readonly commitIndex: number;
  readonly lastIndex: number;
  /** On a leader, each of the others: up to where it is known to hold the log on its disk. Empty elsewhere. */
  readonly peers: readonly PeerProgress[];
}

export interface PeerProgress {
  readonly id: number;
  readonly matchIndex: number;
  /** Whether anything was heard of it lately. */
  readonly isReached: boolean;
}

/** Immutable: a change is a new object. */
export interface ClusterState {
  readonly id: number;
  readonly role: 'follower' | 'candidate' | 'leader' | 'learner';
  readonly term: number;
  readonly leader: number | undefined;
  /** In ascending order of ids. */
  readonly members: readonly ClusterMember[];
}

export interface ClusterMember {
  readonly id: number;
  /** Where clients reach it; undefined when that was never said. */
  readonly client: Endpoint | undefined;
  readonly isVoter: boolean;
}
