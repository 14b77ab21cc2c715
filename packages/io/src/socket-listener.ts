// A `Listener` on a server of sockets, plain or encrypted.

import type { AddressInfo, Server } from 'node:net';
import type { Endpoint, Listener } from './network.js';
import { formatEndpoint, NetworkError, type NetworkErrorCode } from './network.js';

/** Starts to listen. Errors: `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `ADDRESS_DENIED`, `NETWORK_FAILED`. */
export async function listenOn(server: Server, endpoint: Endpoint): Promise<Listener> {
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

const LISTEN_CODES: Readonly<Record<string, readonly [NetworkErrorCode, string]>> = {
  EADDRINUSE: ['ADDRESS_IN_USE', 'another process is using it'],
  EADDRNOTAVAIL: ['ADDRESS_UNAVAILABLE', 'this machine has no such address'],
  ENOTFOUND: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
  EAI_AGAIN: ['ADDRESS_UNAVAILABLE', 'the host name does not resolve'],
  EACCES: ['ADDRESS_DENIED', 'this user may not use it'],
};

function listenError(endpoint: Endpoint, cause: NodeJS.ErrnoException): NetworkError {
  const address = formatEndpoint(endpoint);
  const [code, why] = LISTEN_CODES[cause.code ?? ''] ?? ['NETWORK_FAILED', cause.message];
  return new NetworkError(code, `Cannot listen on ${address}: ${why}.`, { address }, { cause });
}
