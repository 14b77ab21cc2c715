// Where each server is, by what is known best. Where its peers dial: the configuration in force says, then what this
// server was founded with, then what the peer said of itself when it dialled us; the last is what lets a new server
// answer a leader whose own configuration entry it has not received yet. Where its clients and operators go: the server's own word
// first, since that may change from one start to the next without a change of membership.

import type { Configuration, NodeId } from '@waldb/core';
import type { Endpoint } from '@waldb/io';
import { parseServerAddress, type ServerAddress } from './server-address.js';

/** Servers outside the configuration whose word is remembered; the oldest is forgotten first. */
const LEARNED_MAX = 64;

export class AddressBook {
  readonly #ownId: NodeId;
  readonly #ownAddress: string;
  readonly #founded: Readonly<Record<NodeId, string>>;
  readonly #learned = new Map<NodeId, string>();
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

  /** Whoever is not in it any more is gone for good: what it said of itself is forgotten. */
  committed(configuration: Configuration): void {
    const ids = memberIds(configuration);
    for (const id of this.#committed) if (!ids.has(id)) this.#learned.delete(id);
    this.#committed = ids;
  }

  /** A peer has said where it is. */
  learn(id: NodeId, address: string): void {
    this.#learned.delete(id);
    this.#learned.set(id, address);
    for (const oldest of this.#learned.keys()) {
      if (this.#learned.size <= LEARNED_MAX) break;
      this.#learned.delete(oldest);
    }
  }

  addressOf(id: NodeId): ServerAddress | undefined {
    const own = id === this.#ownId ? this.#ownAddress : this.#learned.get(id);
    const told = [this.#configuration.addresses[id], this.#founded[id], own].map(parse);
    const peer = told.find((address) => address !== undefined)?.peer;
    if (peer === undefined) return undefined;
    const client = [parse(own), ...told].find((address) => address?.client !== undefined)?.client;
    const admin = [parse(own), ...told].find((address) => address?.admin !== undefined)?.admin;
    return { peer, ...(client && { client }), ...(admin && { admin }) };
  }

  /** Whom to dial: everybody in the configuration in force, and whoever else has dialled us. */
  peers(): Map<NodeId, Endpoint> {
    const peers = new Map<NodeId, Endpoint>();
    for (const id of [...memberIds(this.#configuration), ...this.#learned.keys()]) {
      const address = id === this.#ownId ? undefined : this.addressOf(id);
      if (address !== undefined) peers.set(id, address.peer);
    }
    return peers;
  }
}

/** Everybody who takes part, in whatever way. */
export function memberIds({ voters, learners, votersOutgoing }: Configuration): ReadonlySet<NodeId> {
  return new Set([...voters, ...learners, ...votersOutgoing]);
}

function parse(text: string | undefined): ServerAddress | undefined {
  return text === undefined ? undefined : parseServerAddress(text);
}
