// Every read that is let go is linearizable: its index is at least what anybody knew to be committed when it was asked.
// Checked in random runs in which a leader is cut off again and again while the others go on, with restarts, transfers, late
// messages and clocks that drift apart; for reads by rounds and by leases, at leaders and followers.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Action,
  type Durability,
  type Event,
  type NodeId,
  RaftError,
  type ReadPolicy,
} from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { bytes, textOf } from './support/node.js';

const VOTERS: readonly NodeId[] = [1, 2, 3];
const CONTEXTS_MAX = 100_000;

/** A cluster whose servers have clocks of their own: real time, times a rate, from some offset of each life. */
class ReadingCluster extends Cluster {
  /** Reads that were let go, and how many of those without a round of their own. */
  readonly answered = { reads: 0, leases: 0 };
  #realMs = 1000;
  readonly #rates: readonly number[];
  readonly #asked: Map<string, number> = new Map();
  #contexts = 0;

  constructor(options: { durability: Durability; readPolicy: ReadPolicy; rates: readonly number[] }) {
    const { durability, readPolicy, rates } = options;
    const config = {
      readPolicy,
      leaseMs: 100,
      clockDriftMax: 0.1,
      electionTimeoutTicks: [5, 9],
      heartbeatTicks: 1,
    } as const;
    super({ voters: VOTERS, durability, config });
    this.#rates = rates;
  }

  advance(ms: number): void {
    this.#realMs += ms;
  }

  /** A tick of everybody, and all that follows from it. */
  beat(ms: number): void {
    this.advance(ms);
    this.tickAll();
  }

  override step(id: NodeId, event: Event): Action[] {
    const now = Math.floor(this.#realMs * (this.#rates[id - 1] ?? 1)) + id * 1_000_000;
    const actions = super.step(id, { ...event, now } as Event); // events without a time ignore it
    for (const action of actions) if (action.type === 'readReady') this.#check(action, event);
    return actions;
  }

  read(id: NodeId): void {
    this.#contexts += 1;
    const context = `${this.#contexts % CONTEXTS_MAX}`;
    this.#asked.set(context, Math.max(...VOTERS.map((voter) => this.node(voter).commitIndex)));
    this.step(id, { type: 'read', context: bytes(context) });
  }

  #check({ context, index }: Extract<Action, { type: 'readReady' }>, cause: Event): void {
    const known = this.#asked.get(textOf(context));
    if (known === undefined) throw new Error(`a read that nobody asked was answered: ${textOf(context)}`);
    if (index < known)
      throw new Error(
        `a stale read: ${index} is committed, but ${known} was when it was asked\n${this.describe()}`,
      );
    this.#asked.delete(textOf(context));
    this.answered.reads += 1;
    if (cause.type === 'read') this.answered.leases += 1;
  }
}

/** While the leader is cut off and its own time stands still, the others go on; then it is asked. */
interface Coup {
  /** What the others send to the leader meanwhile comes late, instead of never. */
  readonly isLate: boolean;
  /** Beats of the whole cluster since the last coup: what the leader has heard of the others. */
  readonly beatsBefore: number;
  /** The others' ticks, and how much real time each of them takes. */
  readonly ticks: number;
  readonly tickMs: number;
  /** The leader begins with a transfer to one of the others. */
  readonly hasTransfer: boolean;
  /** The others are restarted in the middle. */
  readonly hasRestart: boolean;
  /** Messages of the new leader's election that are delivered before everybody is asked for the first time. */
  readonly deliveries: number;
}

const coups = fc.array(
  fc.record<Coup>({
    isLate: fc.boolean(),
    beatsBefore: fc.integer({ min: 1, max: 8 }),
    ticks: fc.integer({ min: 1, max: 40 }),
    tickMs: fc.constantFrom(1, 2, 5, 10),
    hasTransfer: fc.boolean(),
    hasRestart: fc.boolean(),
    deliveries: fc.nat(12),
  }),
  { minLength: 1, maxLength: 8 },
);

function attempt(cluster: ReadingCluster, coup: Coup): void {
  for (let i = 0; i < coup.beatsBefore; i++) cluster.beat(5);
  const { leader } = cluster;
  if (leader === undefined) return;
  const others = VOTERS.filter((id) => id !== leader);
  if (coup.hasTransfer) ask(cluster, leader, { type: 'transferLeadership', to: others[0] ?? 0 });
  cluster.tick(leader); // a round whose answers it hears late or never
  for (let i = 0; i < coup.deliveries; i++) cluster.deliverNext();
  cutOff(cluster, leader, coup.isLate);
  for (let i = 0; i < coup.ticks; i++) {
    if (coup.hasRestart && i === Math.floor(coup.ticks / 2)) for (const id of others) cluster.restart(id);
    cluster.advance(coup.tickMs);
    for (const id of others) cluster.tick(id);
    if (i % 4 === 0) for (const id of others) cluster.read(id);
    cluster.settle();
  }
  for (const id of others)
    if (cluster.node(id).isLeader) ask(cluster, id, { type: 'propose', command: bytes('new') });
  cluster.settle();
  for (const id of VOTERS) cluster.read(id);
  cluster.fate = () => 'deliver';
  cluster.release();
  for (let i = 0; i < coup.deliveries; i++) cluster.deliverNext();
  for (const id of VOTERS) cluster.read(id);
  cluster.settle();
}

/** Nothing reaches the others from the leader; what they send to it is held, or lost. */
function cutOff(cluster: Cluster, leader: NodeId, isLate: boolean): void {
  cluster.fate = ({ from, to }) => {
    if (from === leader) return 'drop';
    if (to !== leader) return 'deliver';
    return isLate ? 'hold' : 'drop';
  };
}

function ask(cluster: Cluster, id: NodeId, event: Event): void {
  try {
    cluster.step(id, event);
  } catch (error) {
    if (!(error instanceof RaftError) || error.code === 'STORAGE') throw error; // a refusal is an answer
  }
}

it.each<readonly [ReadPolicy, Durability]>([
  ['linearizable', 'inline'],
  ['linearizable', 'deferred'],
  ['lease', 'inline'],
  ['lease', 'deferred'],
])('P110 P112 P114 P115 P116: no read is ever stale (%s, %s)', (readPolicy, durability) => {
  const rates = fc.array(fc.constantFrom(1, 1.05, 1.099), { minLength: 3, maxLength: 3 });
  const total = { reads: 0, leases: 0 };
  fc.assert(
    fc.property(coups, rates, (list, clocks) => {
      const cluster = new ReadingCluster({ durability, readPolicy, rates: clocks });
      for (let i = 0; i < 40; i++) cluster.beat(5);
      for (const coup of list) attempt(cluster, coup);
      total.reads += cluster.answered.reads;
      total.leases += cluster.answered.leases;
    }),
    { numRuns: 50, seed: 2026 },
  );
  // The runs are the same everywhere (their seed is fixed), and they are about something.
  expect(total.reads).toBeGreaterThan(500);
  expect(total.leases > 100).toBe(readPolicy === 'lease');
});
