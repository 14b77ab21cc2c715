// Runs the cluster simulator over many seeds: `pnpm sim --seeds 10000 [--from 1] [--minutes 10] [--jobs 2]`, or one seed
// again: `pnpm sim --seed 42 [--trace]`. With `--reach 0.01` every situation must occur in at least 1 % of the runs. Prints how often everything happened, so that a run that injects nothing is
// seen; exits 1 when an invariant was broken, with what is needed to replay it.

import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  Coverage,
  describeFailure,
  makeRaftNode,
  makeTracedNode,
  runBatch,
  runSeed,
  SITUATIONS,
  TraceValidator,
} from '../packages/testkit/src/index.ts';

/** Seeds that a worker takes at a time: small enough for a lively progress line. */
const CHUNK = 50;
/** Failing seeds after which a run ends early: more of the same would tell nothing new. */
const FAILURES_MAX = 5;
const PROGRESS_MS = process.stderr.isTTY ? 500 : 10_000;

const HELP = `usage: pnpm sim [--seeds N] [--from S] [--minutes M] [--jobs J] [--reach SHARE] [--validate]   many seeds
       pnpm sim --seed X [--trace] [--validate] [--protocol-trace FILE]                   one seed, told line by line`;

if (process.send !== undefined) work();
else main();

function main() {
  const options = parse();
  if (options.seed !== undefined) return replay(options);
  explore(options);
}

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string' },
        from: { type: 'string', default: '1' },
        minutes: { type: 'string' },
        reach: { type: 'string', default: '0' },
        jobs: { type: 'string', default: String(availableParallelism()) },
        seed: { type: 'string' },
        trace: { type: 'boolean', default: false },
        validate: { type: 'boolean', default: false },
        'protocol-trace': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) leave(HELP, 0);
    const minutes = values.minutes === undefined ? undefined : number('minutes', values.minutes);
    return {
      seeds: number(
        'seeds',
        values.seeds ?? (minutes === undefined ? '1000' : String(Number.MAX_SAFE_INTEGER)),
      ),
      from: number('from', values.from),
      jobs: Math.max(1, number('jobs', values.jobs)),
      reach: number('reach', values.reach),
      minutes: minutes ?? Number.POSITIVE_INFINITY,
      seed: values.seed === undefined ? undefined : number('seed', values.seed),
      trace: values.trace,
      validates: values.validate,
      traceFile: values['protocol-trace'],
    };
  } catch (error) {
    return leave(`${error.message}\n${HELP}`, 2);
  }
}

function number(name, text) {
  const value = Number(text);
  if (!(value >= 0) || (!['minutes', 'reach'].includes(name) && !Number.isSafeInteger(value))) {
    throw new Error(`--${name} is '${text}' but must be a number from 0`);
  }
  return value;
}

// ---- one seed ----

function replay({ seed, trace, validates, traceFile }) {
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

// ---- many seeds ----

function explore({ seeds, from, jobs, minutes, reach, validates }) {
  const began = Date.now();
  const deadline = began + minutes * 60_000;
  const total = new Coverage();
  const failures = [];
  const state = { next: from, end: from + seeds, events: 0, traceLines: 0, running: 0 };

  const isOver = () => state.next >= state.end || Date.now() >= deadline || failures.length >= FAILURES_MAX;
  const give = (worker) => {
    if (isOver()) return worker.disconnect();
    const count = Math.min(CHUNK, state.end - state.next);
    worker.send({ from: state.next, count, validates });
    state.next += count;
  };
  const progress = setInterval(() => {
    const perSecond = Math.round((1000 * total.runCount) / Math.max(1, Date.now() - began));
    const line = `${total.runCount} seeds, ${perSecond}/s, ${failures.length} failures`;
    process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`);
  }, PROGRESS_MS);

  for (let job = 0; job < Math.min(jobs, Math.ceil(seeds / CHUNK)); job++) {
    const worker = fork(fileURLToPath(import.meta.url), { execArgv: process.execArgv });
    state.running += 1;
    worker.on('message', (report) => {
      total.addBatch(report);
      state.events += report.events;
      state.traceLines += report.traceLines;
      failures.push(...report.failures);
      give(worker);
    });
    worker.on('exit', (code) => {
      if (code !== 0) leave(`a worker died with code ${code}`, 1);
      state.running -= 1;
      if (state.running > 0) return;
      clearInterval(progress);
      if (validates) console.log(`${state.traceLines} lines of protocol traces were validated`);
      summarise({ total, failures, reach, events: state.events, seconds: (Date.now() - began) / 1000 });
    });
    give(worker);
  }
}

function summarise({ total, failures, reach, events, seconds }) {
  if (process.stderr.isTTY) process.stderr.write('\r');
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
  failures.sort((a, b) => a.seed - b.seed);
  for (const { seed, message } of failures) console.log(`seed ${seed}: ${message.split('\n')[0]}`);
  console.log(`\n${describeFailure(runSeed(failures[0].seed, { makeNode: makeRaftNode, trace: true }))}`);
  process.exitCode = 1;
}

// ---- a worker ----

function work() {
  // Thousands of refused proposals are errors whose stack nobody reads; a failing seed is run again with stacks.
  Error.stackTraceLimit = 0;
  process.on('message', (range) => process.send(runBatch(range, makeRaftNode)));
}

function leave(message, code) {
  (code === 0 ? console.log : console.error)(message);
  process.exit(code);
}
