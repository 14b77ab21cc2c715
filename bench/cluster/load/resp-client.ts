// Speaks RESP2: each client has one request under way at a time, alone on its connection or beside others.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HOST } from '../stores/store.js';
import { connectToRead } from './connect-to-read.js';
import { connectClients, type LoadClient } from './load-client.js';
import { KEYS, keyOf, type LoadTask } from './tasks.js';

const OK = '+OK\r\n';
const PREFIX_BYTES = 2;

/** Requests of a task by key, made once for all clients. */
export function respRequests({ operation, valueBytes }: LoadTask): Buffer[] {
  const value = 'x'.repeat(valueBytes);
  return Array.from({ length: KEYS }, (_, nth) =>
    encode(operation === 'set' ? ['SET', keyOf(nth), value] : ['GET', keyOf(nth)]),
  );
}

export async function connectResp(task: LoadTask, requests: readonly Buffer[]): Promise<LoadClient[]> {
  const { operation, port, valueBytes } = task;
  const answer = operation === 'set' ? OK : `$${valueBytes}\r\n${'x'.repeat(valueBytes)}\r\n`;
  return connectClients(task, () => Connection.open(port, requests, answer));
}

/** Answers come in the order of the requests. All are alike. */
class Connection implements LoadClient {
  static async open(port: number, requests: readonly Buffer[], answer: string): Promise<Connection> {
    const connection = new Connection(requests, answer);
    connection.#socket = connectToRead(port, (bytes) => connection.#receive(bytes));
    await once(connection.#socket, 'connect');
    return connection;
  }

  #socket: Socket | undefined;
  readonly #requests: readonly Buffer[];
  readonly #answerBytes: number;
  /** How a right answer begins: neither an error nor a key that is not there has both bytes. */
  readonly #prefix: Buffer;
  /** Of the answer that is being received. */
  #missing: number;
  /** For each request that is not answered, in order. */
  #waiting: (() => void)[] = [];

  private constructor(requests: readonly Buffer[], answer: string) {
    this.#requests = requests;
    this.#answerBytes = answer.length;
    this.#prefix = Buffer.from(answer.slice(0, PREFIX_BYTES));
    this.#missing = answer.length;
  }

  #receive(bytes: Buffer): void {
    let answered = 0;
    for (let at = 0; at < bytes.length; ) {
      const known = this.#answerBytes - this.#missing;
      for (let nth = known; nth < PREFIX_BYTES && at + nth - known < bytes.length; nth++) {
        if (bytes[at + nth - known] === this.#prefix[nth]) continue;
        throw new Error(`The store answered ${JSON.stringify(bytes.toString('latin1', at, at + 100))}.`);
      }
      const taken = Math.min(this.#missing, bytes.length - at);
      at += taken;
      this.#missing -= taken;
      if (this.#missing > 0) break;
      this.#missing = this.#answerBytes;
      answered += 1;
    }
    // Whoever is told may ask again at once.
    for (const onAnswer of this.#waiting.splice(0, answered)) onAnswer();
  }

  request(nth: number, onAnswer: () => void): void {
    this.#waiting.push(onAnswer);
    this.#socket?.write(this.#requests[nth % KEYS] as Buffer); // there are KEYS
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** One request on a connection of its own; the first line of the answer. */
export async function askResp(port: number, words: readonly string[]): Promise<string> {
  const socket = connect({ port, host: HOST, noDelay: true });
  try {
    await once(socket, 'connect');
    socket.write(encode(words));
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes.toString('latin1');
  } finally {
    socket.destroy();
  }
}

function encode(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`, 'latin1');
}
