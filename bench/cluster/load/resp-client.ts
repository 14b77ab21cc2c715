// Speaks RESP2, one request at a time.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HOST } from '../stores/store.js';
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
  const socket = connect({ port: task.port, host: HOST, noDelay: true });
  await once(socket, 'connect');
  const answer = task.operation === 'set' ? OK : `$${task.valueBytes}\r\n${'x'.repeat(task.valueBytes)}\r\n`;
  return new RespClient(socket, requests, answer.length, answer.slice(0, 4));
}

class RespClient implements LoadClient {
  readonly #socket: Socket;
  readonly #requests: readonly Buffer[];
  #missing = 0;
  #onAnswer: () => void = () => {};

  constructor(socket: Socket, requests: readonly Buffer[], answerBytes: number, answerHead: string) {
    this.#socket = socket;
    this.#requests = requests;
    this.#missing = answerBytes;
    socket.on('data', (bytes) => {
      if (this.#missing === answerBytes && bytes.toString('latin1', 0, 4) !== answerHead) {
        throw new Error(`The store answered ${JSON.stringify(bytes.toString('latin1', 0, 100))}.`);
      }
      this.#missing -= bytes.length;
      if (this.#missing > 0) return;
      this.#missing = answerBytes;
      this.#onAnswer();
    });
    socket.on('error', (error) => {
      throw error;
    });
  }

  request(nth: number, onAnswer: () => void): void {
    this.#onAnswer = onAnswer;
    this.#socket.write(this.#requests[nth % KEYS] as Buffer); // there are KEYS
  }

  close(): void {
    this.#socket.destroy();
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
