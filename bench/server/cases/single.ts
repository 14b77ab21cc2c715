// One client of three servers, one proposal at a time: what replication adds to a commit. A proposal goes to a follower
// and back, and to two disks side by side; more than a commit and a round trip, twice each, is our own time.

import type { BenchCase, CaseContext } from '../../case.js';
import { atMost, floorLine, line } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import { BenchCluster } from '../cluster.js';
import type { Measured } from '../tasks.js';

const MS = 1000;
const MS_QUICK = 200;
/** A single client's path is compiled by use alone, which takes some thousands of proposals. */
const WARMING_ROUNDS = 10;

export const single: BenchCase = {
  name: 'server-1',
  title: 'Three servers, one client: from proposed to applied, 128 bytes',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const ms = context.isQuick ? MS_QUICK : MS;
  const cluster = await BenchCluster.start(context.work);
  const commit: number[] = [];
  const trip: number[] = [];
  const p50: number[] = [];
  const p99: number[] = [];
  let cold: Measured;
  try {
    const port = await cluster.followersEcho();
    cold = await cluster.measure({ type: 'propose', callers: 1, ms });
    // A server that has been up for a while: its code is compiled, its next segments are prepared.
    await cluster.measure({ type: 'propose', callers: 1, ms: ms * WARMING_ROUNDS });
    for (let round = -1; round < context.rounds; round++) {
      const alone = await cluster.measure({ type: 'commitAlone', ms });
      const echo = await cluster.measure({ type: 'roundTrip', port, ms });
      const proposed = await cluster.measure({ type: 'propose', callers: 1, ms });
      if (round < 0) continue; // warms up
      commit.push(alone.p50Ms);
      trip.push(echo.p50Ms);
      p50.push(proposed.p50Ms);
      p99.push(proposed.p99Ms);
    }
  } finally {
    await cluster.stop();
  }
  const floor = commit.map((one, round) => 2 * one + (trip[round] as number)); // the same rounds
  return {
    lines: [
      floorLine('one durable commit, blocking, p50', 'ms', commit),
      floorLine('one round trip on the loopback, p50', 'ms', trip),
      line('proposed to applied, p50', 'ms', p50),
      line('proposed to applied, p99', 'ms', p99),
      line("proposed to applied, p50 of a new server's first second", 'ms', [cold.p50Ms]),
      line('p50 / (2 commits + 1 round trip)', 'ratio', ratios(p50, floor), atMost(1)),
    ],
    notes: ['The three servers share two cores and one disk: their commits wait for each other.'],
  };
}
