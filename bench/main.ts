// All benchmarks: runs the cases, prints a table, writes the results.
//   pnpm bench [--quick] [--only CASE] [--rounds N] [--json]

import type { BenchCase } from './case.js';
import { readCommandLine, USAGE } from './command-line.js';
import { core } from './core/core-case.js';
import { describeMachine } from './harness/machine.js';
import { caseTable } from './harness/print-table.js';
import type { CaseResult, RunResult } from './harness/result.js';
import { openWorkDirectory, type WorkDirectory } from './harness/work-directory.js';
import { proposals } from './server/cases/proposals.js';
import { reads } from './server/cases/reads.js';
import { single } from './server/cases/single.js';
import { traced } from './server/cases/traced.js';
import { busy } from './wal/cases/busy.js';
import { commit } from './wal/cases/commit.js';
import { durableCases } from './wal/cases/durable.js';
import { entry } from './wal/cases/entry.js';
import { latency } from './wal/cases/latency.js';
import { memory } from './wal/cases/memory.js';
import { prepare } from './wal/cases/prepare.js';
import { scan } from './wal/cases/scan.js';
import { stage } from './wal/cases/stage.js';
import { stream } from './wal/cases/stream.js';
import { writeResults } from './write-results.js';

const CASES: readonly BenchCase[] = [
  commit,
  stream,
  ...durableCases,
  busy,
  latency,
  prepare,
  stage,
  scan,
  entry,
  memory,
  core,
  single,
  ...proposals,
  reads,
  traced,
];

const options = readCommandLine(
  process.argv.slice(2),
  CASES.map((one) => one.name),
);
if (typeof options === 'string') {
  const isHelp = options === USAGE;
  process[isHelp ? 'stdout' : 'stderr'].write(`${options}\n`);
  process.exit(isHelp ? 0 : 2);
}

const work = openWorkDirectory();
process.once('SIGINT', () => {
  work.remove();
  process.exit(130);
});
try {
  const say = (text: string): void => {
    process[options.isJson ? 'stderr' : 'stdout'].write(`${text}\n`);
  };
  const result = await runCases(work, say);
  const isWhole = !options.isQuick && options.cases.length === CASES.length;
  const written = writeResults(result, { directory: options.results, isWhole });
  if (options.isJson) process.stdout.write(`${JSON.stringify(result, undefined, 1)}\n`);
  say(`Written: ${written.join(', ')}`);
} finally {
  work.remove();
}

async function runCases(directory: WorkDirectory, say: (text: string) => void): Promise<RunResult> {
  if (options === undefined || typeof options === 'string') throw new Error('unreachable');
  const machine = describeMachine(directory.fileSystem);
  for (const [name, fact] of Object.entries(machine)) say(`${name.padEnd(12)} ${fact}`);
  say('');
  const cases: CaseResult[] = [];
  for (const one of CASES.filter(({ name }) => options.cases.includes(name))) {
    const { name, title } = one;
    const context = { ...options, work: directory };
    const result = { name, title, ...(await one.run(context)) };
    say(caseTable(result));
    cases.push(result);
  }
  const { isQuick, rounds } = options;
  return { format: 1, date: new Date().toISOString(), isQuick, rounds, machine, cases };
}
