// Many clients of three servers: what the group commit of the log and the batches of the protocol make of them, beside the
// leader's log alone with as many appenders.

import type { BenchCase, CaseContext } from '../../case.js';
import { atLeast, floorLine, line } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import { BenchCluster } from '../cluster.js';
import type { Measured } from '../tasks.js';

const MS = 2000;
const MS_QUICK = 300;

export const proposals: readonly BenchCase[] = [64, 256].map((callers) => ({
  name: `server-${callers}`,
  title: `Three servers, ${callers} clients in the leader's process, 128 bytes`,
  run: (context: CaseContext) => run(context, callers),
}));

async function run(context: CaseContext, callers: number): ReturnType<BenchCase['run']> {
  const ms = context.isQuick ? MS_QUICK : MS;
  const cluster = await BenchCluster.start(context.work);
  const alone: Measured[] = [];
  const proposed: (Measured & { readonly allCpuSeconds: number })[] = [];
  try {
    for (let round = -1; round < context.rounds; round++) {
      const log = await cluster.measure({ type: 'appendAlone', callers, ms });
      const before = await cluster.cpuSeconds();
      const servers = await cluster.measure({ type: 'propose', callers, ms });
      const allCpuSeconds = (await cluster.cpuSeconds()) - before;
      if (round < 0) continue; // warms up
      alone.push(log);
      proposed.push({ ...servers, allCpuSeconds });
    }
  } finally {
    await cluster.stop();
  }
  const of = <One>(from: readonly One[], pick: (one: One) => number): number[] => from.map(pick);
  const rate = of(proposed, (one) => one.perSecond);
  const floor = of(alone, (one) => one.perSecond);
  return {
    lines: [
      floorLine("the leader's log alone", 'entries/s', floor),
      line('proposed and applied', 'entries/s', rate),
      line('applied / log alone', 'ratio', ratios(rate, floor)),
      line(
        'entries of one sync',
        'ratio',
        of(proposed, (one) => one.calls / one.syncs),
        atLeast(20),
      ),
      line(
        'proposed to applied, p50',
        'ms',
        of(proposed, (one) => one.p50Ms),
      ),
      line(
        'proposed to applied, p99',
        'ms',
        of(proposed, (one) => one.p99Ms),
      ),
      line(
        "leader's and its clients' CPU for an entry",
        'us',
        of(proposed, (one) => (one.cpuSeconds * 1e6) / one.calls),
      ),
      line(
        'entries for a CPU second of all three',
        'entries/s',
        of(proposed, (one) => one.calls / one.allCpuSeconds),
      ),
    ],
    notes: ['Clients and servers share two cores and one disk.'],
  };
}
