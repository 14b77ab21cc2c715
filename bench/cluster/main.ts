// The store beside etcd and Redis, as processes on one machine: `pnpm bench:cluster`.

import { parseArgs } from 'node:util';
import { describeMachine } from '../harness/machine.js';
import { caseTable } from '../harness/print-table.js';
import type { CaseResult, RunResult } from '../harness/result.js';
import { openWorkDirectory } from '../harness/work-directory.js';
import { writeResults } from '../write-results.js';
import { CLUSTER_CASES } from './cases/cases.js';
import { Generator } from './load/generator.js';
import { ETCD_VERSION } from './stores/etcd.js';
import { REDIS_VERSION } from './stores/redis.js';

const USAGE = `pnpm bench:cluster [options]    the store, three servers in three processes, beside etcd and Redis where they are installed

  --only CASE     this case only; may be given again. A prefix is enough
  --rounds N      rounds per case (5), after one that is not counted
  --seconds S     how long each store is under load in each round (2)
  --warm S        how long each store works for 64 clients before it is measured (20; with --quick 1)
  --quick         short: to see that it runs, not to quote
  --help

Cases: ${CLUSTER_CASES.map(({ name }) => name).join(', ')}
BENCH_DIR names a directory on the disk to measure (bench/.work). It is left as it was found.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    warm: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const cases = CLUSTER_CASES.filter(
    ({ name }) => values.only.length === 0 || values.only.some((prefix) => name.startsWith(prefix)),
  );
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  const ms = Number(values.seconds ?? (values.quick ? 0.3 : 2)) * 1000;
  const warmMs = Number(values.warm ?? (values.quick ? 1 : 20)) * 1000;
  if (cases.length === 0 || !(rounds >= 1) || !(ms > 0) || !(warmMs >= 0)) {
    console.error(USAGE);
    return 2;
  }
  const work = openWorkDirectory();
  const generator = new Generator();
  try {
    const machine = {
      ...describeMachine(work.fileSystem),
      etcd: ETCD_VERSION ?? 'not installed',
      redis: REDIS_VERSION ?? 'not installed',
    };
    for (const [name, fact] of Object.entries(machine)) console.log(`${name.padEnd(12)} ${fact}`);
    console.log();
    const results: CaseResult[] = [];
    for (const { name, title, run } of cases) {
      const result = { name, title, ...(await run({ work, generator, rounds, ms, warmMs })) };
      console.log(caseTable(result));
      results.push(result);
    }
    const run: RunResult = {
      format: 1,
      date: new Date().toISOString(),
      isQuick: values.quick,
      rounds,
      machine,
      cases: results,
    };
    const isWhole = !values.quick && cases.length === CLUSTER_CASES.length;
    console.log(
      `Written: ${writeResults(run, { directory: undefined, isWhole, name: 'cluster' }).join(', ')}`,
    );
    return 0;
  } finally {
    await generator.stop();
    work.remove();
  }
}
