// Reads of the leader's own state machine by the code around it: what the permission to read costs.

import type { ReadConsistency } from '@waldb/runtime';
import type { BenchCase, CaseContext } from '../../case.js';
import { atLeast, line } from '../../harness/result.js';
import { BenchCluster } from '../cluster.js';

const MS = 1000;
const MS_QUICK = 200;
const READERS = 100;
const TARGETS: Readonly<Record<ReadConsistency, number>> = {
  eventual: 1_000_000,
  lease: 1_000_000,
  linearizable: 200_000,
};

export const reads: BenchCase = {
  name: 'server-reads',
  title: `Three servers, ${READERS} concurrent readers in the leader's process`,
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const ms = context.isQuick ? MS_QUICK : MS;
  const cluster = await BenchCluster.start(context.work);
  const leased = await BenchCluster.start(context.work, { readPolicy: 'lease' });
  const rates: Record<ReadConsistency, number[]> = { eventual: [], lease: [], linearizable: [] };
  try {
    for (let round = -1; round < context.rounds; round++) {
      for (const consistency of ['eventual', 'lease', 'linearizable'] as const) {
        const readers = consistency === 'lease' ? leased : cluster;
        const { perSecond } = await readers.measure({ type: 'read', consistency, callers: READERS, ms });
        if (round >= 0) rates[consistency].push(perSecond);
      }
    }
  } finally {
    await Promise.all([cluster.stop(), leased.stop()]);
  }
  return {
    lines: [
      line('eventual', 'reads/s', rates.eventual, atLeast(TARGETS.eventual)),
      line('with a lease', 'reads/s', rates.lease, atLeast(TARGETS.lease)),
      line('linearizable', 'reads/s', rates.linearizable, atLeast(TARGETS.linearizable)),
    ],
    notes: [],
  };
}
