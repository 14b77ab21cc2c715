// Where each server is, by what is known best: the configuration in force, then what this server was founded with, then
// what the peer said of itself when it dialled us. The last is what lets a new server answer a leader whose own
// configuration entry it has not received yet.

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
  }

  configure(configuration: Configuration): void {
    this.#configuration = configuration;
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
    const texts = [this.#configuration.addresses[id], this.#founded[id], this.#learned.get(id)];
    if (id === this.#ownId) texts.push(this.#ownAddress);
    const known: ServerAddress[] = [];
    for (const text of texts) {
      const address = text === undefined ? undefined : parseServerAddress(text);
      if (address !== undefined) known.push(address);
    }
    const best = known[0];
    if (best === undefined || best.client !== undefined) return best;
    // The configuration may say only where peers dial: the client part is then the server's own word.
    const client = known.find((address) => address.client !== undefined)?.client;
    return client === undefined ? best : { peer: best.peer, client };
  }

  /** Whom to dial: everybody in the configuration in force, and whoever else has dialled us. */
  peers(): Map<NodeId, Endpoint> {
    const { voters, learners, votersOutgoing } = this.#configuration;
    const peers = new Map<NodeId, Endpoint>();
    for (const id of [...voters, ...learners, ...votersOutgoing, ...this.#learned.keys()]) {
      const address = id === this.#ownId ? undefined : this.addressOf(id);
      if (address !== undefined) peers.set(id, address.peer);
    }
    return peers;
  }
}
