// A server among peers that the test plays: the server is real, with its log, its sockets and its loop, but its time moves
// only when the test says so, and its peers hear everything and say what the test wants, over real connections.

import { join } from 'node:path';
import type { Message, MessageType } from '@waldb/core';
import { NodeClock, NodeNetwork, parseEndpoint } from '@waldb/io';
import { TcpTransport } from '@waldb/transport';
import { expect, onTestFinished } from 'vitest';
import { foundedClusterId, type RaftServer } from '../../src/index.js';
import { freeAddresses, startServer, type TestOptions, temporaryDirectory, WAIT } from './cluster.js';
import type { ListMachine } from './list-machine.js';
import { ManualClock } from './manual-clock.js';

export const TICK_MS = 10;
export const ELECTION_TICKS: readonly [number, number] = [10, 20];

type Heard<Type extends MessageType> = Extract<Message, { type: Type }>;

/** What a peer answers by itself. */
export type Answers = 'votes' | 'appends' | 'heartbeats';

export class PlayedPeer {
  readonly id: number;
  readonly heard: Message[] = [];
  readonly answers: Set<Answers> = new Set();
  readonly #transport: TcpTransport;

  private constructor(id: number, listening: (onMessage: (message: Message) => void) => TcpTransport) {
    this.id = id;
    this.#transport = listening((message) => this.#hear(message));
  }

  static async start(options: {
    readonly id: number;
    readonly addresses: Readonly<Record<number, string>>;
  }): Promise<PlayedPeer> {
    const { id, addresses } = options;
    let hear: (message: Message) => void = () => {};
    const transport = await TcpTransport.listen({
      clusterId: foundedClusterId('', addresses),
      nodeId: id,
      logId: `${id}`.padStart(32, '0'),
      address: addresses[id] ?? '',
      listen: endpointOf(addresses[id]),
      network: new NodeNetwork(),
      clock: new NodeClock(),
      random: () => 0.5,
      onMessage: (message) => hear(message),
      // The server's time stands still between two ticks, and its pings with it.
      limits: { silenceMs: 600_000, pingIntervalMs: 300_000 },
    });
    onTestFinished(() => transport.close());
    transport.setPeer(1, endpointOf(addresses[1]));
    return new PlayedPeer(id, (onMessage) => {
      hear = onMessage;
      return transport;
    });
  }

  /** Everything said in one turn arrives together. */
  say(...messages: readonly Message[]): void {
    for (const message of messages) this.#transport.send(1, message);
  }

  async isConnected(): Promise<void> {
    await expect.poll(() => this.#transport.stats().peers[1]?.state, WAIT).toBe('connected');
  }

  /** The first message of this kind that is as wanted, heard already or to come. */
  async hears<Type extends MessageType>(
    type: Type,
    isWanted: (message: Heard<Type>) => boolean = () => true,
  ): Promise<Heard<Type>> {
    const find = () => this.allHeard(type).find(isWanted);
    await expect.poll(find, WAIT).toBeDefined();
    return find() as Heard<Type>; // the poll has seen it
  }

  allHeard<Type extends MessageType>(type: Type): Heard<Type>[] {
    return this.heard.filter((message): message is Heard<Type> => message.type === type);
  }

  vote(request: Heard<'requestVote'>): Message {
    return { type: 'requestVoteReply', from: this.id, to: 1, term: request.term, voteGranted: true };
  }

  acknowledge({ term, prevLogIndex, entries }: Heard<'appendEntries'>): Message {
    return {
      type: 'appendEntriesReply',
      from: this.id,
      to: 1,
      term,
      success: true,
      prevLogIndex,
      matchIndex: prevLogIndex + entries.length,
      hintIndex: 0,
      hintTerm: 0,
    };
  }

  answer({ term, round }: Heard<'heartbeat'>): Message {
    return { type: 'heartbeatReply', from: this.id, to: 1, term, round };
  }

  #hear(message: Message): void {
    this.heard.push(message);
    if (message.type === 'requestVote' && this.answers.has('votes')) this.say(this.vote(message));
    if (message.type === 'appendEntries' && this.answers.has('appends')) this.say(this.acknowledge(message));
    if (message.type === 'heartbeat' && this.answers.has('heartbeats')) this.say(this.answer(message));
  }
}

export interface Stage {
  readonly server: RaftServer<number>;
  readonly machine: ListMachine;
  readonly peers: readonly PlayedPeer[];
  /** Lets so many ticks pass, one after the other. */
  tick(count?: number): Promise<void>;
  /** Ticks until it is so; how many it took. */
  tickUntil(isSo: () => boolean): Promise<number>;
}

/** Server 1 of `size`, the others played. */
export async function setStage(size: number, options: TestOptions = {}): Promise<Stage> {
  const addresses = Object.fromEntries((await freeAddresses(size)).map((address, i) => [i + 1, address]));
  const ids = Object.keys(addresses).map(Number).slice(1);
  const peers = await Promise.all(ids.map((id) => PlayedPeer.start({ id, addresses })));
  const clock = new ManualClock();
  const { server, machine } = await startServer({
    id: 1,
    directory: join(temporaryDirectory(), '1'),
    bootstrap: { members: addresses },
    tickMs: TICK_MS,
    electionTimeoutTicks: ELECTION_TICKS,
    heartbeatTicks: 2,
    requestTimeoutMs: 600_000,
    ...options,
    raft: { preVote: false, ...options.raft },
    clock,
  });
  const pump = turnAlways(clock);
  // A close waits for its peers, for a while: time has to pass again.
  onTestFinished(async () => {
    const passing = setInterval(() => clock.sleep(TICK_MS), 1);
    await server.close();
    clearInterval(passing);
    clearInterval(pump);
  });
  for (const peer of peers) await peer.isConnected();
  const tick = async (count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) {
      clock.sleep(TICK_MS);
      await turns();
    }
  };
  const tickUntil = async (isSo: () => boolean): Promise<number> => {
    let ticks = 0;
    for (; !isSo(); ticks++) await tick();
    return ticks;
  };
  return { server, machine, peers, tick, tickUntil };
}

/** The server becomes leader by the votes of the peers that give theirs. */
export async function elect({ server, tickUntil }: Stage): Promise<void> {
  await tickUntil(() => server.status().role !== 'follower');
  await expect.poll(() => server.isLeader, WAIT).toBe(true);
}

/** Turns come by themselves, as in a real process; only time does not pass. */
function turnAlways(clock: ManualClock): NodeJS.Timeout {
  return setInterval(() => clock.turn(), 1);
}

async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

function endpointOf(address: string | undefined): { host: string; port: number } {
  const endpoint = parseEndpoint(address ?? '');
  if (endpoint === undefined) throw new Error(`${address} is no address`);
  return endpoint;
}
