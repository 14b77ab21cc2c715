// TCP through node:net. Turns sockets into `ByteStream`s and the machine's errors into coded ones; it must never let a
// socket's error go unheard, since that would end the process.

import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import type { ByteStream, Endpoint, Listener, Network, StreamHandlers } from './network.js';
import { formatEndpoint, NetworkError, type NetworkErrorCode } from './network.js';

export class NodeNetwork implements Network {
  async listen(endpoint: Endpoint, onStream: (stream: ByteStream) => StreamHandlers): Promise<Listener> {
    const server = createServer({ noDelay: true }, (socket) => {
      const stream = new SocketStream(socket);
      stream.attach(onStream(stream));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenError(endpoint, error)));
      server.listen({ host: endpoint.host, port: endpoint.port }, resolve);
    });
    server.removeAllListeners('error');
    // Accepting can fail later (no descriptors left); the connection is lost and its owner dials again.
    server.on('error', () => {});
    let closing: Promise<void> | undefined;
    // The address of a TCP server that listens is always an AddressInfo.
    const { port } = server.address() as AddressInfo;
    return {
      endpoint: { host: endpoint.host, port },
      close: () => {
        // `close` calls back only when every accepted socket is gone too; whoever closes a listener does not wait for
        // those. The port is free as soon as `close` has been called.
        closing ??= new Promise((resolve) => {
          server.close();
          setImmediate(resolve);
        });
        return closing;
      },
    };
  }

  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    const socket = netConnect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    const stream = new SocketStream(socket, formatEndpoint(endpoint));
    stream.attach(handlers);
    return stream;
  }
}

class SocketStream implements ByteStream {
  readonly remote: string;
  readonly #socket: Socket;
  #error: NetworkError | undefined;

  constructor(socket: Socket, remote: string = remoteOf(socket)) {
    this.#socket = socket;
    this.remote = remote;
  }

  attach(handlers: StreamHandlers): void {
    const socket = this.#socket;
    socket.on('connect', () => handlers.onOpen?.());
    socket.on('data', (bytes: Buffer) => handlers.onData(bytes));
    socket.on('drain', () => handlers.onDrain());
    socket.on('error', (error) => {
      this.#error = streamError(this.remote, error);
    });
    socket.on('close', () => handlers.onClose(this.#error));
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

function remoteOf(socket: Socket): string {
  // Both are undefined when the other end has gone before we looked.
  if (socket.remoteAddress === undefined || socket.remotePort === undefined) return 'unknown';
  return formatEndpoint({ host: socket.remoteAddress, port: socket.remotePort });
}

const LISTEN_CODES: Readonly<Record<string, readonly [NetworkErrorCode, string]>> = {
  EADDRINUSE: ['ADDRESS_IN_USE', 'another process is using it'],
  EADDRNOTAVAIL: ['ADDRESS_UNAVAILABLE', 'this machine has no such address'],
  ENOTFOUND: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
  EAI_AGAIN: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
  EACCES: ['ADDRESS_DENIED', 'this user may not use it'],
};

const STREAM_CODES: Readonly<Record<string, readonly [NetworkErrorCode, string]>> = {
  ECONNREFUSED: ['CONNECTION_REFUSED', 'nobody listens there'],
  ECONNRESET: ['CONNECTION_LOST', 'the other end closed it'],
  EPIPE: ['CONNECTION_LOST', 'the other end closed it'],
  ETIMEDOUT: ['CONNECTION_LOST', 'the other end does not answer'],
  ENOTFOUND: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
  EAI_AGAIN: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
};

function listenError(endpoint: Endpoint, cause: NodeJS.ErrnoException): NetworkError {
  const address = formatEndpoint(endpoint);
  const [code, why] = LISTEN_CODES[cause.code ?? ''] ?? ['NETWORK_FAILED', cause.message];
  return new NetworkError(code, `Cannot listen on ${address}: ${why}.`, { address }, { cause });
}

function streamError(remote: string, cause: NodeJS.ErrnoException): NetworkError {
  const [code, why] = STREAM_CODES[cause.code ?? ''] ?? ['NETWORK_FAILED', cause.message];
  return new NetworkError(code, `The connection with ${remote} failed: ${why}.`, { remote }, { cause });
}
