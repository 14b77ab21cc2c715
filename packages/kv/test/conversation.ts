// A client that sends requests one after the other and hands back replies as values: bytes as latin1, errors as their text.

import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import RedisParser from 'redis-parser';
import { request } from './raw-client.js';

export class Conversation {
  static async open(options: NetConnectOpts): Promise<Conversation> {
    const socket = connect(options);
    const conversation = new Conversation(socket);
    await once(socket, 'connect');
    return conversation;
  }

  readonly #socket: Socket;
  readonly #waiting: ((reply: unknown) => void)[] = [];
  /** What came without being asked for. */
  readonly pushed: unknown[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    const take = (reply: unknown): void => {
      const next = this.#waiting.shift();
      if (next === undefined) this.pushed.push(readable(reply));
      else next(readable(reply));
    };
    const parser = new RedisParser({
      returnBuffers: true,
      returnReply: take,
      returnError: take,
      returnFatalError: (error: Error) => {
        throw error;
      },
    });
    socket.on('data', (bytes: Buffer) => parser.execute(bytes));
    socket.on('error', () => undefined);
  }

  ask(...words: readonly string[]): Promise<unknown> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(request(...words), 'latin1');
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

function readable(reply: unknown): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1');
  if (reply instanceof Error) return `-${reply.message}`;
  return Array.isArray(reply) ? reply.map(readable) : reply;
}
