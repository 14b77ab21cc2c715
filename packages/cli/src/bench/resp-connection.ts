// A connection to a store, as narrow as measuring it needs: commands out, replies in, in order.

import { connect, type Socket } from 'node:net';
import { type Endpoint, formatEndpoint } from '@waldb/io';
import RedisParser from 'redis-parser';
import { EXIT, ExitError } from '../exit.js';

/** What the store answered with an error: its text, as Redis has it. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
}

const CONNECT_MS_MAX = 5_000;

type Waiter = (reply: unknown) => void;

export class RespConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiter[] = [];
  #failure: Error | undefined;

  /** Errors: `ExitError`. */
  static async open(endpoint: Endpoint): Promise<RespConnection> {
    const socket = connect({ ...endpoint, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new ExitError(EXIT.failed, `No store answers at ${formatEndpoint(endpoint)}: ${why}.`));
      socket.setTimeout(CONNECT_MS_MAX, () => fail(`it said nothing for ${CONNECT_MS_MAX / 1000} s`));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        fail(error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message),
      );
      socket.once('connect', resolve);
    });
    socket.setTimeout(0);
    return new RespConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const deliver = (reply: unknown): void => this.#waiting.shift()?.(reply);
    const parser = new RedisParser({
      returnReply: deliver,
      returnError: (error: Error) => deliver(new StoreError(error.message)),
      returnFatalError: (error: Error) => this.#end(error),
    });
    socket.removeAllListeners('error');
    socket.on('data', (bytes) => parser.execute(bytes));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection was closed')));
  }

  /**
   * Sends commands that are encoded already, all at once; `onReply` gets the reply of each, a `StoreError` among them.
   * Resolves after the last. Errors: the connection's.
   */
  send(commands: readonly Buffer[], onReply: (reply: unknown, nth: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      let missing = commands.length;
      for (let nth = 0; nth < commands.length; nth++) {
        this.#waiting.push((reply) => {
          if (this.#failure !== undefined) return reject(this.#failure);
          onReply(reply, nth);
          missing -= 1;
          if (missing === 0) resolve();
        });
      }
      this.#socket.write(commands.length === 1 ? (commands[0] as Buffer) : Buffer.concat(commands)); // one at least
    });
  }

  /** The reply of one command; an error is thrown. */
  async ask(...words: string[]): Promise<unknown> {
    let answer: unknown;
    await this.send([encodeCommand(words)], (reply) => {
      answer = reply;
    });
    if (answer instanceof StoreError) throw answer;
    return answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #end(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    for (const waiter of this.#waiting.splice(0)) waiter(undefined);
  }
}

export function encodeCommand(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}
