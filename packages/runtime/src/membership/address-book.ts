// Where each server is, by what is known best. Where its peers dial: the configuration in force says, then what this
// server was founded with, then what the peer said of itself when it dialled us; the last is what lets a new server
// answer a leader whose own configuration entry it has not received yet, and comes first where the peer is a member by a
// later configuration than ours. Where nobody answers, the other of the two is tried: either may be out of date while a
// server moves (docs/transport-format.md, "Hello"). Where its clients and operators go: the server's own word first, since that may change from one start to the next without a change of membership.

import type { Configuration, Index, NodeId } from '@waldb/core';
import type { Endpoint } from '@waldb/io';
import { memberSince, parseServerAddress, type ServerAddress } from './server-address.js';

/** Servers outside the configuration whose word is remembered; the oldest is forgotten first. */
const LEARNED_MAX = 64;

interface Learned {
  readonly address: string;
  /** The mark of its membership, by its own word. */
  readonly since: Index;
}

/** Where a server may be. */
export type Places = readonly [Endpoint, ...Endpoint[]];

export class AddressBook {
  readonly #ownId: NodeId;
  readonly #ownAddress: string;
  readonly #founded: Readonly<Record<NodeId, string>>;
  readonly #learned = new Map<NodeId, Learned>();
  #configuration: Configuration;
  /** Who is in the newest configuration that is known to be committed. */
  #committed: ReadonlySet<NodeId>;

  constructor(options: {
    readonly ownId: NodeId;
    readonly ownAddress: string;
    readonly founded: Readonly<Record<NodeId, string>>;
    readonly configuration: Configuration;
  }) {
    this.#ownId = options.ownId;
    this.#ownAddress = options.ownAddress;
    this.#founded = options.founded;
    this.#configuration = options.configuration;
    this.#committed = memberIds(options.configuration);
  }

  /** In force from now on. */
  configure(configuration: Configuration): void {
    this.#configuration = configuration;
  }

  /**
   * Whoever is not in it any more is gone, and what it said of itself is forgotten; but for one that was added again
   * later, as it says. Returns who of those that were dialled is gone.
   */
  committed(configuration: Configuration, index: Index): NodeId[] {
    const ids = memberIds(configuration);
    const gone = [...this.peers().keys()].filter((id) => !ids.has(id) && !this.#isLater(id, index));
    for (const id of gone) if (this.#committed.has(id)) this.#learned.delete(id);
    this.#committed = ids;
    return gone;
  }

  /** A peer has said where it is, and by which mark it is a member. */
  learn(id: NodeId, address: string, since: Index = 0): void {
    this.#learned.delete(id);
    this.#learned.set(id, { address, since });
    for (const oldest of this.#learned.keys()) {
      if (this.#learned.size <= LEARNED_MAX) break;
      this.#learned.delete(oldest);
    }
  }

  addressOf(id: NodeId): ServerAddress | undefined {
    const own = id === this.#ownId ? this.#ownAddress : this.#learned.get(id)?.address;
    const configured = this.#configuration.addresses[id];
    const written = [configured, this.#founded[id]];
    // What a configuration says of an earlier membership is out of date.
    const isOutdated = (this.#learned.get(id)?.since ?? 0) > memberSince(configured);
    const told = (isOutdated ? [own, ...written] : [...written, own]).map(parse);
    const peer = told.find((address) => address !== undefined)?.peer;
    if (peer === undefined) return undefined;
    const client = [parse(own), ...told].find((address) => address?.client !== undefined)?.client;
    const admin = [parse(own), ...told].find((address) => address?.admin !== undefined)?.admin;
    return { peer, ...(client && { client }), ...(admin && { admin }) };
  }

  #isLater(id: NodeId, index: Index): boolean {
    const { since = 0 } = this.#learned.get(id) ?? {};
    return since > 0 && since >= index;
  }

  /** Whom to dial, and where, the likeliest place first: everybody in the configuration in force, and whoever else has dialled us. */
  peers(): Map<NodeId, Places> {
    const peers = new Map<NodeId, Places>();
    for (const id of [...memberIds(this.#configuration), ...this.#learned.keys()]) {
      const address = id === this.#ownId ? undefined : this.addressOf(id);
      if (address !== undefined) peers.set(id, [address.peer, ...this.#otherPlaces(id, address.peer)]);
    }
    return peers;
  }

  #otherPlaces(id: NodeId, first: Endpoint): Endpoint[] {
    const told = [this.#configuration.addresses[id], this.#learned.get(id)?.address];
    return told.flatMap((text) => {
      const place = parse(text)?.peer;
      return place === undefined || (place.host === first.host && place.port === first.port) ? [] : [place];
    });
  }
}

/** Everybody who takes part, in whatever way. */
export function memberIds({ voters, learners, votersOutgoing }: Configuration): ReadonlySet<NodeId> {
  return new Set([...voters, ...learners, ...votersOutgoing]);
}

function parse(text: string | undefined): ServerAddress | undefined {
  return text === undefined ? undefined : parseServerAddress(text);
}
