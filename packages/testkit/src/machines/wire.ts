// One direction of one simulated connection: bytes under way, in order and whole, as TCP gives them. A network that
// breaks makes them wait or ends the connection; it never changes, repeats or overtakes bytes of the same connection.

import type { NetworkError } from '@waldb/io';
import type { Simulation } from './simulation.js';

/** What travels: the three kinds of opening, bytes, and the two kinds of end. */
export type Parcel =
  | { readonly type: 'syn' }
  | { readonly type: 'synAck' }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'fin' }
  | { readonly type: 'reset'; readonly error: NetworkError };

interface UnderWay {
  readonly parcel: Parcel;
  readonly at: number;
}

export interface WireOptions {
  readonly simulation: Simulation;
  /** How long so many bytes take at present. */
  readonly transit: (bytes: number) => number;
  /** Whether nothing gets through at present. */
  readonly isHeld: () => boolean;
  readonly onArrived: (parcel: Parcel) => void;
}

export class Wire {
  readonly #options: WireOptions;
  #underWay: UnderWay[] = [];
  #lastAt = 0;
  #isPlanned = false;
  #stalledUntil = 0;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Sent at a time that is not past. */
  send(parcel: Parcel, time: number): void {
    const bytes = parcel.type === 'bytes' ? parcel.bytes.length : 0;
    this.#lastAt = Math.max(this.#lastAt, time + this.#options.transit(bytes));
    this.#underWay.push({ parcel, at: this.#lastAt });
    this.#plan();
  }

  /** What is under way from the nth parcel on never arrives. */
  cutAfter(count: number): void {
    this.#underWay.length = Math.min(count, this.#underWay.length);
  }

  get count(): number {
    return this.#underWay.length;
  }

  /** Holds this connection alone up. */
  stallUntil(time: number): void {
    this.#stalledUntil = time;
  }

  /** The way may be free again: what had to wait is sent anew. */
  pump(): void {
    const { simulation, transit } = this.#options;
    let last = simulation.now + transit(0);
    this.#underWay = this.#underWay.map(({ parcel, at }) => {
      last = Math.max(last, at);
      return { parcel, at: last };
    });
    this.#lastAt = Math.max(this.#lastAt, last);
    this.#plan();
  }

  #plan(): void {
    const [first] = this.#underWay;
    if (first === undefined || this.#isPlanned || this.#options.isHeld()) return;
    this.#isPlanned = true;
    this.#options.simulation.at(Math.max(first.at, this.#stalledUntil), () => this.#arrive());
  }

  #arrive(): void {
    this.#isPlanned = false;
    const { simulation, isHeld, onArrived } = this.#options;
    const { now } = simulation;
    simulation.idle(); // whoever hears of it does so in an event of its own
    if (this.#stalledUntil <= now) {
      while (!isHeld()) {
        const [first] = this.#underWay;
        if (first === undefined || first.at > now) break;
        this.#underWay.shift();
        onArrived(first.parcel);
      }
    }
    this.#plan();
  }
}
