// A `ByteStream` on a socket, plain or encrypted. It must never let a socket's error go unheard, since that would end the
// process, and it must never take a socket's word for more than bytes: who the other end is was decided before.

import type { Socket } from 'node:net';
import type { ByteStream, StreamHandlers, StreamIdentity } from './network.js';
import { formatEndpoint, NetworkError, type NetworkErrorCode } from './network.js';
import { tlsTrouble } from './tls-trouble.js';

/** How long a refused peer has for reading why. */
const LAST_WORDS_MS = 1000;

export class SocketStream implements ByteStream {
  readonly remote: string;
  /** Set before the stream is shown to anybody as open. */
  identity: StreamIdentity | undefined;
  readonly #socket: Socket;
  #error: NetworkError | undefined;
  #isRefused = false;

  constructor(socket: Socket, remote: string = remoteOf(socket)) {
    this.#socket = socket;
    this.remote = remote;
    socket.on('error', (error) => {
      this.#error ??= streamError(this.remote, error);
    });
  }

  attach(handlers: StreamHandlers): void {
    const socket = this.#socket;
    socket.on('data', (bytes: Buffer) => {
      if (!this.#isRefused) handlers.onData(bytes);
    });
    socket.on('drain', () => handlers.onDrain());
    socket.on('close', () => handlers.onClose(this.#error));
  }

  /** The other end is not who it must be: says so to it, hears nothing from it, and closes with `error`. */
  refuse(error: NetworkError, lastWords: readonly Uint8Array[]): void {
    this.#isRefused = true;
    this.#error = error;
    if (lastWords.length > 0) this.write(lastWords);
    this.end();
    const timer = setTimeout(() => this.destroy(), LAST_WORDS_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) return socket.write(only);
    socket.cork();
    let hasRoom = true;
    for (const chunk of chunks) hasRoom = socket.write(chunk);
    socket.uncork();
    return hasRoom;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    // A socket whose reader is paused never sees the other end's close: it reads on, and whoever ends a stream has
    // stopped listening to what it says.
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

export function remoteOf(socket: Socket): string {
  // Both are undefined when the other end has gone before we looked.
  if (socket.remoteAddress === undefined || socket.remotePort === undefined) return 'unknown';
  return formatEndpoint({ host: socket.remoteAddress, port: socket.remotePort });
}

const STREAM_CODES: Readonly<Record<string, readonly [NetworkErrorCode, string]>> = {
  ECONNREFUSED: ['CONNECTION_REFUSED', 'nobody listens there'],
  ECONNRESET: ['CONNECTION_LOST', 'the other end closed it'],
  EPIPE: ['CONNECTION_LOST', 'the other end closed it'],
  ETIMEDOUT: ['CONNECTION_LOST', 'the other end does not answer'],
  ENOTFOUND: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
  EAI_AGAIN: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
};

export function streamError(remote: string, cause: NodeJS.ErrnoException): NetworkError {
  const [code, why] = STREAM_CODES[cause.code ?? ''] ??
    tlsTrouble(cause) ?? ['NETWORK_FAILED', cause.message];
  return new NetworkError(code, `The connection with ${remote} failed: ${why}.`, { remote }, { cause });
}
