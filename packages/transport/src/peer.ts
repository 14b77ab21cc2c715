// The way to one peer: dials it, greets it, sends what is queued, dials again when the connection is lost. Only sends:
// what the peer has to say comes on a connection that the peer dialled.
//
//   waiting --timer, or the peer dialled us--> connecting --open--> greeting --hello--> connected
//      ^                                           |                    |                   |
//      +----------------- closed ------------------+--------------------+-------------------+

import type { Index, NodeId } from '@waldb/core';
import type { ByteStream, Clock, Endpoint, Network, NetworkError, Timer } from '@waldb/io';
import { formatEndpoint } from '@waldb/io';
import { Backoff } from './backoff.js';
import { checkIdentity } from './certified-name.js';
import { type Frame, FrameReader, frameHeader } from './frame.js';
import {
  agreeVersion,
  checkHello,
  decodeHello,
  decodeRefusal,
  greeting,
  HELLO_BYTES_MAX,
  type Hello,
  helloTo,
  type Introduction,
  PREAMBLE_BYTES,
  refusalFrame,
} from './hello.js';
import type { TransportLimits } from './limits.js';
import type { Logger, LogOnce } from './logger.js';
import { OutgoingQueue } from './outgoing-queue.js';
import type { OpenSnapshot } from './snapshot-request.js';
import { isMistrust, TransportError } from './transport-error.js';

export type PeerState = 'waiting' | 'connecting' | 'greeting' | 'connected' | 'closed';

/** What every connection of one transport shares. */
export interface PeerContext extends Introduction {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: TransportLimits;
  readonly logger: Logger;
  readonly logOnce: LogOnce;
  /** Throws a `TransportError` when the server behind a hello is not to be talked to. */
  readonly admit: (hello: Hello) => void;
  /** A peer that was admitted says that we are not in the configuration at `index`. */
  readonly onRemoved: (index: Index, by: NodeId) => void;
  readonly onUnreachable: (id: NodeId) => void;
  readonly onRoundTrip: (id: NodeId, milliseconds: number) => void;
  /** Opens a snapshot for a peer; throws a `TransportError` to refuse. */
  readonly onSnapshotRequest: OpenSnapshot;
}

export interface PeerStats {
  readonly state: PeerState;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly sentMessages: number;
  /** Handed to the machine, with the frames around the messages. */
  readonly sentBytes: number;
  readonly droppedMessages: number;
  readonly receivedMessages: number;
  /** Of the messages alone. */
  readonly receivedBytes: number;
  /** The last ping's round trip; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** How long ago anything was heard from it, on a connection of either direction; undefined if nothing ever was. */
  readonly lastContactMs: number | undefined;
}

export class Peer {
  readonly id: NodeId;
  /** Where it may be, the likeliest first. */
  #places: readonly [Endpoint, ...Endpoint[]];
  /** Which of them is dialled. */
  #place = 0;
  readonly #context: PeerContext;
  readonly #queue: OutgoingQueue;
  readonly #backoff: Backoff;
  #state: PeerState = 'waiting';
  #stream: ByteStream | undefined;
  #timer: Timer | undefined;
  #hasRoom = true;
  /** The peer has answered on this connection: it talks to us. */
  #isProven = false;
  #heardAt = 0;
  #pingedAt: number | undefined;
  #roundTripMs: number | undefined;
  #contactAt: number | undefined;
  #sentMessages = 0;
  #sentBytes = 0;
  #droppedMessages = 0;
  #receivedMessages = 0;
  #receivedBytes = 0;
  #onGone: (() => void) | undefined;

  constructor(id: NodeId, places: readonly [Endpoint, ...Endpoint[]], context: PeerContext) {
    this.id = id;
    this.#places = places;
    this.#context = context;
    this.#queue = new OutgoingQueue(context.limits);
    const { redialMsMin, redialMsMax } = context.limits;
    this.#backoff = new Backoff({ msMin: redialMsMin, msMax: redialMsMax, random: context.random });
    this.#dial();
  }

  /** Where it is dialled now. */
  get endpoint(): Endpoint {
    return this.#places[this.#place] ?? this.#places[0];
  }

  /** Takes other places to try; false where the first of them is another one, which wants a connection of its own. */
  goesOnAt(places: readonly [Endpoint, ...Endpoint[]]): boolean {
    if (!isSame(places[0], this.#places[0])) return false;
    const { endpoint } = this;
    const known = places.findIndex((place) => isSame(place, endpoint));
    this.#places = places;
    this.#place = Math.max(known, 0);
    return true;
  }

  /** Whether a message sent now can be queued: a connection is there, or on its way. */
  get isDialled(): boolean {
    return this.#state !== 'waiting' && this.#state !== 'closed';
  }

  /** Queues an encoded message, or drops it and says so. */
  send(payload: Uint8Array): boolean {
    if (this.isDialled && this.#queue.push(payload)) return true;
    this.#droppedMessages += 1;
    return false;
  }

  /** Hands what is queued to the machine, unless it is still busy with what it has. */
  flush(): void {
    if (this.#state !== 'connected' || !this.#hasRoom || this.#queue.length === 0) return;
    this.#sentMessages += this.#queue.length;
    this.#sentBytes += this.#queue.bytes;
    this.#hasRoom = this.#stream?.write(this.#queue.take()) ?? true;
  }

  /** The peer has just dialled us, so it is alive: do not wait. */
  wake(): void {
    if (this.#state === 'waiting') this.#dial();
  }

  /** A message came on a connection that the peer dialled. */
  received(bytes: number): void {
    this.#receivedMessages += 1;
    this.#receivedBytes += bytes;
  }

  /** Something came on a connection that the peer dialled. */
  heard(at: number): void {
    this.#contactAt = Math.max(this.#contactAt ?? at, at);
  }

  /**
   * Called every `pingIntervalMs`: asks for a sign of life, and gives up a connection that shows none. For `asleepMs` of
   * the time since the last call nothing could have been heard.
   */
  checkLife(asleepMs: number): void {
    if (this.#state !== 'connected') return;
    this.#heardAt += asleepMs;
    const now = this.#context.clock.now();
    if (now - this.#heardAt > this.#context.limits.silenceMs) {
      this.#fail(new TransportError('SILENT', `Server ${this.id} has stopped answering.`, { peer: this.id }));
      return;
    }
    if (this.#pingedAt === undefined) this.#ping();
  }

  stats(): PeerStats {
    return {
      state: this.#state,
      queuedMessages: this.#queue.length,
      queuedBytes: this.#queue.bytes,
      sentMessages: this.#sentMessages,
      sentBytes: this.#sentBytes,
      droppedMessages: this.#droppedMessages,
      receivedMessages: this.#receivedMessages,
      receivedBytes: this.#receivedBytes,
      roundTripMs: this.#roundTripMs,
      lastContactMs: this.#contactAt === undefined ? undefined : this.#context.clock.now() - this.#contactAt,
    };
  }

  /** Sends what is queued if it can, and closes for good. Resolves when the connection is gone. */
  close(): Promise<void> {
    this.flush();
    const wasConnected = this.#state === 'connected';
    this.#state = 'closed';
    this.#timer?.cancel();
    const stream = this.#stream;
    if (stream === undefined) return Promise.resolve();
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve;
    });
    if (wasConnected) stream.end();
    else stream.destroy();
    return gone;
  }

  /** Waits no longer for the other end to take what was sent. */
  destroy(): void {
    this.#stream?.destroy();
  }

  #dial(): void {
    this.#timer?.cancel();
    this.#state = 'connecting';
    this.#hasRoom = true;
    this.#isProven = false;
    this.#pingedAt = undefined;
    const { clock, network, limits } = this.#context;
    const reader = new FrameReader(PREAMBLE_BYTES, HELLO_BYTES_MAX);
    const stream = network.connect(this.endpoint, {
      onOpen: () => {
        if (this.#stream === stream) this.#greet(stream);
      },
      onRefused: (error) => refusalFrame(error, true),
      onData: (bytes) => {
        if (this.#stream === stream) this.#read(reader, bytes);
      },
      onDrain: () => {
        if (this.#stream !== stream) return;
        // It has taken what was sent: the answer to a ping behind all that may take long on a slow line.
        this.#heardAt = clock.now();
        this.#hasRoom = true;
        this.flush();
      },
      onClose: (error) => {
        if (this.#stream === stream) this.#closed(error);
      },
    });
    this.#stream = stream;
    this.#timer = clock.setTimer(limits.helloTimeoutMs, () =>
      this.#fail(
        new TransportError('SILENT', `Server ${this.id} did not say hello in time.`, { peer: this.id }),
      ),
    );
  }

  #greet(stream: ByteStream): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'greeting';
    try {
      checkIdentity(stream.identity, this.#context.nodeId, this.id);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#turnAway(stream, error);
      return;
    }
    stream.write(greeting(helloTo(this.id, this.#context)));
  }

  /** Says why, and gives up this connection; nothing that still comes on it is heard. */
  #turnAway(stream: ByteStream, error: TransportError): void {
    const { clock, limits } = this.#context;
    stream.write(refusalFrame(error, true));
    stream.end();
    clock.setTimer(limits.farewellMs, () => stream.destroy());
    this.#closed(error);
  }

  #read(reader: FrameReader, bytes: Uint8Array): void {
    this.#heardAt = this.#context.clock.now();
    this.heard(this.#heardAt);
    try {
      reader.push(bytes, agreeVersion, (frame) => {
        this.#handle(frame);
        return this.isDialled;
      });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#fail(error);
    }
  }

  #handle(frame: Frame): void {
    if (frame.kind === 'refusal') throw decodeRefusal(frame.payload);
    if (frame.kind === 'hello' && this.#state === 'greeting') this.#accept(decodeHello(frame.payload));
    else if (frame.kind === 'pong' && this.#pingedAt !== undefined) this.#answered(this.#pingedAt);
    else {
      throw new TransportError(
        'FRAME_UNEXPECTED',
        `Server ${this.id} sent a ${frame.kind} where none belongs.`,
      );
    }
  }

  #accept(hello: Hello): void {
    checkHello({ ...this.#context, peer: this.id }, hello);
    this.#context.admit(hello);
    if (hello.removedAt !== undefined) this.#context.onRemoved(hello.removedAt, hello.from);
    this.#timer?.cancel();
    this.#state = 'connected';
    this.#ping();
    this.flush();
  }

  #ping(): void {
    this.#pingedAt = this.#context.clock.now();
    this.#stream?.write([frameHeader('ping', NOTHING)]);
  }

  /** The peer's hello says who it is; only its answer says that it has accepted ours. */
  #answered(pingedAt: number): void {
    this.#roundTripMs = this.#context.clock.now() - pingedAt;
    this.#pingedAt = undefined;
    this.#context.onRoundTrip(this.id, this.#roundTripMs);
    if (this.#isProven) return;
    this.#isProven = true;
    this.#backoff.reset();
    const { logger, logOnce } = this.#context;
    logOnce.forget(this.#name());
    logger.info({ peer: this.id, address: formatEndpoint(this.endpoint) }, 'connected to peer');
  }

  /** Gives up this connection. */
  #fail(error: TransportError): void {
    const stream = this.#stream;
    this.#closed(error);
    stream?.destroy();
  }

  #closed(error: TransportError | NetworkError | undefined): void {
    this.#stream = undefined;
    this.#timer?.cancel();
    // What waited for this connection is old news by the time there is another: Raft sends again what still matters.
    this.#droppedMessages += this.#queue.clear();
    this.#onGone?.();
    if (this.#state === 'closed') return;
    const { clock, logger, logOnce, onUnreachable } = this.#context;
    const reason = error?.code ?? 'CLOSED';
    if (logOnce.isNew(this.#name(), reason)) {
      const message = error?.message ?? 'The peer closed the connection.';
      const fields = { peer: this.id, address: formatEndpoint(this.endpoint), reason, ...error?.detail };
      // That a peer is not there yet is no news while a cluster starts; a connection lost, or refused by either side, is.
      if (this.#state === 'connecting' && !isMistrust(reason)) logger.info(fields, message);
      else logger.warn(fields, message);
    }
    this.#state = 'waiting';
    // Nobody here: the next place at once, and all of them again after a while.
    if (!this.#isProven) this.#place = (this.#place + 1) % this.#places.length;
    const waitMs = this.#isProven || this.#place === 0 ? this.#backoff.nextMs() : 0;
    this.#timer = clock.setTimer(waitMs, () => this.#dial());
    onUnreachable(this.id);
  }

  #name(): string {
    return `to-${this.id}`;
  }
}

function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.host === other.host && one.port === other.port;
}

const NOTHING: Uint8Array = new Uint8Array(0);
