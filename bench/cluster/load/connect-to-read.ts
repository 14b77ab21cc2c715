// A connection whose reads all go into one buffer: what the generator saves is there for the servers, which share its cores.

import { connect, type Socket } from 'node:net';
import { HOST } from '../stores/store.js';

const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** `onBytes` must have done with the bytes when it returns. What goes wrong ends the generator: a load that loses clients is no load. */
export function connectToRead(port: number, onBytes: (bytes: Buffer) => void): Socket {
  const callback = (length: number): boolean => {
    onBytes(shared.subarray(0, length));
    return true;
  };
  const socket = connect({ port, host: HOST, noDelay: true, onread: { buffer: shared, callback } });
  return socket.on('error', (error) => {
    throw error;
  });
}
