// All servers of a soak: which are members, which run, and the links between them. An id that was removed may come back,
// with an empty directory, as a new server.

import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatEndpoint, NodeClock, NodeNetwork, parseEndpoint } from '@waldb/io';
import { foundedClusterId } from '@waldb/runtime';
import { Links } from '@waldb/testkit';
import type { Program } from '../../packages/wal/test/support/process/program.js';
import type { LifeEvent, ReadPolicy, Request, ServerPlan, Status } from './protocol.js';
import { NoAnswerError, ServerProcess } from './server-process.js';

/** Ids that a soak ever uses: the founders and those who may join. */
export const IDS_MAX = 8;
const ASK_MS = 3000;
const STATUS_MS = 1000;
const PORT_MIN = 15_000;
const PORTS = 15_000;

export interface ClusterOptions {
  readonly directory: string;
  readonly servers: number;
  readonly snapshotThreshold: number;
  readonly readPolicy: ReadPolicy;
  readonly program: Program;
  readonly onEvent: (id: number, event: LifeEvent) => void;
  /** A server ended, and nobody had asked it to. */
  readonly onUnwantedEnd: (id: number, how: string) => void;
}

export class SoakCluster {
  readonly links: Links;
  readonly addresses: Readonly<Record<number, string>>;
  readonly #options: ClusterOptions;
  readonly #clientPorts: readonly number[];
  readonly #via = new Map<number, Record<string, string>>();
  readonly #founders: Readonly<Record<number, string>>;
  readonly #running = new Map<number, ServerProcess>();
  /** Servers that are to run, in the end, and how each begins. */
  readonly #origins = new Map<number, 'bootstrap' | 'join'>();

  static async create(options: ClusterOptions): Promise<SoakCluster> {
    const ports = await freePorts(IDS_MAX * 2);
    const cluster = new SoakCluster(options, ports);
    await cluster.#openLinks();
    return cluster;
  }

  private constructor(options: ClusterOptions, ports: readonly number[]) {
    this.#options = options;
    this.links = new Links({ network: new NodeNetwork(), clock: new NodeClock() });
    this.#clientPorts = ports.slice(IDS_MAX);
    this.addresses = Object.fromEntries(ids(IDS_MAX).map((id) => [id, `127.0.0.1:${ports[id - 1]}`]));
    this.#founders = Object.fromEntries(ids(options.servers).map((id) => [id, this.#addressOf(id)]));
    for (const id of ids(options.servers)) this.#origins.set(id, 'bootstrap');
  }

  /** Those that were started at some time and not given up: whether they run now or not. */
  get ids(): number[] {
    return [...this.#origins.keys()].sort((a, b) => a - b);
  }

  get freeIds(): number[] {
    return ids(IDS_MAX).filter((id) => !this.#origins.has(id));
  }

  running(id: number): ServerProcess | undefined {
    const server = this.#running.get(id);
    return server?.isRunning === true ? server : undefined;
  }

  get runningIds(): number[] {
    return this.ids.filter((id) => this.running(id) !== undefined);
  }

  start(id: number): void {
    if (this.running(id) !== undefined) return;
    const origin = this.#origins.get(id) ?? 'bootstrap';
    const server = new ServerProcess(this.#options.program, this.#planOf(id, origin), (event) =>
      this.#options.onEvent(id, event),
    );
    this.#running.set(id, server);
    void server.ended.then((how) => {
      if (!server.isEndWanted) this.#options.onUnwantedEnd(id, how);
    });
  }

  /** A server that is to join, on an empty directory. */
  startJoining(id: number): void {
    rmSync(this.#directoryOf(id), { recursive: true, force: true });
    this.#origins.set(id, 'join');
    this.start(id);
  }

  /** Ends a server that was removed for good. */
  async giveUp(id: number): Promise<void> {
    this.#origins.delete(id);
    await this.end(id, 'SIGKILL');
  }

  async end(id: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const server = this.running(id);
    if (server === undefined) return;
    if (server.isPaused) server.signal('SIGCONT'); // one that is stopped does not hear
    server.signal(signal);
    await server.ended;
  }

  ask(id: number, request: Request, timeoutMs: number = ASK_MS): Promise<unknown> {
    return this.running(id)?.ask(request, timeoutMs) ?? Promise.reject(new NoAnswerError(false));
  }

  async status(id: number): Promise<Status | undefined> {
    try {
      return (await this.ask(id, { type: 'status' }, STATUS_MS)) as Status; // our own program
    } catch {
      return undefined; // it is down, paused or starting: there is no status
    }
  }

  /** The leader, if there is one that is sure of it. */
  async leader(): Promise<{ readonly id: number; readonly status: Status } | undefined> {
    const all = await Promise.all(this.runningIds.map(async (id) => ({ id, status: await this.status(id) })));
    const leading = all.flatMap(({ id, status }) => (status?.isReady === true ? [{ id, status }] : []));
    return leading.sort((a, b) => b.status.term - a.status.term)[0];
  }

  /** Until `isSo`, or the time is up. */
  async waitFor(isSo: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      if (await isSo()) return true;
      await sleep(100);
    }
    return false;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.end(id, 'SIGKILL')));
    await this.links.close();
  }

  async #openLinks(): Promise<void> {
    for (const id of ids(IDS_MAX)) this.links.register(id, endpointOf(this.#addressOf(id)));
    for (const from of ids(IDS_MAX)) {
      const via: Record<string, string> = {};
      for (const to of ids(IDS_MAX)) {
        if (from === to) continue;
        via[this.#addressOf(to)] = formatEndpoint(
          await this.links.listen(from, endpointOf(this.#addressOf(to))),
        );
      }
      this.#via.set(from, via);
    }
  }

  #planOf(id: number, origin: 'bootstrap' | 'join'): ServerPlan {
    const directory = this.#directoryOf(id);
    mkdirSync(directory, { recursive: true });
    const others = Object.fromEntries(
      Object.entries(this.addresses).filter(([other]) => this.#isOther(id, Number(other))),
    );
    const cluster = foundedClusterId('', this.#founders);
    return {
      id,
      directory,
      listen: this.#addressOf(id),
      clientPort: this.#clientPorts[id - 1] ?? 0,
      ...(origin === 'join'
        ? { join: { members: others, cluster } }
        : { bootstrap: { members: this.#founders } }),
      via: this.#via.get(id) ?? {},
      snapshotThreshold: this.#options.snapshotThreshold,
      requestTimeoutMs: ASK_MS,
      readPolicy: this.#options.readPolicy,
    };
  }

  #isOther(id: number, other: number): boolean {
    return other !== id && this.#origins.has(other);
  }

  #directoryOf(id: number): string {
    return join(this.#options.directory, String(id));
  }

  #addressOf(id: number): string {
    return this.addresses[id] ?? '';
  }
}

function ids(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

function endpointOf(address: string): { host: string; port: number } {
  const endpoint = parseEndpoint(address);
  if (endpoint === undefined) throw new Error(`${address} is no address`);
  return endpoint;
}

/**
 * Ports that were free a moment ago, below those that the machine gives to outgoing connections: of those, one could be taken
 * while its server is down.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = PORT_MIN + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isListening) await new Promise((resolve) => probe.close(resolve));
  return isListening;
}
