// A connection to a store, as narrow as measuring it needs: commands out, replies in, in order.

import type { Socket } from 'node:net';
import { type Endpoint, formatEndpoint } from '@waldb/io';
import RedisParser from 'redis-parser';
import { dialStore, type StoreAccess } from '../clients/store-access.js';
import { EXIT, ExitError } from '../exit.js';

/** What the store answered with an error: its text, as Redis has it. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
}

const CONNECT_MS_MAX = 5_000;

type Waiter = (reply: unknown) => void;

export class RespConnection {
  /** Who is at the other end. */
  readonly endpoint: Endpoint;
  readonly #socket: Socket;
  readonly #waiting: Waiter[] = [];
  #failure: Error | undefined;

  /** Logged in, if there is somebody to be. Errors: `ExitError`; `refused` where the store does not let us in. */
  static async open(endpoint: Endpoint, access: StoreAccess): Promise<RespConnection> {
    const { socket, connected } = dialStore(endpoint, access);
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(
          new ExitError(EXIT.failed, `No store answers at ${formatEndpoint(endpoint)}: ${why}.`, {
            code: 'NO_ANSWER',
          }),
        );
      socket.setTimeout(CONNECT_MS_MAX, () => fail(`it said nothing for ${CONNECT_MS_MAX / 1000} s`));
      socket.once('error', (error) => fail(whyUnreachable(error)));
      socket.once(connected, resolve);
    });
    socket.setTimeout(0);
    const connection = new RespConnection(endpoint, socket);
    if (access.login !== undefined) await connection.#logIn(access.login);
    return connection;
  }

  private constructor(endpoint: Endpoint, socket: Socket) {
    this.endpoint = endpoint;
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

  async #logIn({ user, password }: { readonly user: string; readonly password: string }): Promise<void> {
    try {
      await this.ask('AUTH', user, password);
    } catch (error) {
      this.close();
      if (!(error instanceof StoreError)) throw error;
      throw new ExitError(EXIT.refused, `The store does not let ${user} in: ${error.message}`, {
        cause: error,
        code: 'LOGIN_REFUSED',
      });
    }
  }

  #end(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    for (const waiter of this.#waiting.splice(0)) waiter(undefined);
  }
}

function whyUnreachable(error: NodeJS.ErrnoException): string {
  const { code = '', message } = error;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  const isMistrust = /CERT|SIGNATURE|ALTNAME/.test(code);
  return isMistrust ? `its certificate is not trusted (${message}): --tls-ca names an authority` : message;
}

export function encodeCommand(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`);
}
