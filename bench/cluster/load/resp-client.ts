// Speaks RESP2, one request at a time.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HOST } from '../stores/store.js';
import { connectToRead } from './connect-to-read.js';
import type { LoadClient } from './load-client.js';
import { KEYS, keyOf, type LoadTask } from './tasks.js';

const OK = '+OK\r\n';

/** Requests of a task by key, made once for all clients. */
export function respRequests({ operation, valueBytes }: LoadTask): Buffer[] {
  const value = 'x'.repeat(valueBytes);
  return Array.from({ length: KEYS }, (_, nth) =>
    encode(operation === 'set' ? ['SET', keyOf(nth), value] : ['GET', keyOf(nth)]),
  );
}

export async function connectResp(task: LoadTask, requests: readonly Buffer[]): Promise<LoadClient> {
  const answer = task.operation === 'set' ? OK : `$${task.valueBytes}\r\n${'x'.repeat(task.valueBytes)}\r\n`;
  return RespClient.open(task.port, requests, answer);
}

class RespClient implements LoadClient {
  static async open(port: number, requests: readonly Buffer[], answer: string): Promise<RespClient> {
    const client = new RespClient(requests, answer);
    client.#socket = connectToRead(port, (bytes) => client.#receive(bytes));
    await once(client.#socket, 'connect');
    return client;
  }

  #socket: Socket | undefined;
  readonly #requests: readonly Buffer[];
  readonly #answerBytes: number;
  /** Tells an answer from an error. */
  readonly #firstByte: number;
  #missing: number;
  #onAnswer: () => void = () => {};

  private constructor(requests: readonly Buffer[], answer: string) {
    this.#requests = requests;
    this.#answerBytes = answer.length;
    this.#firstByte = answer.charCodeAt(0);
    this.#missing = answer.length;
  }

  #receive(bytes: Buffer): void {
    if (this.#missing === this.#answerBytes && bytes[0] !== this.#firstByte) {
      throw new Error(`The store answered ${JSON.stringify(bytes.toString('latin1', 0, 100))}.`);
    }
    this.#missing -= bytes.length;
    if (this.#missing > 0) return;
    this.#missing = this.#answerBytes;
    this.#onAnswer();
  }

  request(nth: number, onAnswer: () => void): void {
    this.#onAnswer = onAnswer;
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
