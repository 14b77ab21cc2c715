// What a server tells its listeners, and when the same thing is not told twice.

import type { Configuration, Index, NodeId, Role, Term } from '@waldb/core';
import type { RuntimeError } from '../runtime-error.js';

export interface LeaderChangeEvent {
  /** Undefined while no leader is known. */
  readonly leader: NodeId | undefined;
  readonly term: Term;
}

export interface RoleChangeEvent {
  readonly role: Role;
  readonly term: Term;
}

export interface CommitEvent {
  /** Everything up to here is committed; it is applied in its turn. */
  readonly index: Index;
}

export interface MembershipChangeEvent {
  /** In force from its appending on (§6); a change of leader can still take back one that is not committed. */
  readonly configuration: Configuration;
}

/** What became of an image: this server made it, gave it to a peer, got it from one, or put it in its state machine. */
export type SnapshotStep = 'taken' | 'sent' | 'received' | 'restored';

export interface SnapshotEvent {
  readonly step: SnapshotStep;
  /** The last entry that the image holds. */
  readonly index: Index;
  /** Of the image, where this server knows them. */
  readonly bytes?: number;
  readonly milliseconds?: number;
  /** With whom it was exchanged. */
  readonly peer?: NodeId;
}

/** An image on its way between two servers. */
export type SnapshotTransfer = Required<Omit<SnapshotEvent, 'step'>>;

export interface RemovedEvent {
  /** Where the configuration without this server stands in the log; committed, or about to be. */
  readonly index: Index;
}

/** No event is told twice in a row with the same content. */
export interface RaftServerEvents {
  leaderChange: LeaderChangeEvent;
  roleChange: RoleChangeEvent;
  commit: CommitEvent;
  membershipChange: MembershipChangeEvent;
  /** This server was removed from the cluster: it takes no part any more, until it is added again. */
  removed: RemovedEvent;
  snapshot: SnapshotEvent;
  /** Something failed that the server survives: the disk is full, a snapshot could not be taken. Reminded each minute. */
  trouble: RuntimeError;
  /** The server has stopped for good (`STORAGE`, `STATE_MACHINE`, `INTERNAL`). Told once; `close` is still to be called. */
  error: RuntimeError;
}

/** Keeps the configuration that was told last. */
export class MembershipNews {
  #told: string;

  constructor(configuration: Configuration) {
    this.#told = JSON.stringify(configuration);
  }

  isNew(configuration: Configuration): boolean {
    const told = JSON.stringify(configuration);
    if (told === this.#told) return false;
    this.#told = told;
    return true;
  }
}

/** Keeps what was told last. */
export class RoleNews {
  #leader: NodeId | undefined;
  #leaderTerm: Term = 0;
  #role: Role;

  constructor(role: Role) {
    this.#role = role;
  }

  /** Whether listeners should hear of this leader: a new one, the same one in a new term, or none where one was. */
  isNewLeader(leader: NodeId | undefined, term: Term): boolean {
    if (leader === this.#leader && (leader === undefined || term === this.#leaderTerm)) return false;
    this.#leader = leader;
    this.#leaderTerm = term;
    return true;
  }

  isNewRole(role: Role): boolean {
    if (role === this.#role) return false;
    this.#role = role;
    return true;
  }
}
