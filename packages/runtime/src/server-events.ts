// What a server tells its listeners, and when the same thing is not told twice.

import type { Configuration, Index, NodeId, Role, Term } from '@waldb/core';
import type { RuntimeError } from './runtime-error.js';

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

export interface RaftServerEvents {
  leaderChange: LeaderChangeEvent;
  roleChange: RoleChangeEvent;
  commit: CommitEvent;
  membershipChange: MembershipChangeEvent;
  /** The server has stopped for good (`STORAGE`, `STATE_MACHINE`, `INTERNAL`), or met trouble that it survives (others). */
  error: RuntimeError;
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
