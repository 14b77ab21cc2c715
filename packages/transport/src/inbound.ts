// A connection that a peer dialled: receives messages, or sends the one snapshot that it was dialled for. Nothing that
// arrives is believed before the hello was accepted, and no message that names another sender or receiver than it did.

import { decodeMessage, type Message, type NodeId } from '@waldb/core';
import type { ByteStream, NetworkError, StreamHandlers, Timer } from '@waldb/io';
import { checkIdentity } from './certified-name.js';
import { type Frame, type FrameKind, FrameReader, frameHeader } from './frame.js';
import {
  agreeVersion,
  checkHello,
  decodeHello,
  decodePayload,
  decodeRefusal,
  greeting,
  HELLO_BYTES_MAX,
  type Hello,
  helloTo,
  PREAMBLE_BYTES,
  refusalFrame,
} from './hello.js';
import type { PeerContext } from './peer.js';
import { checkPlausible } from './plausible.js';
import { decodeSnapshotRequest } from './snapshot-request.js';
import { SnapshotSender } from './snapshot-sender.js';
import { TransportError } from './transport-error.js';

export interface InboundOwner {
  /** A peer has introduced itself, and was admitted. Throws a `TransportError` when there is no room for it. */
  onHello(connection: Inbound, hello: Hello): void;
  /** Throws a `TransportError` when no more snapshots may be sent. */
  onSnapshotRequest(connection: Inbound): void;
  /** `bytes` is what it took on the wire. */
  onMessage(message: Message, bytes: number): void;
  onClosed(connection: Inbound): void;
}

export class Inbound implements StreamHandlers {
  readonly #stream: ByteStream;
  readonly #context: PeerContext;
  readonly #owner: InboundOwner;
  readonly #reader = new FrameReader(PREAMBLE_BYTES, HELLO_BYTES_MAX);
  readonly #helloTimer: Timer;
  #farewellTimer: Timer | undefined;
  #peer: NodeId | undefined;
  #isForSnapshot = false;
  #sender: SnapshotSender | undefined;
  #hasGreeted = false;
  /** Pings that came in one go: they are answered in one write. */
  #pings = 0;
  /** Our owner is behind. */
  #isPaused = false;
  /** The peer does not take its answers: until it does, it is not read either. */
  #isHeldUp = false;
  /** We are done with it, though the stream may still be there. */
  #isClosed = false;
  #isGone = false;
  #onGone: (() => void) | undefined;
  #heardAt: number;

  constructor(stream: ByteStream, context: PeerContext, owner: InboundOwner) {
    this.#stream = stream;
    this.#context = context;
    this.#owner = owner;
    this.#heardAt = context.clock.now();
    this.#helloTimer = context.clock.setTimer(context.limits.helloTimeoutMs, () =>
      this.#refuse(new TransportError('SILENT', `${stream.remote} connected and did not say hello in time.`)),
    );
  }

  /** Who dialled; undefined before its hello. */
  get peer(): NodeId | undefined {
    return this.#peer;
  }

  /** When anything last came. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Whether it was dialled for a snapshot rather than for messages. */
  get isForSnapshot(): boolean {
    return this.#isForSnapshot;
  }

  /** Whether a snapshot is on its way. */
  get isSending(): boolean {
    return this.#sender !== undefined;
  }

  /**
   * Called every `pingIntervalMs`: the dialling side pings, so silence means that it is gone. For `asleepMs` of the time
   * since the last call nothing could have been heard.
   */
  checkLife(asleepMs: number): void {
    if (this.#sender !== undefined) return this.#sender.checkLife();
    this.#heardAt += asleepMs;
    const silence = this.#context.clock.now() - this.#heardAt;
    const isOurs = this.#isPaused && !this.#isHeldUp && !this.#isClosed;
    if (silence > this.#context.limits.silenceMs && !isOurs) this.#stream.destroy();
  }

  pause(): void {
    this.#isPaused = true;
    this.#readOrNot();
  }

  resume(): void {
    this.#isPaused = false;
    this.#heardAt = this.#context.clock.now();
    this.#readOrNot();
  }

  #readOrNot(): void {
    // Before its hello a peer is read whatever our owner says: it would be refused for our own slowness.
    const isWanted = !this.#isHeldUp && (!this.#isPaused || this.#peer === undefined);
    if (isWanted) this.#stream.resume();
    else this.#stream.pause();
  }

  /** Resolves when the connection is gone. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#helloTimer.cancel();
    this.#sender?.stop();
    if (this.#isGone) return Promise.resolve();
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve;
    });
    this.#stream.end();
    return gone;
  }

  /** Waits no longer for the other end to take what was sent. */
  destroy(): void {
    this.#stream.destroy();
  }

  onData(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#heardAt = this.#context.clock.now();
    try {
      this.#reader.push(bytes, agreeVersion, (frame) => {
        this.#handle(frame);
        return !this.#isClosed;
      });
      this.#answerPings();
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#refuse(error);
    }
  }

  onDrain(): void {
    this.#sender?.hasRoom();
    if (!this.#isHeldUp) return;
    this.#isHeldUp = false;
    this.#readOrNot();
  }

  onClose(_error: NetworkError | undefined): void {
    this.#isClosed = true;
    this.#isGone = true;
    this.#helloTimer.cancel();
    this.#farewellTimer?.cancel();
    this.#sender?.stop();
    this.#onGone?.();
    this.#owner.onClosed(this);
  }

  #handle(frame: Frame): void {
    if (this.#peer === undefined && frame.kind === 'hello') this.#meet(decodeHello(frame.payload));
    else if (this.#peer !== undefined && frame.kind === this.#requestKind()) {
      if (frame.kind === 'message') this.#deliver(this.#peer, frame.payload);
      else this.#send(this.#peer, frame.payload);
    } else if (this.#peer !== undefined && frame.kind === 'ping') {
      this.#pings += 1;
    } else if (this.#peer === undefined && frame.kind === 'refusal') {
      throw decodeRefusal(frame.payload); // it has seen our certificate, and leaves
    } else {
      const who = this.#peer === undefined ? this.#stream.remote : `Server ${this.#peer}`;
      throw new TransportError('FRAME_UNEXPECTED', `${who} sent a ${frame.kind} where none belongs.`);
    }
  }

  #answerPings(): void {
    if (this.#pings === 0 || this.#isClosed) return;
    const pong = frameHeader('pong', new Uint8Array(0));
    const hasRoom = this.#stream.write([Buffer.concat(Array.from({ length: this.#pings }, () => pong))]);
    this.#pings = 0;
    if (hasRoom) return;
    this.#isHeldUp = true;
    this.#readOrNot();
  }

  /** What the peer may send on this connection, beside pings: any number of messages, or one request. */
  #requestKind(): FrameKind | undefined {
    if (!this.#isForSnapshot) return 'message';
    return this.#sender === undefined ? 'snapshotRequest' : undefined;
  }

  #meet(hello: Hello): void {
    // The answer goes out even to a stranger: it, too, shall be able to tell its operator what is wrong.
    this.#greet(hello.from);
    checkHello({ ...this.#context, peer: undefined }, hello);
    checkIdentity(this.#stream.identity, this.#context.nodeId, hello.from);
    this.#context.admit(hello);
    this.#isForSnapshot = hello.purpose === 'snapshot';
    this.#owner.onHello(this, hello);
    if (hello.removedAt !== undefined) this.#context.onRemoved(hello.removedAt, hello.from);
    this.#helloTimer.cancel();
    this.#peer = hello.from;
    if (this.#isPaused) this.#readOrNot();
    if (!this.#isForSnapshot) this.#reader.payloadBytesMax = this.#context.limits.frameBytesMax;
    this.#context.logOnce.forget(this.#name());
  }

  #greet(to: NodeId): void {
    this.#stream.write(greeting(helloTo(to, this.#context)));
    this.#hasGreeted = true;
  }

  #deliver(peer: NodeId, payload: Uint8Array): void {
    const message = decodePayload('message', () => decodeMessage(payload));
    if (message.from !== peer || message.to !== this.#context.nodeId) {
      throw new TransportError(
        'FOREIGN_SENDER',
        `Server ${peer} sent a message from server ${message.from} to server ${message.to}; this is server ${this.#context.nodeId}.`,
        { peer, from: message.from, to: message.to },
      );
    }
    checkPlausible(message, this.#context.limits.entryBytesMax);
    this.#owner.onMessage(message, payload.length);
  }

  #send(peer: NodeId, payload: Uint8Array): void {
    const request = decodeSnapshotRequest(payload);
    this.#owner.onSnapshotRequest(this);
    const chunks = this.#context.onSnapshotRequest(peer, request);
    this.#sender = new SnapshotSender(this.#stream, chunks, {
      ...this.#context,
      onSent: () => void this.close(), // nobody waits: `onClosed` tells the owner
      onFailed: (error) => this.#refuse(error),
    });
  }

  /** Says why, and closes. */
  #refuse(error: TransportError): void {
    if (this.#isClosed) return;
    const { logger, logOnce } = this.#context;
    if (logOnce.isNew(this.#name(), error.code)) {
      logger.warn(
        { peer: this.#peer, remote: this.#stream.remote, reason: error.code, ...error.detail },
        error.message,
      );
    }
    this.#stream.write(refusalFrame(error, !this.#hasGreeted));
    void this.close(); // nobody waits: `onClosed` tells the owner
    this.#farewellTimer = this.#context.clock.setTimer(this.#context.limits.farewellMs, () => this.destroy());
  }

  #name(): string {
    return this.#peer === undefined ? `from-${hostOf(this.#stream.remote)}` : `from-${this.#peer}`;
  }
}

/** Without the port, which is another for each connection: a stranger's trouble is told once, not once for each try. */
export function hostOf(remote: string): string {
  return remote.slice(0, Math.max(remote.lastIndexOf(':'), 0));
}
