// Clients that ask as fast as they are answered, for a while, and what they saw. Each waits for the replies of what it
// sent before it sends more: a store that stands still is asked nothing meanwhile, and its stall counts once for each
// client.

import { type Endpoint, LogHistogram } from '@waldb/io';
import { encodeCommand, RespConnection, StoreError } from './resp-connection.js';

export interface LoadOptions {
  readonly endpoint: Endpoint;
  readonly clients: number;
  /** Commands that a client sends at once. */
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  /** Of a hundred commands. */
  readonly reads: number;
  readonly seconds: number;
  /** Called about once a second with the commands answered since the last call, and the seconds that it took. */
  readonly onSecond: (commands: number, seconds: number) => void;
}

export interface Measured {
  readonly operation: 'SET' | 'GET';
  /** From sending to the reply, in microseconds; of a pipeline, from when all of it was sent. */
  readonly latency: LogHistogram;
}

export interface LoadResult {
  readonly seconds: number;
  readonly measured: readonly Measured[];
  /** How many replies were errors, by their first word. */
  readonly errors: Readonly<Record<string, number>>;
}

export const KEY_PREFIX = 'waldb-bench:';

/** Errors: `ExitError`, and the connection's. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { endpoint, clients, seconds, onSecond } = options;
  const connections = await Promise.all(Array.from({ length: clients }, () => RespConnection.open(endpoint)));
  const set: Measured = { operation: 'SET', latency: new LogHistogram() };
  const get: Measured = { operation: 'GET', latency: new LogHistogram() };
  const errors: Record<string, number> = {};
  const began = performance.now();
  const until = began + seconds * 1000;
  const answered = (): number => set.latency.count + get.latency.count;
  let told = { at: began, count: 0 };
  const teller = setInterval(() => {
    const now = performance.now();
    onSecond(answered() - told.count, (now - told.at) / 1000);
    told = { at: now, count: answered() };
  }, 1000);
  try {
    const drawn = drawer(options);
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() < until) {
          const wanted = Array.from({ length: options.pipeline }, drawn);
          const sentAt = performance.now();
          await connection.send(
            wanted.map(({ command }) => command),
            (reply, nth) => {
              const { latency } = wanted[nth]?.isRead ? get : set;
              if (!(reply instanceof StoreError))
                return latency.record(Math.round((performance.now() - sentAt) * 1000));
              const [word = ''] = reply.message.split(' ');
              errors[word] = (errors[word] ?? 0) + 1;
            },
          );
        }
      }),
    );
  } finally {
    clearInterval(teller);
    for (const connection of connections) connection.close();
  }
  const measured = [set, get].filter(({ latency }) => latency.count > 0);
  return { seconds: (performance.now() - began) / 1000, measured, errors };
}

interface Drawn {
  readonly command: Buffer;
  readonly isRead: boolean;
}

/** Encoded as they are drawn; the value is always the same, so that drawing costs little beside sending. */
function drawer({ keys, reads, valueBytes }: LoadOptions): () => Drawn {
  const value = 'v'.repeat(valueBytes);
  return () => {
    const key = `${KEY_PREFIX}${Math.floor(Math.random() * keys)}`;
    const isRead = Math.random() * 100 < reads;
    return { command: encodeCommand(isRead ? ['GET', key] : ['SET', key, value]), isRead };
  };
}

const DELETED_AT_ONCE = 1000;

/** Takes away what the load has written. */
export async function removeKeys(endpoint: Endpoint, keys: number): Promise<void> {
  const connection = await RespConnection.open(endpoint);
  try {
    for (let from = 0; from < keys; from += DELETED_AT_ONCE) {
      const count = Math.min(DELETED_AT_ONCE, keys - from);
      await connection.ask('DEL', ...Array.from({ length: count }, (_, nth) => `${KEY_PREFIX}${from + nth}`));
    }
  } finally {
    connection.close();
  }
}

/** Who leads, asked of any server of the store. Errors: `ExitError`, `StoreError`. */
export async function findLeader(server: Endpoint): Promise<Endpoint> {
  const connection = await RespConnection.open(server);
  try {
    const slots = await connection.ask('CLUSTER', 'SLOTS');
    // [[first slot, last slot, [host, port, ...] of the owner, ...], ...], as Redis documents it.
    const owner: unknown = Array.isArray(slots) && Array.isArray(slots[0]) ? slots[0][2] : undefined;
    const [host, port] = Array.isArray(owner) ? owner : [];
    if (typeof host === 'string' && host !== '' && typeof port === 'number') return { host, port };
    return server;
  } finally {
    connection.close();
  }
}
