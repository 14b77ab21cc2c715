// Real servers in this process: real directories, real sockets on the loopback, real time. What tests wait for is a
// condition, generously; never a moment.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeClock, NodeNetwork, parseEndpoint } from '@waldb/io';
import { Links } from '@waldb/testkit';
import { expect, onTestFinished } from 'vitest';
import { type CloseOptions, RaftServer, type RaftServerOptions } from '../../src/index.js';
import { ListMachine } from './list-machine.js';

export const WAIT: { timeout: number } = { timeout: 45_000 };

export type TestOptions = Partial<RaftServerOptions<number>>;

export interface Member {
  readonly server: RaftServer<number>;
  readonly machine: ListMachine;
}

/** A directory that goes with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-runtime-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Addresses on ports that were free a moment ago. */
export async function freeAddresses(count: number): Promise<string[]> {
  const probes = Array.from({ length: count }, () => createServer());
  const ports: string[] = [];
  for (const probe of probes) {
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const address = probe.address();
    if (typeof address === 'object' && address !== null) ports.push(`127.0.0.1:${address.port}`);
  }
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

/** Starts one server, closed with the test. */
export async function startServer(options: TestOptions & { id: number; directory: string }): Promise<Member> {
  const machine = options.stateMachine instanceof ListMachine ? options.stateMachine : new ListMachine();
  const server = await RaftServer.start<number>({
    tickMs: 10,
    ...options,
    stateMachine: options.stateMachine ?? machine,
  });
  onTestFinished(() => server.close({ transfer: false }));
  return { server, machine };
}

/** A cluster whose servers can be closed and started again on the same directories. */
export class Cluster {
  readonly root: string = temporaryDirectory();
  readonly addresses: Record<number, string> = {};
  readonly members = new Map<number, Member>();
  /** What the servers say to each other passes here, and can be cut, delayed or held. */
  readonly links = new Links({ network: new NodeNetwork(), clock: new NodeClock() });
  readonly #options: TestOptions;

  private constructor(addresses: readonly string[], options: TestOptions) {
    addresses.forEach((address, i) => {
      this.addresses[i + 1] = address;
      this.#register(i + 1, address);
    });
    this.#options = options;
  }

  /** `optionsOf` adds what one server has for itself. */
  static async start(
    size: number,
    options: TestOptions = {},
    optionsOf: (id: number) => TestOptions = () => ({}),
  ): Promise<Cluster> {
    const cluster = new Cluster(await freeAddresses(size), options);
    await Promise.all(cluster.ids.map((id) => cluster.startOne(id, optionsOf(id))));
    return cluster;
  }

  get ids(): number[] {
    return Object.keys(this.addresses).map(Number);
  }

  async startOne(id: number, options: TestOptions = {}): Promise<Member> {
    const member = await startServer({
      id,
      directory: join(this.root, String(id)),
      bootstrap: { members: this.addresses },
      // A server with certificates has a network of its own, with links that cannot be broken.
      ...(options.tls === undefined ? { network: this.links.networkOf(id) } : {}),
      ...this.#options,
      ...options,
    });
    this.members.set(id, member);
    return member;
  }

  /** A server outside the founding members, on an address of its own. */
  async startJoining(id: number, options: TestOptions = {}): Promise<Member & { address: string }> {
    const [address = ''] = await freeAddresses(1);
    const anyone = [...this.members.values()][0];
    if (anyone === undefined) throw new Error('nobody to join');
    this.#register(id, address);
    const { [id]: _own, ...others } = anyone.server.status().addresses;
    const member = await startServer({
      id,
      directory: join(this.root, String(id)),
      listen: address,
      network: this.links.networkOf(id),
      ...this.#options,
      ...options,
      join: { members: others, cluster: anyone.server.clusterId },
    });
    this.members.set(id, member);
    return { ...member, address };
  }

  /** Removes a closed server's directory: a disk that was lost. */
  wipe(id: number): void {
    rmSync(join(this.root, String(id)), { recursive: true });
  }

  async closeOne(id: number, options: CloseOptions = {}): Promise<void> {
    await this.member(id).server.close(options);
    this.members.delete(id);
  }

  member(id: number): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`server ${id} is not running`);
    return member;
  }

  /**
   * The leader that all running servers agree on, or those of `ids` if only these reach each other, and that has
   * committed in its term.
   */
  async leader(ids?: readonly number[]): Promise<Member & { id: number }> {
    let found: number | undefined;
    await expect
      .poll(() => {
        const asked = [...this.members].filter(([id]) => ids === undefined || ids.includes(id));
        const leading = asked.filter(([, { server }]) => server.status().leadership?.isReady);
        found = leading.map(([id]) => id).find((id) => asked.every(([, { server }]) => server.leader === id));
        return found;
      }, WAIT)
      .toBeDefined();
    const id = found as number; // the poll has seen it
    return { id, ...this.member(id) };
  }

  /** Waits until every running server shows the same `length` items. */
  async agreeOn(length: number): Promise<string[]> {
    await expect
      .poll(() => [...this.members.values()].map(({ machine }) => machine.items.length), WAIT)
      .toEqual([...this.members.keys()].map(() => length));
    const [first = [], ...others] = [...this.members.values()].map(({ machine }) => machine.items);
    for (const items of others) expect(items).toEqual(first);
    return first;
  }

  #register(id: number, address: string): void {
    const endpoint = parseEndpoint(address);
    if (endpoint !== undefined) this.links.register(id, endpoint);
  }
}
