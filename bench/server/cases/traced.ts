// What it costs a server to write every step to a file (docs/trace-format.md): two clusters of three, one that is traced
// and one that is not, take turns.

import type { BenchCase, CaseContext } from '../../case.js';
import { floorLine, line } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import { BenchCluster } from '../cluster.js';

const MS = 1000;
const MS_QUICK = 200;
const CALLERS = 64;

export const traced: BenchCase = {
  name: 'server-traced',
  title: `Three servers, ${CALLERS} clients in the leader's process, with and without --protocol-trace`,
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const ms = context.isQuick ? MS_QUICK : MS;
  const kinds = [];
  for (const isTraced of [false, true]) {
    kinds.push({
      cluster: await BenchCluster.start(context.work, {}, { isTraced }),
      cpu: [] as number[],
      rate: [] as number[],
    });
  }
  try {
    for (let round = -1; round < context.rounds; round++)
      for (const { cluster, cpu, rate } of kinds) {
        const before = await cluster.cpuSeconds();
        const { calls, perSecond } = await cluster.measure({ type: 'propose', callers: CALLERS, ms });
        const used = (await cluster.cpuSeconds()) - before;
        if (round < 0) continue; // warms up
        cpu.push((used * 1e6) / calls);
        rate.push(perSecond);
      }
  } finally {
    await Promise.all(kinds.map(({ cluster }) => cluster.stop()));
  }
  const [plain, withTrace] = kinds as [(typeof kinds)[number], (typeof kinds)[number]]; // as made above
  return {
    lines: [
      floorLine('CPU of all three for an entry, not traced', 'us', plain.cpu),
      line('CPU of all three for an entry, traced', 'us', withTrace.cpu),
      line('CPU, traced / not traced', 'ratio', ratios(withTrace.cpu, plain.cpu)),
      line('entries per second, traced / not traced', 'ratio', ratios(withTrace.rate, plain.rate)),
    ],
    notes: [],
  };
}
