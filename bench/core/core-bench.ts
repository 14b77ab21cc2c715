// The consensus core alone, on one core and in memory: how much of a machine the protocol itself costs.
//
// Each case runs `RUNS` times, the cases in turn, so that a noisy machine disturbs all alike; medians are printed. It is a
// process of its own (cases/core.ts starts it too): it counts allocations, which needs a heap that nobody else has used.
//   pnpm bench:core [--json]     (pnpm bench runs every benchmark there is)

import { type Action, type Message, type NodeId, RaftNode } from '@waldb/core';
import { caseTable } from '../harness/print-table.js';
import { atLeast, atMost, line, type Target, type Unit } from '../harness/result.js';

const RUNS = 7;
const COMMAND = new Uint8Array(128).fill(0x61);
const BATCH = Array.from({ length: 64 }, () => COMMAND);
/** The default of `maxInflightBytes`. */
const INFLIGHT_BYTES_MAX = 8 * 2 ** 20;

interface Case {
  readonly name: string;
  readonly unit: Unit;
  readonly target?: Target;
  run(): number;
}

const CASES: readonly Case[] = [
  { name: 'single node, batches of 64', unit: 'entries/s', target: atLeast(1_000_000), run: singleNode },
  { name: 'ring of three, batches of 64', unit: 'entries/s', target: atLeast(300_000), run: ring },
  { name: 'follower tick', unit: 'ns', target: atMost(200), run: followerTick },
  { name: 'heartbeat round, leader of three, allocates', unit: 'bytes', run: heartbeatBytes },
  {
    name: '10,000 entries to a dead peer: in flight',
    unit: 'bytes',
    target: atMost(INFLIGHT_BYTES_MAX),
    run: deadPeer,
  },
];

const results = new Map<string, number[]>(CASES.map((entry) => [entry.name, []]));
for (const entry of CASES) entry.run(); // warm up
for (let i = 0; i < RUNS; i++) for (const entry of CASES) results.get(entry.name)?.push(entry.run());
const lines = CASES.map(({ name, unit, target }) => line(name, unit, results.get(name) ?? [], target));
const isJson = process.argv.includes('--json');
const title = 'The consensus core alone, in memory';
console.log(isJson ? JSON.stringify(lines) : caseTable({ name: 'core', title, lines, notes: [] }));

function singleNode(): number {
  const node = leaderAlone();
  const rounds = 4000;
  const began = performance.now();
  for (let i = 0; i < rounds; i++) {
    node.step({ type: 'proposeBatch', commands: BATCH });
    if (i % 500 === 499) forget(node);
  }
  return (rounds * BATCH.length * 1000) / (performance.now() - began);
}

function ring(): number {
  const { nodes, leader } = electedRing();
  const rounds = 1500;
  const began = performance.now();
  for (let i = 0; i < rounds; i++) {
    deliver(nodes, leader.step({ type: 'proposeBatch', commands: BATCH }));
    if (i % 500 === 499) for (const node of nodes.values()) forget(node);
  }
  const seconds = (performance.now() - began) / 1000;
  return (rounds * BATCH.length) / seconds;
}

function followerTick(): number {
  const node = new RaftNode({ id: 1, peers: [2, 3], electionTimeoutTicks: [1_000_000_000, 1_000_000_000] });
  const ticks = 2_000_000;
  const event = { type: 'tick' } as const;
  const began = performance.now();
  for (let i = 0; i < ticks; i++) node.step(event);
  return ((performance.now() - began) * 1e6) / ticks;
}

/** Heap growth of one heartbeat round, from the tick to the answers counted; the collector is kept away by size. */
function heartbeatBytes(): number {
  const { nodes, leader } = electedRing();
  const rounds = 2000;
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < rounds; i++) {
    deliver(nodes, leader.step({ type: 'tick' }));
    deliver(nodes, leader.step({ type: 'tick' }));
  }
  return (process.memoryUsage().heapUsed - before) / rounds;
}

function deadPeer(): number {
  const { nodes, leader } = electedRing();
  const dead = [...nodes.keys()].find((id) => id !== leader.id) ?? 0;
  nodes.delete(dead);
  for (let i = 0; i < 10_000 / BATCH.length; i++)
    deliver(nodes, leader.step({ type: 'proposeBatch', commands: BATCH }));
  return leader.status().leadership?.peers.get(dead)?.inflightBytes ?? 0;
}

function leaderAlone(): RaftNode {
  const node = new RaftNode({ id: 1, peers: [] });
  while (!node.isLeader) node.step({ type: 'tick' });
  return node;
}

function electedRing(): { nodes: Map<NodeId, RaftNode>; leader: RaftNode } {
  const ids = [1, 2, 3];
  const nodes = new Map(
    ids.map((id) => [id, new RaftNode({ id, peers: ids.filter((peer) => peer !== id) })]),
  );
  for (;;) {
    for (const node of nodes.values()) {
      deliver(nodes, node.step({ type: 'tick' }));
      if (node.isLeader) return { nodes, leader: node };
    }
  }
}

/** Delivers everything that follows from `actions`, in order. */
function deliver(nodes: ReadonlyMap<NodeId, RaftNode>, actions: readonly Action[]): void {
  const queue: Message[] = [];
  gather(queue, actions);
  for (let at = 0; at < queue.length; at++) {
    const message = queue[at] as Message; // at < length
    const node = nodes.get(message.to);
    if (node !== undefined) gather(queue, node.step({ type: 'message', message }));
  }
}

function gather(queue: Message[], actions: readonly Action[]): void {
  for (const action of actions) if (action.type === 'send') queue.push(action.message);
}

/** Snapshots and compacts, so that a long run measures the protocol and not the heap. */
function forget(node: RaftNode): void {
  if (node.lastApplied > 0) node.step({ type: 'snapshot', index: node.lastApplied, data: new Uint8Array(0) });
}
