// The connections of a listener whose handshake is under way. A handshake costs the one who asks for it little, and us a
// signature: so there are only so many at a time, and no host can keep the others out (see waiting-room.ts).

import type { Socket } from 'node:net';
import { remoteOf } from './socket-stream.js';
import { WaitingRoom } from './waiting-room.js';

export class TlsHandshakes {
  readonly #waiting: WaitingRoom<Socket>;
  /** Under TLS lies a plain socket, which node:tls does not tell: found by where it comes from. */
  readonly #byRemote = new Map<string, Socket>();

  constructor(handshakesMax: number) {
    this.#waiting = new WaitingRoom(handshakesMax);
  }

  /** Somebody has connected. */
  begin(socket: Socket): void {
    const remote = remoteOf(socket);
    this.#byRemote.set(remote, socket);
    socket.once('close', () => {
      this.#waiting.leave(socket);
      if (this.#byRemote.get(remote) === socket) this.#byRemote.delete(remote);
    });
    this.#waiting.enter(socket, socket.remoteAddress ?? '')?.destroy();
  }

  finish(remote: string): void {
    const socket = this.#byRemote.get(remote);
    if (socket === undefined) return;
    this.#waiting.leave(socket);
    this.#byRemote.delete(remote);
  }

  /** Says why in plain words, to one who does not speak TLS, and closes. */
  fail(remote: string, lastWords: readonly Uint8Array[]): void {
    const socket = this.#byRemote.get(remote);
    if (socket?.writable) for (const chunk of lastWords) socket.write(chunk);
    socket?.destroySoon();
  }
}
