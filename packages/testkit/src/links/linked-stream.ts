// A connection between two servers whose two directions follow rules of their own.

import { type ByteStream, type Clock, NetworkError, type StreamHandlers } from '@waldb/io';
import { Flow, type FlowRule } from './flow.js';

export interface LinkedStreamOptions {
  readonly clock: Clock;
  readonly outward: () => FlowRule;
  readonly inward: () => FlowRule;
  readonly handlers: StreamHandlers;
  readonly onGone: (stream: LinkedStream) => void;
}

export class LinkedStream implements ByteStream {
  readonly #options: LinkedStreamOptions;
  readonly #inner: ByteStream;
  readonly #outward: Flow;
  readonly #inward: Flow;
  #isClosed = false;

  /** `connect` starts the real connection. */
  constructor(options: LinkedStreamOptions, connect: (handlers: StreamHandlers) => ByteStream) {
    const { clock, handlers } = options;
    this.#options = options;
    this.#outward = new Flow({ clock, rule: options.outward, onRoom: () => handlers.onDrain() });
    this.#inward = new Flow({ clock, rule: options.inward, onRoom: () => this.#inner.resume() });
    this.#inner = connect({
      onOpen: () => handlers.onOpen?.(),
      onData: (bytes) => this.#receive(bytes),
      onDrain: () => handlers.onDrain(),
      onClose: (error) => this.#close(error),
    });
  }

  get remote(): string {
    return this.#inner.remote;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    let hasRoom = true;
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const isWelcome = this.#outward.push(bytes, () => {
      hasRoom = this.#inner.write(chunks);
    });
    return hasRoom && isWelcome;
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#outward.push(0, () => this.#inner.end());
  }

  destroy(): void {
    this.#inner.destroy();
  }

  /** The rules have changed. */
  pump(): void {
    this.#outward.pump();
    this.#inward.pump();
  }

  /** The network breaks it, as far as both ends can tell. */
  cut(): void {
    this.#inner.destroy();
    this.#close(new NetworkError('CONNECTION_LOST', 'The link was cut.', { remote: this.remote }));
  }

  #receive(bytes: Uint8Array): void {
    const hasRoom = this.#inward.push(bytes.length, () => {
      if (!this.#isClosed) this.#options.handlers.onData(bytes);
    });
    if (!hasRoom) this.#inner.pause();
  }

  #close(error: NetworkError | undefined): void {
    if (this.#isClosed) return;
    // What has arrived and is not held comes before the end.
    if (error === undefined && this.#options.inward().type === 'open') this.#inward.pump();
    this.#isClosed = true;
    this.#outward.stop();
    this.#inward.stop();
    this.#options.onGone(this);
    this.#options.handlers.onClose(error);
  }
}
