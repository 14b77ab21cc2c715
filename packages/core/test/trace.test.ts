// Determinism: the same configuration, log and events give the same actions, byte for byte. Whole runs are recorded by
// the trace hook, crashes and all, and played again on fresh nodes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Durability,
  describeEvent,
  type Event,
  type NodeId,
  type RaftConfig,
  RaftError,
  RaftNode,
  type TraceRecord,
} from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { bytes, electLeader, heartbeat, nodeWithLog, propose, receive } from './support/node.js';
import { refusal } from './support/refusal.js';
import type { StagedLog } from './support/staged-log.js';

/** One life of one server: what it began with, and every step it took. */
interface Life {
  readonly config: RaftConfig;
  readonly log: StagedLog;
  readonly steps: TraceRecord[];
}

/** A cluster of three, and a fourth server that may join, every life of which is recorded. */
class Recorded {
  readonly lives: Life[] = [];
  readonly cluster: Cluster;
  readonly #durability: Durability;
  readonly #present: Map<NodeId, Life> = new Map();

  constructor(durability: Durability) {
    this.#durability = durability;
    const trace = (record: TraceRecord): void => {
      this.#present.get(record.id)?.steps.push(record);
    };
    const config = { trace, snapshotThreshold: 8, maxApplyBytes: 100, maxBatchEntries: 3 };
    this.cluster = new Cluster({ voters: 3, learners: [4], durability, config });
    for (const id of this.cluster.ids) {
      const peers = [1, 2, 3].filter((peer) => peer !== id);
      this.#begin(id, { id, peers, learners: [4], ...config });
    }
  }

  restart(id: NodeId, torn: boolean): void {
    const log = this.cluster.log(id);
    this.cluster.restart(id, {
      keepSeq: torn ? log.durableSeq + Math.floor((log.stagedSeq() - log.durableSeq) / 2) : log.durableSeq,
    });
    const config = this.#present.get(id)?.config;
    if (config === undefined) throw new Error(`server ${id} never began`);
    this.#begin(id, { ...config, incarnation: (config.incarnation ?? 0) + 1 });
  }

  #begin(id: NodeId, config: RaftConfig): void {
    const life = { config, log: this.cluster.log(id).crash(), steps: [] };
    this.lives.push(life);
    this.#present.set(id, life);
  }

  /** Plays every life again; fails at the first action that differs. */
  replay(): number {
    let steps = 0;
    for (const { config, log, steps: recorded } of this.lives) {
      const { trace: _, ...silent } = config;
      const node = RaftNode.withLog(silent, log, { durability: this.#durability });
      for (const { event, actions, after } of recorded) {
        const replayed = node.step(event);
        const now = [node.role, node.term, node.commitIndex, node.lastApplied];
        const then = [after.role, after.term, after.commitIndex, after.lastApplied];
        // Compared as text: half a million calls of `expect` would take longer than the runs.
        if (wholeText([now, replayed]) !== wholeText([then, actions])) {
          expect([describeEvent(event), now, replayed]).toEqual([describeEvent(event), then, actions]);
          throw new Error('the replay differs in a byte that toEqual does not see');
        }
        steps += 1;
      }
    }
    return steps;
  }
}

/** Every field of everything, bytes in hex. */
function wholeText(values: readonly unknown[]): string {
  return JSON.stringify(values, (_key, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}

type Stroke = readonly [what: string, id: NodeId, n: number];

const strokes = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('tickAll', 'tickAll', 'propose', 'deliver', 'read') },
      { weight: 2, arbitrary: fc.constantFrom('tick', 'cut', 'heal', 'crash', 'snapshot', 'stall', 'flush') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('addLearner', 'promote', 'remove', 'transfer', 'joint', 'reorder'),
      },
    ),
    fc.integer({ min: 1, max: 4 }),
    fc.nat(20),
  ),
  { minLength: 20, maxLength: 120 },
);

function strike(run: Recorded, [what, id, n]: Stroke): void {
  const { cluster } = run;
  const other = (id % 4) + 1;
  const leader = cluster.leader ?? id;
  const ask = (to: NodeId, event: Event): void => {
    try {
      cluster.step(to, event);
    } catch (error) {
      if (!(error instanceof RaftError) || error.code === 'STORAGE') throw error; // a refusal is an answer
    }
  };
  switch (what) {
    case 'tickAll':
      return cluster.tickAll(n);
    case 'propose':
      return ask(leader, {
        type: 'proposeBatch',
        commands: Array.from({ length: (n % 4) + 1 }, (_, i) => bytes(`${n}.${i}`)),
      });
    case 'deliver':
      for (let i = 0; i < n; i++) cluster.deliverNext();
      return;
    case 'read':
      return ask(id, { type: 'read', context: bytes(`${n}`) });
    case 'tick':
      cluster.tick(id, n);
      return;
    case 'cut':
      return cluster.cut(id, other);
    case 'heal':
      cluster.stalledDisks.clear();
      return cluster.heal();
    case 'crash':
      return run.restart(id, n % 2 === 0);
    case 'snapshot': {
      const index = cluster.node(id).lastApplied;
      return ask(id, { type: 'snapshot', index, data: bytes('state'), keepEntries: n % 5 });
    }
    case 'stall':
      cluster.stalledDisks.add(id);
      return;
    case 'flush':
      ask(id, { type: 'durable', seq: cluster.log(id).makeDurable() });
      return;
    case 'addLearner':
      return ask(leader, { type: 'addLearner', id });
    case 'promote':
      return ask(leader, { type: 'promoteLearner', id });
    case 'remove':
      return ask(leader, { type: 'removeServer', id: n % 4 === 0 ? id : 4 });
    case 'transfer':
      return ask(leader, { type: 'transferLeadership', to: id });
    case 'joint':
      return ask(leader, { type: 'changeMembership', voters: n % 2 === 0 ? [1, 2, 3] : [2, 3, 4] });
    case 'reorder':
      cluster.queue.reverse();
      return;
  }
}

describe('replay', () => {
  it.each<Durability>(['inline', 'deferred'])(
    'any run, %s, played again gives the same actions byte for byte',
    (durability) => {
      fc.assert(
        fc.property(strokes, (list) => {
          const run = new Recorded(durability);
          run.cluster.tickAll(30);
          for (const stroke of list) strike(run, stroke);
          expect(run.replay()).toBeGreaterThan(100);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('two nodes with another seed time out differently', () => {
    const timeouts = (seed: number): number[] => {
      const node = new RaftNode({
        id: 1,
        peers: [2, 3],
        seed,
        preVote: false,
        electionTimeoutTicks: [10, 1000],
      });
      const ticks: number[] = [];
      for (let i = 0; i < 5000; i++) {
        const { term } = node;
        node.step({ type: 'tick' });
        if (node.term > term) ticks.push(i);
      }
      return ticks;
    };
    expect(timeouts(1)).toEqual(timeouts(1));
    expect(timeouts(1)).not.toEqual(timeouts(2));
  });
});

describe('the trace hook', () => {
  it('tells what happened, the state before and after, and what came out', () => {
    const records: TraceRecord[] = [];
    const node = nodeWithLog({ config: { trace: (record) => records.push(record) } });
    const event: Event = { type: 'message', message: heartbeat(node, 2, { term: 3 }) };
    const actions = node.step(event);
    const { configuration } = node;
    const before = {
      role: 'follower',
      term: 0,
      votedFor: undefined,
      leader: undefined,
      commitIndex: 0,
      lastApplied: 0,
      lastIndex: 0,
      snapshotIndex: 0,
      stagedSeq: 0,
      durableSeq: 0,
      configuration,
    };
    expect(records).toEqual([
      {
        id: 1,
        event,
        before,
        after: { ...before, term: 3, leader: 2, stagedSeq: 1, durableSeq: 1 },
        actions,
        syncs: [{ actions: actions.length, seq: 1 }],
      },
    ]);
  });

  it('is called for every step that was taken, and for no refused one', () => {
    const records: TraceRecord[] = [];
    const node = nodeWithLog({ peers: [], config: { trace: (record) => records.push(record) } });
    electLeader(node);
    const steps = records.length;
    propose(node, 'a');
    expect(refusal(() => node.step({ type: 'removeServer', id: 9 }))).toMatch(/^CONFIG_INVALID/);
    receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 0 });
    expect(records.slice(steps).map(({ event }) => event.type)).toEqual(['proposeBatch', 'message']);
  });
});
