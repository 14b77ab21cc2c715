// The simulator is only worth what it finds: each sabotaged node must be caught within a few dozen seeds, by one of
// the invariants that guard what it breaks.

import { describe, expect, it } from 'vitest';
import { runSeed } from '../src/sim/simulator.js';
import type { NodeFactory } from '../src/sim/world.js';
import {
  acknowledgesTooMuch,
  appliesTwice,
  believesWhatIsStaged,
  callsItselfLeader,
  forgetsItsVote,
  losesItsTail,
  neverAcknowledges,
  readsWithoutAsking,
  refusesTooLate,
  scribblesOnMessages,
  skipsAnEntry,
  survivesItsDisk,
  tellsOfTooManyCommits,
  votesForEverybody,
} from './support/saboteurs.js';

const SEEDS_MAX = 120;

const CASES: readonly [makeNode: NodeFactory, caughtBy: readonly string[]][] = [
  [forgetsItsVote, ['gated-output', 'single-vote']],
  [believesWhatIsStaged, ['gated-output', 'commit-quorum', 'state-machine-safety', 'no-unexpected-error']],
  [votesForEverybody, ['gated-output', 'single-vote', 'election-safety']],
  [acknowledgesTooMuch, ['gated-output', 'commit-quorum', 'no-unexpected-error']],
  [tellsOfTooManyCommits, ['truthful-messages']],
  [appliesTwice, ['state-machine-safety']],
  [skipsAnEntry, ['state-machine-safety']],
  [readsWithoutAsking, ['linearizable-reads']],
  [
    losesItsTail,
    ['commit-quorum', 'leader-completeness', 'log-matching', 'state-machine-safety', 'no-unexpected-error'],
  ],
  [neverAcknowledges, ['liveness']],
  [callsItselfLeader, ['election-safety', 'membership-rules', 'commit-quorum', 'gated-output']],
  [scribblesOnMessages, ['no-unexpected-error']],
  [survivesItsDisk, ['refusals-change-nothing']],
  [refusesTooLate, ['refusals-change-nothing']],
];

describe('the simulator finds a node that', () => {
  for (const [makeNode, caughtBy] of CASES) {
    it(makeNode.name, () => {
      expect(caughtBy).toContain(firstViolation(makeNode));
    });
  }
});

function firstViolation(makeNode: NodeFactory): string | undefined {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { violation } = runSeed(seed, { makeNode });
    if (violation !== undefined) return violation.invariant;
  }
  return undefined;
}
