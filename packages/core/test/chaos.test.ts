// A network that loses, repeats and reorders everything, disks that crash with any staged prefix: the promises that the
// Cluster watches hold in every step, and what was acknowledged is there in the end.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Durability, describeEntry, type NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { bytes } from './support/node.js';

/** Numbers are turned into whichever message, server or seq there is at the moment. */
type Chaos =
  | { readonly type: 'deliver' | 'drop' | 'repeat'; readonly which: number }
  | { readonly type: 'deliverMany'; readonly count: number }
  | { readonly type: 'tick'; readonly which: number; readonly times: number }
  | { readonly type: 'propose'; readonly count: number }
  | { readonly type: 'snapshot'; readonly which: number }
  | { readonly type: 'flush'; readonly which: number; readonly share: number }
  | { readonly type: 'crash'; readonly which: number; readonly share: number; readonly torn: number };

const which = fc.nat({ max: 1000 });
const share = fc.nat({ max: 4 }).map((quarters) => quarters / 4);
const chaos: fc.Arbitrary<Chaos> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('deliver' as const), which }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('deliverMany' as const), count: fc.nat({ max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('drop' as const, 'repeat' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('tick' as const),
      which,
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('propose' as const), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('flush' as const), which, share }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('crash' as const), which, share, torn: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('snapshot' as const), which }) },
);

/** Carries out one piece of chaos; `name` makes what it proposes unique. */
function cause(cluster: Cluster, event: Chaos, name: number): void {
  switch (event.type) {
    case 'deliver': {
      const [message] = cluster.queue.splice(placeIn(cluster, event.which), 1);
      if (message !== undefined) cluster.deliver(message);
      return;
    }
    case 'deliverMany':
      for (let i = 0; i < event.count; i++) cluster.deliverNext();
      return;
    case 'drop':
      cluster.queue.splice(placeIn(cluster, event.which), 1);
      return;
    case 'repeat': {
      const message = cluster.queue[placeIn(cluster, event.which)];
      if (message !== undefined) cluster.queue.push(message);
      return;
    }
    case 'tick':
      cluster.tick(serverOf(cluster, event.which), event.times);
      return;
    case 'propose': {
      const texts = Array.from({ length: event.count }, (_, i) => `${name}.${i}`);
      if (cluster.leader !== undefined) cluster.propose(cluster.leader, ...texts);
      return;
    }
    case 'flush': {
      const id = serverOf(cluster, event.which);
      const { durableSeq, stagedSeq } = cluster.node(id).status();
      cluster.flush(id, durableSeq + Math.round(event.share * (stagedSeq - durableSeq)));
      return;
    }
    case 'crash':
      return crash(cluster, serverOf(cluster, event.which), event);
    case 'snapshot': {
      const id = serverOf(cluster, event.which);
      const index = cluster.node(id).lastApplied;
      if (index > cluster.log(id).snapshotIndex())
        cluster.step(id, { type: 'snapshot', index, data: bytes('state') });
      return;
    }
  }
}

function serverOf(cluster: Cluster, which: number): NodeId {
  return cluster.ids[which % cluster.ids.length] as NodeId; // in bounds
}

function placeIn(cluster: Cluster, which: number): number {
  return which % Math.max(1, cluster.queue.length);
}

function crash(cluster: Cluster, id: NodeId, { share, torn }: { share: number; torn: number }): void {
  const log = cluster.log(id);
  const keepSeq = log.durableSeq + Math.round(share * (log.stagedSeq() - log.durableSeq));
  const next = log.mutations[keepSeq];
  const tornEntries = next?.type === 'append' ? Math.min(torn, next.entries.length - 1) : 0;
  cluster.restart(id, { keepSeq, tornEntries });
}

/** Peace: everything works, somebody leads, and everybody has applied the same. */
function recover(cluster: Cluster): void {
  const leader = cluster.awaitLeader(3000);
  cluster.tickAll(400);
  const { lastApplied } = cluster.node(leader);
  for (const id of cluster.ids) expect([id, cluster.node(id).lastApplied]).toEqual([id, lastApplied]);
}

/** Everything that any server was given to apply, in order of index; the Cluster has checked that they agree. */
function history(cluster: Cluster): string[] {
  const log = cluster.log(cluster.leader as number);
  const texts: string[] = [];
  for (let index = log.firstIndex(); index <= log.lastIndex(); index++) {
    const entry = log.entry(index);
    if (entry?.kind === 'normal') texts.push(describeEntry(entry));
  }
  return texts;
}

describe('chaos', () => {
  it.each<[Durability, boolean]>([
    ['inline', false],
    ['inline', true],
    ['deferred', false],
    ['deferred', true],
  ])(
    'P25 §5: messages lost, repeated and reordered break no promise, and everybody agrees in the end (%s, pre-vote %s)',
    (durability, preVote) => {
      fc.assert(
        fc.property(
          fc.array(chaos, { minLength: 50, maxLength: 400, size: 'max' }),
          fc.nat({ max: 2 ** 30 }),
          (script, seed) => {
            const cluster = new Cluster({
              voters: 3,
              durability,
              config: (id) => ({
                preVote,
                seed: seed + id,
                electionTimeoutTicks: [4, 8],
                maxBatchEntries: 2,
                maxInflightMessages: 2,
              }),
            });
            cluster.elect(1);
            for (const [name, event] of script.entries()) {
              if (event.type !== 'crash' && event.type !== 'snapshot') cause(cluster, event, name);
            }
            recover(cluster);
            const texts = history(cluster);
            expect(new Set(texts).size).toBe(texts.length); // no command twice
            for (const id of cluster.ids) expect(cluster.applied(id).map(describeEntry)).toEqual(texts);
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  it('P46: crashes that keep any staged prefix, cut inside an append, lose nothing that was applied anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(chaos, { minLength: 50, maxLength: 400, size: 'max' }),
        fc.nat({ max: 2 ** 30 }),
        (script, seed) => {
          const cluster = new Cluster({
            voters: 3,
            durability: 'deferred',
            config: (id) => ({ seed: seed + id, electionTimeoutTicks: [4, 8] }),
          });
          cluster.elect(1);
          for (const [name, event] of script.entries()) cause(cluster, event, name);
          recover(cluster);
        },
      ),
      { numRuns: 80 },
    );
  });
});
