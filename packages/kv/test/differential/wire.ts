// A client that shows replies as the bytes they are, one request after the other. What comes without being asked for (RESP3) is
// kept apart.

import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { request } from '../raw-client.js';
import { type ReplyTree, readReply } from './reply-tree.js';

/** What is answered once the server has closed the connection. */
export const CLOSED: ReplyTree = { sign: 'closed', text: '', members: [] };

export class Wire {
  static async open(options: NetConnectOpts): Promise<Wire> {
    const socket = connect(options);
    const wire = new Wire(socket);
    await once(socket, 'connect');
    return wire;
  }

  readonly #socket: Socket;
  readonly #waiting: ((reply: ReplyTree) => void)[] = [];
  /** While everything is listened to. */
  #onAny: ((reply: ReplyTree) => void) | undefined;
  /** What came while nobody waited. */
  #unasked: ReplyTree[] = [];
  #received = '';
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received += bytes.toString('latin1');
      this.#deliver();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      for (const resolve of this.#waiting.splice(0)) resolve(CLOSED);
      this.#onAny?.(CLOSED);
    });
  }

  /** The one reply to a request. What comes without being asked for is left out. */
  ask(...words: readonly string[]): Promise<ReplyTree> {
    if (this.#isClosed) return Promise.resolve(CLOSED);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(request(...words), 'latin1');
    });
  }

  /** Sends a request and gives everything that has come since the last time, and comes until a PING behind it is answered, messages included, in order. */
  hear(...words: readonly string[]): Promise<ReplyTree[]> {
    const heard = this.#unasked;
    this.#unasked = [];
    if (this.#isClosed) return Promise.resolve([CLOSED]);
    return new Promise((resolve) => {
      this.#onAny = (reply) => {
        if (!isMark(reply) && reply !== CLOSED) {
          heard.push(reply);
          return;
        }
        this.#onAny = undefined;
        resolve(heard);
      };
      this.#socket.write(request(...words) + request('PING', MARK), 'latin1');
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #deliver(): void {
    let start = 0;
    for (;;) {
      const read = readReply(this.#received, start);
      if (read === undefined) break;
      start = read.end;
      if (this.#onAny !== undefined) this.#onAny(read.tree);
      else if (read.tree.sign === '>' || this.#waiting.length === 0) this.#unasked.push(read.tree);
      else this.#waiting.shift()?.(read.tree);
    }
    this.#received = this.#received.slice(start);
  }
}

const MARK = 'mark of the end';

function isMark({ text, members }: ReplyTree): boolean {
  return text === MARK || (members[0]?.text === 'pong' && members[1]?.text === MARK);
}
