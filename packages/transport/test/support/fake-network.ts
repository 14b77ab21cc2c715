// A network of which the test plays the other end of every connection, and a clock that moves when the test says so.

import type {
  ByteStream,
  Clock,
  Endpoint,
  Listener,
  Network,
  NetworkError,
  StreamHandlers,
  Timer,
} from '@waldb/io';

/** One connection, seen from the other end. */
export class FakeStream implements ByteStream {
  readonly remote: string;
  handlers: StreamHandlers | undefined;
  readonly #written: Uint8Array[] = [];
  writes = 0;
  /** Whether the other end takes what is written to it. */
  hasRoom = true;
  isPaused = false;
  isEnded = false;
  isGone = false;

  constructor(remote: string) {
    this.remote = remote;
  }

  /** Everything that was written to the other end. */
  get written(): Buffer {
    return Buffer.concat(this.#written);
  }

  write(chunks: readonly Uint8Array[]): boolean {
    this.#written.push(...chunks);
    this.writes += 1;
    return this.hasRoom;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.close();
  }

  /** The other end, or this one, closes it. */
  close(error?: NetworkError): void {
    if (this.isGone) return;
    this.isGone = true;
    this.handlers?.onClose(error);
  }

  /** The other end says this. */
  say(...bytes: Uint8Array[]): void {
    if (!this.isGone) this.handlers?.onData(Buffer.concat(bytes));
  }
}

export class FakeNetwork implements Network {
  readonly dialled: { readonly endpoint: Endpoint; readonly stream: FakeStream }[] = [];
  #onStream: ((stream: ByteStream) => StreamHandlers) | undefined;

  async listen(endpoint: Endpoint, onStream: (stream: ByteStream) => StreamHandlers): Promise<Listener> {
    this.#onStream = onStream;
    return { endpoint, close: () => Promise.resolve() };
  }

  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    const stream = new FakeStream(`${endpoint.host}:${endpoint.port}`);
    stream.handlers = handlers;
    this.dialled.push({ endpoint, stream });
    return stream;
  }

  /** Somebody at `remote` connects. */
  accept(remote: string): FakeStream {
    const stream = new FakeStream(remote);
    stream.handlers = this.#onStream?.(stream);
    return stream;
  }
}

interface PendingTimer {
  readonly at: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #now = 0;
  readonly #timers = new Set<PendingTimer>();

  now(): number {
    return this.#now;
  }

  date(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    this.setTimer(0, callback);
  }

  /** Time passes, and every timer runs when it is due. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  /** Time passes while the process does nothing; the timers that are due run late. */
  stall(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }
}
