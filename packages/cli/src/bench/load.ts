// Clients that ask as fast as they are answered, for a while, and what they saw. Each waits for the replies of what it
// sent before it sends more: a store that stands still is asked nothing meanwhile, and its stall counts once for each
// client. When the leader is lost, every client goes on with the next one; what was not answered is counted, and not
// asked again.

import { LogHistogram } from '@waldb/io';
import { type Interruption, Interruptions } from './interruptions.js';
import { firstWord, isNotHere, type LeaderRoute } from './leader-route.js';
import { encodeCommand, type RespConnection, StoreError } from './resp-connection.js';

export interface LoadOptions {
  readonly route: LeaderRoute;
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
  /** When nobody was answered, for want of a leader. */
  readonly interruptions: readonly Interruption[];
  /** How many more there were. */
  readonly interruptionsUntold: number;
  /** Commands whose outcome no client knows: their connection broke off, or the store said that it does not know either. */
  readonly unanswered: number;
}

export const KEY_PREFIX = 'waldb-bench:';

/** Errors: `ExitError`, and the connection's. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { route, clients, seconds, onSecond } = options;
  const connections = await Promise.all(Array.from({ length: clients }, () => route.connect()));
  const load = new Load(options);
  let told = { at: performance.now(), count: 0 };
  const teller = setInterval(() => {
    const now = performance.now();
    onSecond(load.answered - told.count, (now - told.at) / 1000);
    told = { at: now, count: load.answered };
  }, 1000);
  try {
    const until = load.began + seconds * 1000;
    await Promise.all(connections.map((connection) => load.runClient(connection, until)));
  } finally {
    clearInterval(teller);
  }
  return load.result();
}

class Load {
  readonly began: number = performance.now();
  readonly #options: LoadOptions;
  readonly #drawn: () => Drawn;
  readonly #set: Measured = { operation: 'SET', latency: new LogHistogram() };
  readonly #get: Measured = { operation: 'GET', latency: new LogHistogram() };
  readonly #errors: Record<string, number> = {};
  readonly #interruptions = new Interruptions(this.began);
  #unanswered = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#drawn = drawer(options);
  }

  get answered(): number {
    return this.#set.latency.count + this.#get.latency.count;
  }

  result(): LoadResult {
    return {
      seconds: (performance.now() - this.began) / 1000,
      measured: [this.#set, this.#get].filter(({ latency }) => latency.count > 0),
      errors: this.#errors,
      interruptions: this.#interruptions.list,
      interruptionsUntold: this.#interruptions.untold,
      unanswered: this.#unanswered,
    };
  }

  async runClient(first: RespConnection, until: number): Promise<void> {
    let connection = first;
    try {
      while (performance.now() < until) {
        if (await this.#ask(connection)) continue;
        this.#interruptions.broke();
        connection = await this.#options.route.reconnect(connection);
      }
    } finally {
      connection.close();
    }
  }

  /** One pipeline. False: its server is not the leader, or gone. */
  async #ask(connection: RespConnection): Promise<boolean> {
    const wanted = Array.from({ length: this.#options.pipeline }, this.#drawn);
    const commands = wanted.map(({ command }) => command);
    const sentAt = performance.now();
    let isHere = true;
    let waiting = wanted.length;
    try {
      await connection.send(commands, (reply, nth) => {
        waiting -= 1;
        if (reply instanceof StoreError) isHere = this.#note(firstWord(reply)) && isHere;
        else this.#record(wanted[nth]?.isRead ? this.#get : this.#set, sentAt);
      });
      return isHere;
    } catch {
      // Whatever broke the connection: what it had not answered is not known.
      this.#unanswered += waiting;
      return false;
    }
  }

  #record({ latency }: Measured, sentAt: number): void {
    const now = performance.now();
    latency.record(Math.round((now - sentAt) * 1000));
    this.#interruptions.answered(now);
  }

  /** Whether the server is still the one to ask. */
  #note(word: string): boolean {
    if (word === 'UNCERTAIN') this.#unanswered += 1;
    if (isNotHere(word)) return false;
    this.#errors[word] = (this.#errors[word] ?? 0) + 1;
    return true;
  }
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
export async function removeKeys(route: LeaderRoute, keys: number): Promise<void> {
  const connection = await route.connect();
  try {
    for (let from = 0; from < keys; from += DELETED_AT_ONCE) {
      const count = Math.min(DELETED_AT_ONCE, keys - from);
      await connection.ask('DEL', ...Array.from({ length: count }, (_, nth) => `${KEY_PREFIX}${from + nth}`));
    }
  } finally {
    connection.close();
  }
}
