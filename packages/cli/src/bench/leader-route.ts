// Where the leader is, for all clients of a load: when one of them loses it, it is looked for once, and the others wait for
// what is found. A store without a leader is asked again for a while, since that is what a failover looks like.

import { type Endpoint, formatEndpoint } from '@waldb/io';
import type { StoreAccess } from '../clients/store-access.js';
import { EXIT, ExitError } from '../exit.js';
import { pause } from '../members/pause.js';
import { RespConnection, StoreError } from './resp-connection.js';

const ASK_AGAIN_MS = 50;
/** A store that has no leader for so long is not measured any more. */
const SEARCH_MS_MAX = 30_000;
/** More servers than a store has: what is told of addresses is not believed without end. */
const SERVERS_MAX = 64;
/** What a server says that is no leader, or not any more. */
const NOT_HERE = new Set(['MOVED', 'CLUSTERDOWN', 'UNCERTAIN']);

export class LeaderRoute {
  readonly #access: StoreAccess;
  /** Everybody that was ever told of, who may know the leader. */
  readonly #servers: Endpoint[];
  #leader: Endpoint;
  #search: Promise<void> | undefined;

  /** Asks `server`, any of the store. Errors: `ExitError`, `StoreError`. */
  static async through(server: Endpoint, access: StoreAccess): Promise<LeaderRoute> {
    const [leader = server, ...others] = await askForServers(server, access);
    return new LeaderRoute([leader, ...others, server], access);
  }

  private constructor(servers: readonly [Endpoint, ...Endpoint[]], access: StoreAccess) {
    this.#access = access;
    this.#leader = servers[0];
    this.#servers = [];
    this.#learn(servers);
  }

  get leader(): Endpoint {
    return this.#leader;
  }

  connect(): Promise<RespConnection> {
    return RespConnection.open(this.#leader, this.#access);
  }

  /** A connection to whoever leads now, after `lost` is of no use any more. Errors: `ExitError` when nobody leads for long. */
  async reconnect(lost: RespConnection): Promise<RespConnection> {
    lost.close();
    const until = performance.now() + SEARCH_MS_MAX;
    for (let isStale = same(lost.endpoint, this.#leader); ; isStale = true) {
      // One search for all that wait; who comes later finds what it found.
      if (isStale) {
        this.#search ??= this.#find().finally(() => {
          this.#search = undefined;
        });
        await this.#search;
      }
      try {
        return await this.connect();
      } catch (error) {
        if (!(error instanceof ExitError) || error.exitCode === EXIT.refused) throw error;
      }
      if (performance.now() >= until)
        throw new ExitError(EXIT.failed, `The store has no leader for ${SEARCH_MS_MAX / 1000} s.`, {
          code: 'NO_ANSWER',
        });
    }
  }

  /** One look at every server; the leader is who most lately said so and was believed by whoever answered. */
  async #find(): Promise<void> {
    for (const server of [...this.#servers]) {
      const found = await askForServers(server, this.#access).catch(() => []);
      this.#learn(found);
      const [leader] = found;
      if (leader !== undefined && (await leads(leader, this.#access))) {
        this.#leader = leader;
        return;
      }
    }
    await pause(ASK_AGAIN_MS);
  }

  #learn(servers: readonly Endpoint[]): void {
    for (const server of servers) {
      const isKnown = this.#servers.some((one) => same(one, server));
      if (!isKnown && this.#servers.length < SERVERS_MAX) this.#servers.push(server);
    }
  }
}

/** Whether an error says that this server is not the one to ask. */
export function isNotHere(word: string): boolean {
  return NOT_HERE.has(word);
}

/** The leader, then the others; empty where the store cannot say. Errors: `ExitError`, `StoreError`. */
async function askForServers(server: Endpoint, access: StoreAccess): Promise<Endpoint[]> {
  const connection = await RespConnection.open(server, access);
  try {
    // [[first slot, last slot, [host, port, ...] of the leader, the same of the others ...], ...], as Redis documents it.
    const slots = await connection.ask('CLUSTER', 'SLOTS').catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      if (isNotHere(firstWord(error))) return [];
      if (firstWord(error) !== 'NOAUTH') throw error;
      const hint = 'say --user, and --password-file or WALDB_PASSWORD';
      throw new ExitError(EXIT.refused, `The store wants to know who asks: ${hint}.`, {
        cause: error,
        code: 'LOGIN_REFUSED',
      });
    });
    const [first] = Array.isArray(slots) ? slots : [];
    return (Array.isArray(first) ? first.slice(2) : []).flatMap((one: unknown) => {
      const [host, port] = Array.isArray(one) ? one : [];
      return typeof host === 'string' && host !== '' && typeof port === 'number' ? [{ host, port }] : [];
    });
  } finally {
    connection.close();
  }
}

/** A follower that has not heard of the end of its leader still names it. */
async function leads(server: Endpoint, access: StoreAccess): Promise<boolean> {
  try {
    const [leader] = await askForServers(server, access);
    return leader !== undefined && same(leader, server);
  } catch {
    return false; // whoever cannot be asked cannot be used either; the search goes on
  }
}

export function firstWord(error: StoreError): string {
  return error.message.split(' ', 1)[0] ?? '';
}

function same(a: Endpoint, b: Endpoint): boolean {
  return formatEndpoint(a) === formatEndpoint(b);
}
