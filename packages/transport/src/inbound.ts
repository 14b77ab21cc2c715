// A connection that a peer dialled: only receives. Nothing that arrives is believed before the hello was accepted, and
// no message that names another sender or receiver than the hello did.

import { decodeMessage, type Message, type NodeId, RaftError } from '@waldb/core';
import type { ByteStream, NetworkError, StreamHandlers, Timer } from '@waldb/io';
import { type Frame, FrameReader, frameHeader } from './frame.js';
import {
  agreeVersion,
  checkHello,
  decodeHello,
  encodeHello,
  encodePreamble,
  encodeRefusal,
  HELLO_BYTES_MAX,
  type Hello,
  PREAMBLE_BYTES,
} from './hello.js';
import type { PeerContext } from './peer.js';
import { TransportError } from './transport-error.js';

export interface InboundOwner {
  /** A peer has introduced itself, and was admitted. */
  onHello(connection: Inbound, hello: Hello): void;
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
  #peer: NodeId | undefined;
  #hasGreeted = false;
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

  /** Called every `pingIntervalMs`: the dialling side pings, so silence means that it is gone. */
  checkLife(): void {
    const silence = this.#context.clock.now() - this.#heardAt;
    if (silence > this.#context.limits.silenceMs) this.#stream.destroy();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#heardAt = this.#context.clock.now();
    this.#stream.resume();
  }

  /** Resolves when the connection is gone. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#helloTimer.cancel();
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
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#refuse(error);
    }
  }

  onDrain(): void {
    // Only hellos, pongs and refusals go this way: nothing waits for room.
  }

  onClose(_error: NetworkError | undefined): void {
    this.#isClosed = true;
    this.#isGone = true;
    this.#helloTimer.cancel();
    this.#onGone?.();
    this.#owner.onClosed(this);
  }

  #handle(frame: Frame): void {
    if (this.#peer === undefined && frame.kind === 'hello') this.#meet(decodeHello(frame.payload));
    else if (this.#peer !== undefined && frame.kind === 'message') this.#deliver(this.#peer, frame.payload);
    else if (this.#peer !== undefined && frame.kind === 'ping') {
      this.#stream.write([frameHeader('pong', new Uint8Array(0))]);
    } else {
      const who = this.#peer === undefined ? this.#stream.remote : `Server ${this.#peer}`;
      throw new TransportError('FRAME_UNEXPECTED', `${who} sent a ${frame.kind} where none belongs.`);
    }
  }

  #meet(hello: Hello): void {
    // The answer goes out even to a stranger: it, too, shall be able to tell its operator what is wrong.
    this.#greet(hello.from);
    checkHello({ ...this.#context, peer: undefined }, hello);
    this.#context.admit(hello);
    this.#helloTimer.cancel();
    this.#peer = hello.from;
    this.#reader.payloadBytesMax = this.#context.limits.frameBytesMax;
    this.#context.logOnce.forget(this.#name());
    this.#owner.onHello(this, hello);
  }

  #greet(to: NodeId): void {
    const { clusterId, nodeId, logId, address } = this.#context;
    const hello = encodeHello({ clusterId, from: nodeId, to, logId, address });
    this.#stream.write([encodePreamble(), frameHeader('hello', hello), hello]);
    this.#hasGreeted = true;
  }

  #deliver(peer: NodeId, payload: Uint8Array): void {
    const message = decode(payload);
    if (message.from !== peer || message.to !== this.#context.nodeId) {
      throw new TransportError(
        'FOREIGN_SENDER',
        `Server ${peer} sent a message from server ${message.from} to server ${message.to}; this is server ${this.#context.nodeId}.`,
        { peer, from: message.from, to: message.to },
      );
    }
    this.#owner.onMessage(message, payload.length);
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
    const refusal = encodeRefusal(error);
    const preamble = this.#hasGreeted ? [] : [encodePreamble()];
    this.#stream.write([...preamble, frameHeader('refusal', refusal), refusal]);
    void this.close(); // nobody waits: `onClosed` tells the owner
  }

  #name(): string {
    return this.#peer === undefined ? `from-${hostOf(this.#stream.remote)}` : `from-${this.#peer}`;
  }
}

function decode(payload: Uint8Array): Message {
  try {
    return decodeMessage(payload);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    throw new TransportError('MESSAGE_INVALID', `A message cannot be read: ${error.message}.`, error.detail, {
      cause: error,
    });
  }
}

/** Without the port, which is another for each connection: a stranger's trouble is told once, not once for each try. */
function hostOf(remote: string): string {
  return remote.slice(0, Math.max(remote.lastIndexOf(':'), 0));
}
