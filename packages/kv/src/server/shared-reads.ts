// Reads all clients' sockets into one buffer. Node gives each read of an accepted socket 64 KiB of its own, cut down to
// what came: an allocation, a backing store and its end, which were an eighth of a leader's CPU time with 64 clients of
// one request at a time. The option `onread` avoids it; Node documents it for sockets that connect. A server's own are made by
// `new Socket({ handle })`, and so is this one, with `onread` beside: the option `handle` is not documented, and where it
// is not as expected the socket is read in the ordinary way.
//
// Must never hand out bytes that outlive the call: the next read overwrites them.

import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';

/** As much as Node's event loop reads at a time. */
const READ_BYTES = 64 * 1024;

/** The bytes are valid until it returns. Must not throw. */
export type OnBytes = (bytes: Buffer) => void;

let shared: Buffer | undefined;

/**
 * The socket to use in place of `accepted`, which has just been accepted and was not touched yet. `onBytes` is called with
 * what it reads; there is no `data` event then.
 */
export function readIntoSharedBuffer(accepted: Socket, onBytes: OnBytes): Socket {
  const handle: unknown = accepted instanceof TLSSocket ? undefined : Reflect.get(accepted, '_handle');
  if (!canReadIntoBuffer(handle)) return accepted.on('data', onBytes);
  shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
  const onread: OnReadOpts = {
    buffer: shared,
    callback: (length: number, buffer: Uint8Array): boolean => {
      onBytes(Buffer.from(buffer.buffer, buffer.byteOffset, length));
      return true;
    },
  };
  const options: SocketConstructorOpts = { allowHalfOpen: accepted.allowHalfOpen };
  const socket = new Socket(Object.assign(options, { handle, onread }));
  // The listener counts this one instead: it is done when its last connection is.
  for (const name of ['server', '_server']) {
    Reflect.set(socket, name, Reflect.get(accepted, name));
    Reflect.set(accepted, name, null);
  }
  Reflect.set(accepted, '_handle', null);
  return socket;
}

function canReadIntoBuffer(handle: unknown): boolean {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    typeof Reflect.get(handle, 'useUserBuffer') === 'function' &&
    typeof Reflect.get(handle, 'readStart') === 'function'
  );
}
