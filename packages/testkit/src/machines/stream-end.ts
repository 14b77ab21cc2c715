// One end of a simulated connection, as the process that holds it sees it. What has arrived is given on in pieces that
// have nothing to do with those that were sent, as sockets do.

import { type ByteStream, NetworkError, type StreamHandlers } from '@waldb/io';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { Life, MachineEnding } from './life.js';
import type { Parcel, Wire } from './wire.js';

/** Beyond this a sender is told that there is no room: about what two machines' socket buffers take. */
const ROOM_BYTES = 128 * 1024;

export interface StreamEndOptions {
  readonly life: Life;
  readonly random: SeededRandom;
  readonly remote: string;
  /** Undefined until the process has accepted the stream. */
  readonly handlers: StreamHandlers | undefined;
}

export class StreamEnd implements ByteStream {
  readonly remote: string;
  readonly life: Life;
  readonly #random: SeededRandom;
  #handlers: StreamHandlers | undefined;
  #outgoing: Wire | undefined;
  #other: StreamEnd | undefined;
  #isClosed = false;
  #closeError: NetworkError | undefined;
  #hasSentFin = false;
  #hasGotFin = false;
  #isPaused = false;
  #isPlanned = false;
  #arrived: Uint8Array[] = [];
  /** Written here and not yet taken by the other process. */
  #untakenBytes = 0;
  #owesDrain = false;

  constructor({ life, random, remote, handlers }: StreamEndOptions) {
    this.life = life;
    this.remote = remote;
    this.#random = random;
    this.#handlers = handlers;
    life.whenOver((ending) => this.#leave(ending));
  }

  /** Where what is written here goes, and whose `room` it takes there. */
  join(outgoing: Wire, other: StreamEnd | undefined): void {
    this.#outgoing = outgoing;
    this.#other = other;
  }

  /** The process has accepted it. */
  accept(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    if (this.#isClosed) this.#tellClosed();
    else this.#plan();
  }

  /** Whether the process that has this end still holds it. */
  get isHeld(): boolean {
    return !this.#isClosed && !this.life.isOver;
  }

  // ---- the process's side ----

  write(chunks: readonly Uint8Array[]): boolean {
    if (!this.isHeld || this.#hasSentFin) return true;
    for (const bytes of chunks) {
      if (bytes.length === 0) continue;
      this.#untakenBytes += bytes.length;
      this.#outgoing?.send({ type: 'bytes', bytes }, this.life.now);
    }
    this.#owesDrain ||= this.#untakenBytes > ROOM_BYTES;
    return !this.#owesDrain;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#plan();
  }

  end(): void {
    if (!this.isHeld || this.#hasSentFin) return;
    this.#sendFin();
    this.resume();
    if (this.#hasGotFin) this.#close(undefined);
  }

  destroy(): void {
    if (!this.isHeld) return;
    this.#abandon();
    this.#close(undefined);
  }

  // ---- the network's side ----

  arrive(parcel: Parcel): void {
    switch (parcel.type) {
      case 'syn':
        break; // was for the host
      case 'synAck':
        this.#soon(() => this.#handlers?.onOpen?.());
        break;
      case 'bytes':
        this.#arrived.push(parcel.bytes);
        break;
      case 'fin':
        this.#hasGotFin = true;
        break;
      case 'reset':
        return this.lose(parcel.error);
    }
    this.#plan();
  }

  /** The system tells the process that the connection is broken; the other end may not know. */
  lose(error: NetworkError): void {
    if (this.isHeld) this.#close(error);
  }

  /** The other process has taken so many bytes. */
  taken(bytes: number): void {
    this.#untakenBytes -= bytes;
    if (!this.#owesDrain || this.#untakenBytes > ROOM_BYTES / 2) return;
    this.#owesDrain = false;
    this.#soon(() => this.#handlers?.onDrain());
  }

  /** One event for all that has arrived by then. */
  #plan(): void {
    const hasNews = this.#arrived.length > 0 || this.#hasGotFin;
    if (this.#isPlanned || this.#isPaused || !hasNews || this.#handlers === undefined || !this.isHeld) return;
    this.#isPlanned = true;
    this.life.at(this.life.now, 'input', () => {
      this.#isPlanned = false;
      if (this.isHeld && !this.#isPaused) this.#deliver();
    });
  }

  #deliver(): void {
    if (this.#arrived.length === 0) {
      if (!this.#hasGotFin) return;
      if (!this.#hasSentFin) this.#sendFin();
      return this.#close(undefined);
    }
    const bytes = this.#piece();
    this.#other?.taken(bytes.length);
    this.#handlers?.onData(bytes);
    this.#plan();
  }

  /** Copied: the sender may still have the same bytes, and what is delivered belongs to the receiver. */
  #piece(): Uint8Array {
    const all = Buffer.concat(this.#arrived);
    this.#arrived = [];
    if (all.length < 2 || !this.#random.chance(0.15)) return all;
    const at = this.#random.between(1, all.length - 1);
    this.#arrived.push(all.subarray(at));
    return all.subarray(0, at);
  }

  #sendFin(): void {
    this.#hasSentFin = true;
    this.#outgoing?.send({ type: 'fin' }, this.life.now);
  }

  /** Whoever closes without waiting leaves it to the system how much of what was written still goes out. */
  #abandon(): void {
    const outgoing = this.#outgoing;
    if (outgoing === undefined) return;
    if (this.#random.chance(0.5)) outgoing.cutAfter(this.#random.between(0, outgoing.count));
    if (this.#random.chance(0.5) && !this.#hasSentFin) this.#sendFin();
    else outgoing.send({ type: 'reset', error: connectionLost(this.remote) }, this.life.now);
  }

  #close(error: NetworkError | undefined): void {
    this.#isClosed = true;
    this.#closeError = error;
    this.#arrived = [];
    this.#tellClosed();
  }

  /** Once; whoever accepts a stream that is closed already hears of it then. */
  #tellClosed(): void {
    const handlers = this.#handlers;
    if (handlers === undefined) return;
    this.life.at(this.life.now, 'input', () => handlers.onClose(this.#closeError));
  }

  #soon(run: () => void): void {
    this.life.at(this.life.now, 'input', () => {
      if (this.isHeld) run();
    });
  }

  /** A killed process's connections are closed by its system; those of a machine without power just fall silent. */
  #leave(ending: MachineEnding): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#arrived = [];
    if (ending === 'kill') this.#abandon();
    else this.#outgoing?.cutAfter(this.#random.between(0, this.#outgoing.count));
  }
}

export function connectionLost(remote: string): NetworkError {
  return new NetworkError('CONNECTION_LOST', `The connection with ${remote} is lost.`, { remote });
}
