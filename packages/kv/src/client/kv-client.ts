// The store for the process that runs a server of it: the commands as typed methods, without a socket. What is asked in one
// turn of the event loop shares a log entry and a read round, as with clients on sockets.
//
// Each call is on its own: what must come after something else awaits it.

import { type Clock, NodeClock } from '@waldb/io';
import { KvError } from '../kv-error.js';
import { transactionOf } from '../operation/entry-codec.js';
import { compilePattern } from '../operation/glob.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply, type Reply } from '../resp/reply.js';
import { Lane, type ReplyPlace } from '../server/lane.js';
import { OperationScheduler } from '../server/operation-scheduler.js';
import type { Replica } from '../server/replica.js';
import { DEFAULT_SERVER_LIMITS } from '../server/server-limits.js';
import { Sweeper } from '../server/sweeper.js';
import type { KvStateMachine } from '../state/kv-state-machine.js';
import { watchToken } from '../state/watch-table.js';
import {
  calls,
  fromStored,
  type KvCall,
  type KvExpireOptions,
  type KvExpiry,
  type KvSetOptions,
  type KvText,
  toStored,
} from './calls.js';
import { EventStream } from './event-stream.js';

export interface KvClientOptions {
  /** `raftReplica(server)`; the server with `timeResolutionMs: TIME_RESOLUTION_MS`. */
  readonly replica: Replica;
  /** The state machine that the server applies to. */
  readonly stateMachine: KvStateMachine;
  /** `linearizable` (default) sees every write acknowledged before; `stale` answers at once from what this server has. */
  readonly reads?: 'linearizable' | 'stale';
  /** Events of one `watch` or `subscribe` that wait to be read. Default 10,000. */
  readonly watchEventsMax?: number;
  /** Tells this client's watches from those of others on the same server. Default: its time of birth. */
  readonly name?: string;
  readonly clock?: Clock;
}

/** A change of a key; `event` is Redis's name: `set`, `del`, `expire`, `expired`, `incrby`, ... */
export interface KvChange {
  readonly event: string;
  readonly key: string;
}

export interface KvMessage {
  readonly channel: string;
  readonly message: string;
}

export interface KvScanOptions {
  readonly prefix?: string;
  /** As in Redis: `*`, `?`, `[a-z]`. */
  readonly match?: string;
  /** Keys looked at in one step. Default 1000. */
  readonly count?: number;
}

type Results<Calls extends readonly KvCall<unknown>[]> = {
  -readonly [Nth in keyof Calls]: Calls[Nth] extends KvCall<infer Result> ? Result : never;
};

const WATCH_EVENTS_MAX = 10_000;
const SCAN_COUNT = 1000;
const TRANSACTION_ATTEMPTS_MAX = 32;

export class KvClient {
  readonly #options: KvClientOptions;
  readonly #clock: Clock;
  readonly #scheduler: OperationScheduler;
  readonly #sweeper: Sweeper;
  readonly #streams = new Set<{ end(): void }>();
  readonly #name: string;
  #watches = 0;

  constructor(options: KvClientOptions) {
    const { replica, stateMachine, clock = new NodeClock() } = options;
    this.#options = options;
    this.#clock = clock;
    this.#name = options.name ?? `client ${clock.date()} ${clock.now()}`;
    this.#scheduler = new OperationScheduler({
      replica,
      readState: (operation) => this.#readState(operation),
      explain: (error) => new Failure(error),
      defer: (callback) => clock.defer(callback),
      limits: DEFAULT_SERVER_LIMITS,
    });
    this.#sweeper = new Sweeper({ replica, stateMachine, clock });
  }

  /** Ends its watches. What is under way still answers. */
  close(): void {
    this.#sweeper.close();
    for (const stream of [...this.#streams]) stream.end();
  }

  /** Errors: the runtime's, such as `NOT_LEADER`; `COMMAND_REFUSED` where the command cannot be carried out on what is there. */
  async run<Result>({ operation, isWrite, decode }: KvCall<Result>): Promise<Result> {
    if (!isWrite && this.#options.reads === 'stale') return decode(accepted(this.#readState(operation)));
    return decode(await this.#submit(operation, isWrite));
  }

  /** All of them with nothing between; each result where its call stands. One that is refused rejects, the others are done. */
  async multi<const Calls extends readonly KvCall<unknown>[]>(list: Calls): Promise<Results<Calls>> {
    const replies = await this.#submitTransaction('', list);
    return decodeAll(list, replies as readonly Reply[]); // without a watch it is always carried out
  }

  /**
   * Runs `body`, and then what it returns as one transaction, if none of the keys has changed meanwhile; else again, `attemptsMax` times
   * (32). `body` must do nothing that may not be repeated. Errors: those of `run`; `TRANSACTION_CONFLICT`.
   */
  async transaction<const Calls extends readonly KvCall<unknown>[]>(
    watched: readonly KvText[],
    body: () => Promise<Calls>,
    { attemptsMax = TRANSACTION_ATTEMPTS_MAX }: { readonly attemptsMax?: number } = {},
  ): Promise<Results<Calls>> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const token = await this.#watchKeys(watched);
      const list = await body().catch(async (error: unknown) => {
        await this.#submit({ code: OPERATION.unwatch, args: [token] }, true).catch(() => undefined); // the next term forgets it
        throw error;
      });
      const replies = await this.#submitTransaction(token, list);
      if (replies !== null) return decodeAll(list, replies as readonly Reply[]);
    }
    throw new KvError(
      'TRANSACTION_CONFLICT',
      `The watched keys changed in each of ${attemptsMax} attempts.`,
      {
        attempts: attemptsMax,
      },
    );
  }

  /** Keys in order. What is there all the time comes once; what comes or goes meanwhile may come. */
  async *scan({ prefix = '', match, count = SCAN_COUNT }: KvScanOptions = {}): AsyncGenerator<string> {
    const pattern = `${escapePattern(toStored(prefix))}*`;
    const matches = match === undefined ? undefined : compilePattern(toStored(match)).matches;
    let begin: string | null = '';
    while (begin !== null) {
      const args: string[] = [begin, pattern, String(count)];
      const call: KvCall<readonly [string | null, readonly string[]]> = {
        operation: { code: OPERATION.scan, args },
        isWrite: false,
        decode: (reply) => reply as unknown as readonly [string | null, readonly string[]], // what a scan answers
      };
      const [next, keys] = await this.run(call);
      for (const key of keys) if (matches === undefined || matches(key)) yield fromStored(key);
      begin = next;
    }
  }

  /** Changes that this server applies from now on, of one key, of keys with a prefix, or of all. Errors: `WATCH_OVERFLOW`. */
  watch(wanted: { readonly key?: string; readonly prefix?: string } = {}): AsyncIterableIterator<KvChange> {
    const key = wanted.key === undefined ? undefined : toStored(wanted.key);
    const prefix = toStored(wanted.prefix ?? '');
    return this.#listen<KvChange>((push) => ({
      onChange: (event, changed) => {
        const isWanted = key === undefined ? changed.startsWith(prefix) : changed === key;
        if (isWanted) push({ event, key: fromStored(changed) });
      },
      onMessage: () => undefined,
    }));
  }

  /** Messages on channels that match a pattern, as this server applies them from now on. Errors: `WATCH_OVERFLOW`. */
  subscribe(pattern: string): AsyncIterableIterator<KvMessage> {
    const { matches } = compilePattern(toStored(pattern));
    return this.#listen<KvMessage>((push) => ({
      onChange: () => undefined,
      onMessage: (channel, message) => {
        if (matches(channel)) push({ channel: fromStored(channel), message: fromStored(message) });
      },
    }));
  }

  get(key: KvText): Promise<string | undefined> {
    return this.run(calls.get(key));
  }

  getBytes(key: KvText): Promise<Uint8Array | undefined> {
    return this.run(calls.getBytes(key));
  }

  mGet(keys: readonly KvText[]): Promise<(string | undefined)[]> {
    return this.run(calls.mGet(keys));
  }

  /** Whether it was set. */
  set(key: KvText, value: KvText, options?: KvSetOptions): Promise<boolean> {
    return this.run(calls.set(key, value, options));
  }

  getSet(key: KvText, value: KvText, options?: KvSetOptions): Promise<string | undefined> {
    return this.run(calls.getSet(key, value, options));
  }

  getDel(key: KvText): Promise<string | undefined> {
    return this.run(calls.getDel(key));
  }

  getEx(key: KvText, expiry: KvExpiry): Promise<string | undefined> {
    return this.run(calls.getEx(key, expiry));
  }

  mSet(entries: Iterable<readonly [KvText, KvText]>): Promise<void> {
    return this.run(calls.mSet(entries));
  }

  incrBy(key: KvText, by: number | bigint = 1): Promise<bigint> {
    return this.run(calls.incrBy(key, by));
  }

  append(key: KvText, value: KvText): Promise<number> {
    return this.run(calls.append(key, value));
  }

  /** How many of them were there. */
  del(...keys: readonly KvText[]): Promise<number> {
    return this.run(calls.del(keys));
  }

  exists(...keys: readonly KvText[]): Promise<number> {
    return this.run(calls.exists(keys));
  }

  pExpire(key: KvText, milliseconds: number, options?: KvExpireOptions): Promise<boolean> {
    return this.run(calls.pExpire(key, milliseconds, options));
  }

  persist(key: KvText): Promise<boolean> {
    return this.run(calls.persist(key));
  }

  /** Milliseconds; null: the key stays; undefined: there is none. */
  pTtl(key: KvText): Promise<number | null | undefined> {
    return this.run(calls.pTtl(key));
  }

  dbSize(): Promise<number> {
    return this.run(calls.dbSize());
  }

  publish(channel: KvText, message: KvText): Promise<void> {
    return this.run(calls.publish(channel, message));
  }

  #readState(operation: Operation): Reply {
    return this.#options.stateMachine.read(operation, this.#clock.date());
  }

  async #watchKeys(keys: readonly KvText[]): Promise<string> {
    const { term, id } = this.#options.replica.cluster();
    this.#watches += 1;
    const token = watchToken(term, `${id}.${this.#name}.${this.#watches}`);
    if (keys.length > 0) {
      await this.#submit({ code: OPERATION.watch, args: [token, ...keys.map(toStored)] }, true);
      return token;
    }
    return '';
  }

  #submitTransaction(token: string, list: readonly KvCall<unknown>[]): Promise<Reply> {
    const operations = list.map(({ operation }) => operation);
    return this.#submit(transactionOf(token, operations), true);
  }

  #submit(operation: Operation, isWrite: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const place: ReplyPlace = {
        get reply() {
          return undefined;
        },
        set reply(reply: Reply | undefined) {
          if (reply instanceof Failure) reject(reply.cause);
          else if (reply instanceof ErrorReply) reject(refused(reply));
          else if (reply !== undefined) resolve(reply);
        },
      };
      const lane = new Lane(() => undefined);
      this.#scheduler.submit({ operation, isWrite, key: undefined, lane, place, finish: undefined });
    });
  }

  #listen<Event>(
    listenerOf: (push: (event: Event) => void) => Parameters<KvStateMachine['listen']>[0],
  ): AsyncIterableIterator<Event> {
    const { stateMachine, watchEventsMax = WATCH_EVENTS_MAX } = this.#options;
    const stream: EventStream<Event> = new EventStream<Event>(watchEventsMax, () => {
      endListening();
      this.#streams.delete(stream);
    });
    const endListening = stateMachine.listen(listenerOf((event) => stream.push(event)));
    this.#streams.add(stream);
    return stream;
  }
}

/** Carries what went wrong past those who only hand replies on. */
class Failure extends ErrorReply {
  readonly cause: unknown;
  constructor(cause: unknown) {
    super('ERR');
    this.cause = cause;
  }
}

function accepted(reply: Reply): Reply {
  if (reply instanceof ErrorReply) throw refused(reply);
  return reply;
}

function refused({ text }: ErrorReply): KvError {
  return new KvError('COMMAND_REFUSED', `The command cannot be carried out: ${text.replace(/^ERR /, '')}.`, {
    reply: text,
  });
}

function decodeAll<const Calls extends readonly KvCall<unknown>[]>(
  list: Calls,
  replies: readonly Reply[],
): Results<Calls> {
  const decoded = list.map(({ decode }, nth) => decode(accepted(replies[nth] as Reply))); // one reply for each
  return decoded as Results<Calls>; // in the order of the calls, each decoded by its own
}

function escapePattern(text: string): string {
  return text.replace(/[*?[\]\\^]/g, '\\$&');
}
