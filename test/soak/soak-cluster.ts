// All servers of a soak: which are members, which run, and the links between them. An id that was removed may come back,
// with an empty directory, as a new server.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatEndpoint, NodeClock, NodeNetwork, parseEndpoint } from '@waldb/io';
import { foundedClusterId } from '@waldb/runtime';
import { Links } from '@waldb/testkit';
import type { Program } from '../../packages/wal/test/support/process/program.js';
import type { FaultyDisk } from '../support/faulty-disk/faulty-disk.js';
import { ServerDisk } from '../support/faulty-disk/server-disk.js';
import type { SmallDisk } from '../support/small-disk/small-disk.js';
import type { LifeEvent, Request, ServerPlan, Status, Variant } from './protocol.js';
import { issueServerCertificates, type ServerCertificates } from './server-certificates.js';
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
  readonly variant: Variant;
  /** Given, disks can be told to fail, and power can be lost. */
  readonly disk?: FaultyDisk;
  /** Given, every server has a small disk of its own, mounted at `directory`. Not together with `disk`. */
  readonly makeSmallDisk?: (directory: string) => SmallDisk;
  readonly program: Program;
  /** Has every server tell its protocol trace, in this directory. */
  readonly traceDirectory?: string;
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
  readonly #withoutPower = new Set<number>();
  /** Servers that are to run, in the end, and how each begins. */
  readonly #origins = new Map<number, 'bootstrap' | 'join'>();
  readonly #disks: ReadonlyMap<number, ServerDisk>;
  #certificates: ServerCertificates | undefined;

  static async create(options: ClusterOptions): Promise<SoakCluster> {
    const ports = await freePorts(IDS_MAX * 2);
    const cluster = new SoakCluster(options, ports);
    await cluster.#openLinks();
    if (options.variant.hasTls)
      cluster.#certificates = await issueServerCertificates(cluster.#clusterId, ids(IDS_MAX));
    return cluster;
  }

  private constructor(options: ClusterOptions, ports: readonly number[]) {
    this.#options = options;
    this.links = new Links({ network: new NodeNetwork(), clock: new NodeClock() });
    this.#clientPorts = ports.slice(IDS_MAX);
    this.addresses = Object.fromEntries(ids(IDS_MAX).map((id) => [id, `127.0.0.1:${ports[id - 1]}`]));
    this.#founders = Object.fromEntries(ids(options.servers).map((id) => [id, this.#addressOf(id)]));
    for (const id of ids(options.servers)) this.#origins.set(id, 'bootstrap');
    this.#disks = new Map(
      ids(IDS_MAX).map((id) => {
        const root = join(options.directory, String(id));
        return [id, new ServerDisk(root, { disk: options.disk, small: options.makeSmallDisk?.(root) })];
      }),
    );
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

  /** Whether disks can be told to fail, be filled, lose power. */
  get canDisks(): { readonly fail: boolean; readonly fill: boolean; readonly losePower: boolean } {
    const { canFill, canLosePower } = this.disk(1);
    return { fail: this.#options.disk !== undefined, fill: canFill, losePower: canLosePower };
  }

  /** The disk of a server, whether it runs or not. */
  disk(id: number): ServerDisk {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`There is no server ${id}.`);
    return disk;
  }

  /** How often disks did each thing wrong. */
  get diskFaults(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const { counts } of this.#disks.values())
      for (const [kind, times] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + times;
    return sum;
  }

  /** What is done to a server's disk while nobody may use it: it is started only when that is over. */
  async withoutPower(id: number, run: () => Promise<unknown>): Promise<void> {
    if (this.#withoutPower.has(id)) return;
    this.#withoutPower.add(id);
    try {
      await run();
    } finally {
      this.#withoutPower.delete(id);
    }
  }

  /** Unless it runs, or has no power: whoever took that starts it. */
  start(id: number): void {
    if (this.running(id) !== undefined || this.#withoutPower.has(id)) return;
    const origin = this.#origins.get(id) ?? 'bootstrap';
    const server = new ServerProcess({
      program: this.#options.program,
      plan: this.#planOf(id, origin),
      environment: this.disk(id).begin(),
      onEvent: (event) => this.#options.onEvent(id, event),
    });
    this.#running.set(id, server);
    void server.ended.then((how) => {
      if (!server.isEndWanted) this.#options.onUnwantedEnd(id, how);
    });
  }

  /** A server that is to join, on an empty directory. */
  startJoining(id: number): void {
    this.disk(id).erase();
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
    for (const disk of this.#disks.values()) disk.close();
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
    const tls = this.#certificates?.get(id);
    const { variant, traceDirectory } = this.#options;
    const { readPolicy, machine, ballastBytes } = variant;
    const others = Object.fromEntries(
      Object.entries(this.addresses).filter(([other]) => this.#isOther(id, Number(other))),
    );
    return {
      id,
      directory: this.disk(id).directory,
      listen: this.#addressOf(id),
      clientPort: this.#clientPorts[id - 1] ?? 0,
      ...(origin === 'join'
        ? { join: { members: others, cluster: this.#clusterId } }
        : { bootstrap: { members: this.#founders } }),
      via: this.#via.get(id) ?? {},
      snapshotThreshold: this.#options.snapshotThreshold,
      requestTimeoutMs: ASK_MS,
      readPolicy,
      machine,
      ballastBytes,
      ...(tls === undefined ? {} : { tls }),
      ...(traceDirectory === undefined ? {} : { protocolTrace: join(traceDirectory, `${id}.ndjson`) }),
    };
  }

  get #clusterId(): string {
    return foundedClusterId('', this.#founders);
  }

  #isOther(id: number, other: number): boolean {
    return other !== id && this.#origins.has(other);
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
