// The checks of whole servers over whole runs of the protocol: silent in legal ones, however rough, and loud when a node
// is sabotaged.

import { describe, expect, it } from 'vitest';
import { makeClusterChecks } from '../../src/cluster-checks/cluster-checks.js';
import { makeRaftNode } from '../../src/sim/raft-node-factory.js';
import { runSeed } from '../../src/sim/simulator.js';
import type { NodeFactory } from '../../src/sim/world.js';
import {
  appliesTwice,
  losesItsTail,
  readsWithoutAsking,
  skipsAnEntry,
  votesForEverybody,
} from '../support/saboteurs.js';
import { watched } from '../support/watched-node.js';

const SEEDS = 40;

function violationOf(seed: number, makeNode: NodeFactory): { name: string; text: string } | undefined {
  const checks = makeClusterChecks();
  const { violation } = runSeed(seed, { makeNode: watched(makeNode, checks.observer) });
  if (violation === undefined) return undefined;
  return {
    name: violation.invariant,
    text: `seed ${seed}: ${violation.message} ${JSON.stringify(violation.facts)}`,
  };
}

describe('the checks of whole servers', () => {
  it('find nothing wrong in legal runs, with crashes, partitions and changes of the membership', () => {
    for (let seed = 1; seed <= SEEDS; seed++) expect(violationOf(seed, makeRaftNode)?.text).toBeUndefined();
  });

  const cases: readonly [makeNode: NodeFactory, caughtBy: readonly string[]][] = [
    [votesForEverybody, ['promised-votes']],
    [appliesTwice, ['applied-entries']],
    [skipsAnEntry, ['applied-entries']],
    [readsWithoutAsking, ['fresh-reads']],
    [losesItsTail, ['promised-entries']],
  ];
  for (const [makeNode, caughtBy] of cases) {
    it(`find a node: ${makeNode.name || 'votesForEverybody'}`, () => {
      const found = new Set<string>();
      for (let seed = 1; seed <= 200 && !caughtBy.some((name) => found.has(name)); seed++) {
        const violation = violationOf(seed, makeNode);
        if (violation !== undefined) found.add(violation.name);
      }
      expect([...found].filter((name) => caughtBy.includes(name))).not.toEqual([]);
    });
  }
});
