// Runs the simulator of the protocol over many seeds: `pnpm sim:core --seeds 10000 [--from 1] [--minutes 10] [--jobs 2]`, or
// one seed again: `pnpm sim:core --seed 42 [--trace]`. With `--reach 0.01` every situation must occur in at least 1 % of the
// runs. Prints how often everything happened, so that a run that injects nothing is seen; exits 1 when an invariant was
// broken, with what is needed to replay it. Whole servers are simulated by sim.mjs.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Coverage,
  describeFailure,
  makeRaftNode,
  makeTracedNode,
  runSeed,
  SITUATIONS,
  TraceValidator,
} from '../packages/testkit/src/index.ts';
import { parse } from './sim/command-line.mjs';
import { explore } from './sim/explore.mjs';

/** Seeds that a worker takes at a time: small enough for a lively progress line. */
const CHUNK = 50;

const HELP = `usage: pnpm sim:core [--seeds N] [--from S] [--minutes M] [--jobs J] [--reach SHARE] [--validate]   many seeds
       pnpm sim:core --seed X [--trace] [--validate] [--protocol-trace FILE]                   one seed, told line by line`;

await main();

async function main() {
  const options = parse({
    help: HELP,
    seedsDefault: 1000,
    more: { validate: { type: 'boolean', default: false }, 'protocol-trace': { type: 'string' } },
  });
  if (options.seed !== undefined) return replay(options);
  const { validate: validates, reach } = options;
  const total = new Coverage();
  let events = 0;
  let traceLines = 0;
  const onReport = (report) => {
    total.addBatch(report);
    events += report.events;
    traceLines += report.traceLines;
  };
  const worker = fileURLToPath(new URL('sim/core-worker.mjs', import.meta.url));
  const result = await explore({ ...options, worker, chunk: CHUNK, task: { validates }, onReport });
  if (validates) console.log(`${traceLines} lines of protocol traces were validated`);
  summarise({ ...result, total, events, reach });
}

function replay({ seed, trace, validate: validates, 'protocol-trace': traceFile }) {
  const lines = [];
  const validator = new TraceValidator();
  const makeNode = makeTracedNode((line) => {
    if (traceFile !== undefined) lines.push(JSON.stringify(line));
    if (validates) validator.accept(line.event);
  });
  const result = runSeed(seed, { makeNode, trace: true });
  if (traceFile !== undefined) writeFileSync(traceFile, lines.map((line) => `${line}\n`).join(''));
  if (validates) console.log(`${validator.lines} lines of the protocol trace follow the specification`);
  if (trace) for (const line of result.trace) console.log(line);
  if (result.violation === undefined) {
    console.log(
      `seed ${seed}: ${result.events} events, every invariant holds (digest ${result.digest >>> 0})`,
    );
  } else {
    console.log(describeFailure(result));
    process.exitCode = 1;
  }
}

function summarise({ total, failures, reach, events, seconds }) {
  console.log(total.table());
  const each = (1000 * seconds) / Math.max(1, total.runCount);
  console.log(
    `${total.runCount} seeds, ${events} events in ${seconds.toFixed(1)} s (${each.toFixed(2)} ms a seed): ` +
      `${failures.length === 0 ? 'every invariant holds' : `${failures.length} seeds broke an invariant`}`,
  );
  const missed = SITUATIONS.filter((situation) => total.share(situation) < reach);
  for (const situation of missed)
    console.log(`reached in fewer than ${100 * reach} % of the runs: ${situation}`);
  if (missed.length > 0) process.exitCode = 1;
  if (failures.length === 0) return;
  for (const { seed, message } of failures) console.log(`seed ${seed}: ${message.split('\n')[0]}`);
  console.log(`\n${describeFailure(runSeed(failures[0].seed, { makeNode: makeRaftNode, trace: true }))}`);
  process.exitCode = 1;
}
