// The network between simulated machines: TCP as programs see it. Who reaches whom is ruled for every pair and direction;
// what a rule holds back waits, and comes when the rule is gone, also when the two ends have long had another connection.

import {
  type ByteStream,
  type Endpoint,
  formatEndpoint,
  type Listener,
  type Network,
  NetworkError,
  type StreamHandlers,
} from '@waldb/io';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { Life } from './life.js';
import type { Simulation } from './simulation.js';
import { connectionLost, StreamEnd } from './stream-end.js';
import { type Parcel, Wire } from './wire.js';

/** How bytes get from one host to another. */
export interface LinkPace {
  readonly latencyMs: readonly [min: number, max: number];
  readonly bytesPerMs: number;
}

/** How long a connection is tried that nobody answers. */
const DIAL_MS: readonly [number, number] = [1_000, 8_000];
const EPHEMERAL_PORT = 32_768;

type Accept = (stream: ByteStream) => StreamHandlers;

interface Host {
  readonly name: string;
  life: Life | undefined;
  readonly listeners: Map<number, { readonly life: Life; readonly accept: Accept }>;
}

interface Connection {
  readonly from: string;
  readonly to: string;
  readonly ends: [dialled: StreamEnd, accepted: StreamEnd | undefined];
  readonly wires: [there: Wire, back: Wire];
}

export class SimulatedNetwork {
  pace: LinkPace;
  readonly #simulation: Simulation;
  readonly #random: SeededRandom;
  readonly #hosts = new Map<string, Host>();
  readonly #paces = new Map<string, LinkPace>();
  readonly #held = new Map<string, number>();
  #connections: Connection[] = [];
  #dialled = 0;

  constructor(simulation: Simulation, random: SeededRandom, pace: LinkPace) {
    this.#simulation = simulation;
    this.#random = random;
    this.pace = pace;
  }

  /** Connections of which at least one end is still held by its process. */
  get connectionCount(): number {
    this.#forget();
    return this.#connections.length;
  }

  /** The network as one life of a host sees it. The host is up from now on. */
  boot(name: string, life: Life): Network {
    const host = this.#host(name);
    host.life = life;
    host.listeners.clear();
    return {
      listen: (endpoint, accept) => this.#listen(host, life, endpoint, accept),
      connect: (endpoint, handlers) => this.#connect(host, life, endpoint, handlers),
    };
  }

  /** The host answers nobody, not even to say that nobody listens. */
  powerOff(name: string): void {
    this.#host(name).life = undefined;
  }

  // ---- rules ----

  /** Nothing gets from one host to the other, until as many releases. */
  hold(from: string, to: string): void {
    const key = keyOf(from, to);
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1);
  }

  release(from: string, to: string): void {
    const key = keyOf(from, to);
    const count = (this.#held.get(key) ?? 0) - 1;
    if (count > 0) {
      this.#held.set(key, count);
      return;
    }
    this.#held.delete(key);
    this.#pump(
      (connection) =>
        keyOf(connection.from, connection.to) === key || keyOf(connection.to, connection.from) === key,
    );
  }

  /** Everybody reaches everybody, as quickly as ever. */
  heal(): void {
    this.#held.clear();
    this.#paces.clear();
    this.#pump(() => true);
  }

  /** A link that is unlike the others; undefined makes it like them again. */
  setPace(from: string, to: string, pace: LinkPace | undefined): void {
    if (pace === undefined) this.#paces.delete(keyOf(from, to));
    else this.#paces.set(keyOf(from, to), pace);
  }

  // ---- single connections ----

  /** Breaks every connection between the two; `toldHost` alone is told, or both where it is undefined. */
  breakConnections(one: string, other: string, toldHost?: string): number {
    const broken = this.#between(one, other);
    for (const { from, to, ends } of broken) {
      if (toldHost === undefined || toldHost === from) ends[0].lose(connectionLost(to));
      if (toldHost === undefined || toldHost === to) ends[1]?.lose(connectionLost(from));
    }
    return broken.length;
  }

  /** One of the connections between the two is held up, in one direction, while others may pass it. */
  stallConnection(one: string, other: string, milliseconds: number): number {
    const between = this.#between(one, other);
    if (between.length === 0) return 0;
    const { wires } = this.#random.pick(between);
    const wire = this.#random.pick(wires);
    const until = this.#simulation.now + milliseconds;
    wire.stallUntil(until);
    return 1;
  }

  // ---- processes ----

  async #listen(host: Host, life: Life, endpoint: Endpoint, accept: Accept): Promise<Listener> {
    const port = endpoint.port === 0 ? this.#freePort(host) : endpoint.port;
    const address = formatEndpoint(endpoint);
    if (endpoint.host !== host.name) {
      throw new NetworkError('ADDRESS_UNAVAILABLE', `Cannot listen on ${address}: it is another machine's.`, {
        address,
      });
    }
    if (host.listeners.has(port)) {
      throw new NetworkError('ADDRESS_IN_USE', `Cannot listen on ${address}: another process is using it.`, {
        address,
      });
    }
    const listening = { life, accept };
    host.listeners.set(port, listening);
    return {
      endpoint: { host: host.name, port },
      close: () => {
        if (host.listeners.get(port) === listening) host.listeners.delete(port);
        return new Promise((resolve) => life.clock().defer(resolve));
      },
    };
  }

  #freePort(host: Host): number {
    let port = EPHEMERAL_PORT;
    while (host.listeners.has(port)) port += 1;
    return port;
  }

  #connect(host: Host, life: Life, endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    const from = host.name;
    const to = endpoint.host;
    const remote = formatEndpoint(endpoint);
    const end = new StreamEnd({ life, random: this.#random, remote, handlers });
    if (life.isOver) return end;
    this.#dialled += 1;
    const port = EPHEMERAL_PORT + (this.#dialled % EPHEMERAL_PORT);
    const wires: [Wire, Wire] = [
      this.#wire(from, to, (parcel) => this.#arriveThere(connection, { endpoint, port }, parcel)),
      this.#wire(to, from, (parcel) => this.#arriveBack(connection, parcel)),
    ];
    const connection: Connection = { from, to, ends: [end, undefined], wires };
    end.join(wires[0], undefined);
    this.#forget();
    this.#connections.push(connection);
    wires[0].send({ type: 'syn' }, life.now);
    life.at(life.now + this.#random.real(...DIAL_MS), 'timer', () => {
      if (connection.ends[1] === undefined) end.lose(connectionLost(remote));
    });
    return end;
  }

  #wire(from: string, to: string, onArrived: (parcel: Parcel) => void): Wire {
    return new Wire({
      simulation: this.#simulation,
      transit: (bytes) => this.#transit(from, to, bytes),
      isHeld: () => this.#held.has(keyOf(from, to)),
      onArrived,
    });
  }

  #transit(from: string, to: string, bytes: number): number {
    const { latencyMs, bytesPerMs } = this.#paces.get(keyOf(from, to)) ?? this.pace;
    return this.#random.real(...latencyMs) + bytes / bytesPerMs;
  }

  /** At the host that was dialled. */
  #arriveThere(
    connection: Connection,
    at: { readonly endpoint: Endpoint; readonly port: number },
    parcel: Parcel,
  ): void {
    const { to, ends, wires } = connection;
    const { life, listeners } = this.#host(to);
    if (life === undefined) return; // nobody is there to answer
    if (parcel.type === 'syn') {
      const listening = listeners.get(at.endpoint.port);
      if (listening === undefined || listening.life.isOver) return this.#refuse(connection, at.endpoint);
      this.#accept(connection, listening, at.port);
    } else if (ends[1]?.isHeld === true) ends[1].arrive(parcel);
    else if (parcel.type === 'bytes') wires[1].send(this.#reset(to), this.#simulation.now);
  }

  /** At the host that has dialled. */
  #arriveBack({ from, ends, wires }: Connection, parcel: Parcel): void {
    if (this.#host(from).life === undefined) return;
    if (ends[0].isHeld) ends[0].arrive(parcel);
    else if (parcel.type === 'bytes' || parcel.type === 'synAck')
      wires[0].send(this.#reset(from), this.#simulation.now);
  }

  #reset(by: string): Parcel {
    return { type: 'reset', error: connectionLost(by) };
  }

  #refuse({ wires }: Connection, endpoint: Endpoint): void {
    const remote = formatEndpoint(endpoint);
    const error = new NetworkError('CONNECTION_REFUSED', `Nobody listens at ${remote}.`, { remote });
    wires[1].send({ type: 'reset', error }, this.#simulation.now);
  }

  #accept(
    connection: Connection,
    { life, accept }: { readonly life: Life; readonly accept: Accept },
    port: number,
  ): void {
    const { from, ends, wires } = connection;
    const remote = formatEndpoint({ host: from, port });
    const accepted = new StreamEnd({ life, random: this.#random, remote, handlers: undefined });
    ends[1] = accepted;
    accepted.join(wires[1], ends[0]);
    ends[0].join(wires[0], accepted);
    wires[1].send({ type: 'synAck' }, this.#simulation.now);
    life.at(this.#simulation.now, 'input', () => accepted.accept(accept(accepted)));
  }

  #host(name: string): Host {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host: Host = { name, life: undefined, listeners: new Map() };
    this.#hosts.set(name, host);
    return host;
  }

  #between(one: string, other: string): Connection[] {
    this.#forget();
    return this.#connections.filter(
      ({ from, to }) => (from === one && to === other) || (from === other && to === one),
    );
  }

  #pump(isMeant: (connection: Connection) => boolean): void {
    for (const connection of this.#connections) {
      if (isMeant(connection)) for (const wire of connection.wires) wire.pump();
    }
  }

  /** What neither end holds any more, and nothing is under way on, is no connection. */
  #forget(): void {
    this.#connections = this.#connections.filter(({ ends: [dialled, accepted], wires }) => {
      if (dialled.isHeld || accepted?.isHeld === true) return true;
      return wires.some((wire) => wire.count > 0);
    });
  }
}

function keyOf(from: string, to: string): string {
  return `${from}>${to}`;
}
