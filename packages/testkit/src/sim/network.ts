// The simulated network: every message may be lost, delayed, doubled and overtaken, and any directed link may be cut.
// It never changes a message; the codec stands in the way of a fraction of the runs, so that nothing travels that
// bytes cannot carry.

import type { Message, NodeId } from '@waldb/core';
import type { Coverage } from './coverage.js';
import type { EventQueue } from './event-queue.js';
import { type Archived, MessageArchive } from './message-archive.js';
import type { SeededRandom } from './seeded-random.js';

export interface NetworkOptions {
  /** Milliseconds; uniform between the two. */
  readonly latency: readonly [min: number, max: number];
  readonly loss: number;
  readonly duplication: number;
  /** How likely a message is delayed by up to `spikeMs` more. */
  readonly spike: number;
  readonly spikeMs: number;
  /** Messages of one link arrive in the order they were sent, as over one connection. */
  readonly fifo: boolean;
  /** How likely a question finds the answer to an earlier one under way, of whatever life or term. */
  readonly staleAnswers: number;
}

/** Turns a message into what travels and back. */
export interface Carrier {
  pack(message: Message): unknown;
  unpack(packed: unknown): Message;
}

export interface Link {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** Milliseconds, once everything is repaired: elections need a round trip well below their timeout (§5.6). */
const CALM_LATENCY: readonly [min: number, max: number] = [0.2, 1];

/** Milliseconds from old words to a candidate until its own are said again. */
const ECHO_PAUSE_MS: readonly [min: number, max: number] = [1, 4];

/** More than any simulated cluster has servers: (from, to) makes one small integer. */
const SERVERS_MAX = 32;

export class Network {
  readonly #options: NetworkOptions;
  readonly #queue: EventQueue;
  readonly #random: SeededRandom;
  readonly #coverage: Coverage;
  readonly #carrier: Carrier;
  readonly #deliver: (message: Message) => void;
  /** How many cuts each directed link is under now. */
  #cuts: Uint8Array = new Uint8Array(SERVERS_MAX * SERVERS_MAX);
  readonly #lastArrival: Float64Array = new Float64Array(SERVERS_MAX * SERVERS_MAX);
  /** Raised when everything is repaired, so that older cuts cannot be lifted twice. */
  #era = 0;
  #isCalm = false;
  readonly #archive: MessageArchive = new MessageArchive();

  constructor(
    options: NetworkOptions,
    parts: {
      readonly queue: EventQueue;
      readonly random: SeededRandom;
      readonly coverage: Coverage;
      readonly carrier: Carrier;
      readonly deliver: (message: Message) => void;
    },
  ) {
    this.#options = options;
    this.#queue = parts.queue;
    this.#random = parts.random;
    this.#coverage = parts.coverage;
    this.#carrier = parts.carrier;
    this.#deliver = parts.deliver;
  }

  send(message: Message): void {
    const { loss, duplication, staleAnswers } = this.#options;
    if (!this.#isCalm && this.#random.chance(staleAnswers))
      this.#repeat(this.#archive.answerTo(message, this.#random));
    if (this.isCut(message)) return this.#coverage.hit('messages cut off');
    if (!this.#isCalm && this.#random.chance(loss)) return this.#coverage.hit('messages lost');
    this.#carry(message);
    if (this.#isCalm || !this.#random.chance(duplication)) return;
    this.#coverage.hit('messages duplicated');
    this.#carry(message);
  }

  isCut(link: Link): boolean {
    return (this.#cuts[place(link)] as number) > 0; // place is below SERVERS_MAX squared
  }

  /** Cuts these directed links; the returned function lifts the cut, once. */
  cut(links: readonly Link[]): () => void {
    for (const link of links) this.#addCut(link, 1);
    const era = this.#era;
    let isLifted = false;
    return () => {
      if (isLifted || era !== this.#era) return;
      isLifted = true;
      for (const link of links) this.#addCut(link, -1);
    };
  }

  /** Says something again that was said before, perhaps long ago. */
  echo(): void {
    this.#repeat(this.#archive.any(this.#random));
  }

  /**
   * A candidate hears again what it was last told, and its answers tell its term to others; then everybody hears again that
   * it asks for votes.
   */
  echoAround(candidate: NodeId): void {
    const { to, from } = this.#archive.around(candidate, 'requestVote');
    for (const archived of to) this.#repeat(archived);
    this.#queue.after(this.#random.real(ECHO_PAUSE_MS[0], ECHO_PAUSE_MS[1]), () => {
      if (!this.#isCalm) for (const archived of from) this.#repeat(archived);
    });
  }

  /** From now on nothing is lost, doubled or slow. What is under way still arrives. */
  repair(): void {
    this.#isCalm = true;
    this.#era += 1;
    this.#cuts = new Uint8Array(SERVERS_MAX * SERVERS_MAX);
  }

  #carry(message: Message): void {
    const packed = this.#carrier.pack(message);
    this.#archive.keep({ message, packed });
    this.#carryPacked({ message, packed });
  }

  #repeat(archived: Archived | undefined): void {
    if (archived === undefined || this.isCut(archived.message)) return;
    this.#coverage.hit('old messages said again');
    this.#carryPacked(archived);
  }

  #carryPacked({ message, packed }: Archived): void {
    const at = place(message);
    let arrival = this.#queue.now + this.#latency();
    const last = this.#lastArrival[at] as number; // place is below SERVERS_MAX squared
    if (arrival < last) {
      if (this.#options.fifo) arrival = last;
      else this.#coverage.hit('messages overtaken');
    }
    this.#lastArrival[at] = Math.max(arrival, last);
    this.#queue.after(arrival - this.#queue.now, () => {
      // A cut loses what is under way too, half of the time.
      if (this.isCut(message) && this.#random.chance(0.5)) return this.#coverage.hit('messages cut off');
      this.#coverage.hit('messages delivered');
      this.#deliver(this.#carrier.unpack(packed));
    });
  }

  #latency(): number {
    const { latency, spike, spikeMs } = this.#options;
    if (this.#isCalm) return this.#random.real(CALM_LATENCY[0], CALM_LATENCY[1]);
    const usual = this.#random.real(latency[0], latency[1]);
    if (!this.#random.chance(spike)) return usual;
    this.#coverage.hit('latency spikes');
    return usual + this.#random.real(0, spikeMs);
  }

  #addCut(link: Link, change: 1 | -1): void {
    const at = place(link);
    this.#cuts[at] = (this.#cuts[at] as number) + change; // place is below SERVERS_MAX squared
  }
}

function place({ from, to }: Link): number {
  return from * SERVERS_MAX + to;
}
