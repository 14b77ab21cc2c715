// Whether this server is in the cluster, as far as it knows, and what it can tell others of theirs. A server is told of
// its removal by others, since nothing is sent to it any more (docs/protocol.md, section 7).

import type { Configuration, Index, NodeId } from '@waldb/core';
import { memberIds } from './address-book.js';

/**
 * - `joining`: started to join, and in no configuration that it knows: waits to be added.
 * - `member`: a voter or a learner.
 * - `removed`: was a member, and is none any more. It takes no part, and does not come back by itself.
 */
export type MembershipState = 'joining' | 'member' | 'removed';

interface Placed {
  readonly configuration: Configuration;
  readonly index: Index;
}

export class OwnMembership {
  readonly #id: NodeId;
  /** The configuration in force; undefined while this server knows only what it was told when it joined. */
  #inForce: Placed | undefined;
  #committed: Placed | undefined;
  #wasMember: boolean;
  #removedAt: Index = 0;

  /** `wasMember`: the cluster was founded with this server, or has had it since. */
  constructor(options: { readonly id: NodeId; readonly wasMember: boolean }) {
    this.#id = options.id;
    this.#wasMember = options.wasMember;
  }

  get state(): MembershipState {
    if (!this.#wasMember) return 'joining';
    return this.#isTold || this.#isGone ? 'removed' : 'member';
  }

  /** The configuration without this server, where that is known; 0 otherwise. */
  get removedAt(): Index {
    if (this.state !== 'removed') return 0;
    return this.#isGone ? (this.#committed?.index ?? 0) : this.#removedAt;
  }

  configure(configuration: Configuration, index: Index): void {
    this.#inForce = { configuration, index };
    if (this.#has(this.#inForce, this.#id)) this.#wasMember = true;
  }

  /** Returns whether this is news: it does not have us any more. */
  committed(configuration: Configuration, index: Index): boolean {
    const was = this.state;
    this.#committed = { configuration, index };
    return was === 'member' && this.state === 'removed';
  }

  /** A member says that the committed configuration at `index` does not have us. Returns whether that is news. */
  told(index: Index): boolean {
    const was = this.state;
    this.#removedAt = Math.max(this.#removedAt, index);
    return was === 'member' && this.state === 'removed';
  }

  /** The index of the newest configuration that is known to be committed, if it does not have `id`; else 0. */
  absenceOf(id: NodeId): Index {
    if (this.#committed === undefined || this.#has(this.#committed, id)) return 0;
    return this.#committed.index;
  }

  /** What this server has of the log says so. */
  get #isGone(): boolean {
    const { index = 0 } = this.#inForce ?? {};
    return this.#committed?.index === index && !this.#has(this.#committed, this.#id);
  }

  /** Not believed of a configuration before the one in force here that has us: the teller knows less than we do. */
  get #isTold(): boolean {
    if (this.#inForce === undefined || this.#removedAt === 0) return false;
    const { index } = this.#inForce;
    return this.#removedAt > index || (this.#removedAt === index && !this.#has(this.#inForce, this.#id));
  }

  #has({ configuration }: Placed, id: NodeId): boolean {
    return memberIds(configuration).has(id);
  }
}
