// Runs whole simulated clusters over many seeds, under every check: `pnpm sim`. docs/simulation.md tells what is simulated
// and what is checked. The protocol alone is simulated by sim-core.mjs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  addCounts,
  CLUSTER_EVENTS,
  checkClusterSeed,
  describeClusterFailure,
  describeCounts,
  leftOut,
  makeClusterScenario,
  NO_COUNTS,
  reducedScenario,
  shrink,
  strayViolation,
  UPGRADES,
} from '../packages/testkit/src/index.ts';
import { number, parse } from './sim/command-line.mjs';
import { explore } from './sim/explore.mjs';
import { loadReleases } from './sim/releases/load.mjs';
import { compileReleases } from './sim/releases/releases.mjs';
import { keepStrayErrors, takeStrayError } from './sim/stray-error.mjs';

/** Seeds that a worker takes at a time: a few seconds. */
const CHUNK = 10;
/** How long a failing run is made smaller, at most. */
const SHRINK_SECONDS = 120;

const HELP = `usage: pnpm sim [options]    runs whole simulated clusters and checks everything that they do

Many seeds:
  --seeds N      so many (default 200, or as many as fit into --minutes)
  --from S       the first one (1)
  --minutes M    begin no new ones after so long
  --jobs J       worker processes (one for each core)
  --reach SHARE  fail if any kind of fault or event occurred in fewer of the runs than this, from 0 to 1 (0)

One seed again:
  --seed X       this one
  --trace        with its story, line by line
  --only I,J     of its schedule, only these lines; none for no line
  --clients N    with so many clients
  --faults-ms N  with faults for so long
  --history FILE write what its clients saw, one JSON object in a line
  --shrink       if it fails, look for the smallest part of it that does

The first of several failing seeds is made smaller and told. Exits 0 when every rule holds, 1 when one was broken or a kind
of event was not reached, 2 when the command line is wrong.`;

/** That clusters are upgraded to. */
let releases = [];

keepStrayErrors();
await main();

async function main() {
  const options = parse({
    help: HELP,
    seedsDefault: 200,
    more: {
      only: { type: 'string' },
      clients: { type: 'string' },
      'faults-ms': { type: 'string' },
      history: { type: 'string' },
      shrink: { type: 'boolean', default: false },
    },
  });
  const { files, remove } = await compileReleases();
  process.once('exit', remove);
  releases = await loadReleases(files);
  if (options.seed !== undefined) return await replay(options);
  let counts = NO_COUNTS;
  let undecided = 0;
  const onReport = (report) => {
    counts = addCounts(counts, report.counts);
    undecided += report.undecidedKeys;
  };
  const result = await explore({
    ...options,
    worker: fileURLToPath(new URL('sim/servers-worker.mjs', import.meta.url)),
    chunk: CHUNK,
    task: { releases: files },
    onReport,
  });
  await summarise({ ...result, counts, undecided, reach: options.reach });
}

// ---- one seed ----

async function replay(options) {
  const { seed } = options;
  const reduction = reductionOf(options);
  const story = [];
  const result = await run(seed, reduction, (line) => (options.trace ? console.log(line) : story.push(line)));
  if (options.history !== undefined) writeHistory(options.history, result.history);
  if (result.violation === undefined) {
    const { events, simulatedMs } = result.counts;
    console.log(
      `seed ${seed}: ${events} events in ${(simulatedMs / 1000).toFixed(1)} simulated seconds, every rule holds (digest ${result.digest >>> 0})`,
    );
    return process.exit(0);
  }
  if (options.shrink) await tellSmallest(result);
  else console.log(describeClusterFailure({ ...result, reduction, story }));
  return process.exit(1);
}

function reductionOf({ only, clients, 'faults-ms': faultsMs }) {
  return {
    ...(only !== undefined && {
      only: only === 'none' ? [] : only.split(',').map((line) => number('only', line)),
    }),
    ...(clients !== undefined && { clients: number('clients', clients) }),
    ...(faultsMs !== undefined && { faultsMs: number('faults-ms', faultsMs) }),
  };
}

async function run(seed, reduction, log) {
  const scenario = makeClusterScenario(seed);
  const result = await checkClusterSeed(seed, {
    scenario: reducedScenario(scenario, reduction),
    without: leftOut(scenario, reduction),
    releases,
    ...(log && { log }),
  });
  return { ...result, violation: result.violation ?? strayViolation(takeStrayError()) };
}

function writeHistory(path, history) {
  writeFileSync(path, history.map((event) => `${JSON.stringify(event)}\n`).join(''));
  console.log(`what its clients saw: ${path}`);
}

// ---- what failed ----

async function tellSmallest({ seed, violation }) {
  const scenario = makeClusterScenario(seed);
  const deadline = Date.now() + SHRINK_SECONDS * 1000;
  const isOver = () => Date.now() >= deadline;
  const shrunk = await shrink({ scenario, violation, run: (reduction) => run(seed, reduction), isOver });
  const story = [];
  const { reduction } = shrunk;
  const result = await run(seed, reduction, (line) => story.push(line));
  console.log(`\nmade smaller by ${shrunk.runs} runs:`);
  console.log(
    describeClusterFailure({ seed, scenario, violation: result.violation ?? violation, reduction, story }),
  );
  mkdirSync('sim-failures', { recursive: true });
  writeHistory(`sim-failures/seed-${seed}.ndjson`, result.history);
}

async function summarise({ counts, undecided, failures, reach, seconds }) {
  console.log(describeCounts(counts));
  const each = (1000 * seconds) / Math.max(1, counts.runs);
  console.log(
    `${counts.runs} seeds in ${seconds.toFixed(1)} s (${each.toFixed(0)} ms a seed): ` +
      `${failures.length === 0 ? 'every rule holds' : `${failures.length} seeds broke a rule`}` +
      `${undecided === 0 ? '' : `; the histories of ${undecided} keys were too hard to decide`}`,
  );
  const missed = [...CLUSTER_EVENTS, ...UPGRADES].filter(
    (event) => (counts.inRuns[event] ?? 0) < reach * counts.runs || (reach > 0 && !counts.inRuns[event]),
  );
  for (const event of missed) console.log(`reached in fewer than ${100 * reach} % of the runs: ${event}`);
  for (const { seed, message } of failures) console.log(`seed ${seed}: ${message.split('\n')[0]}`);
  const [first] = failures;
  if (first !== undefined) await tellSmallest(await run(first.seed, {}));
  process.exit(missed.length > 0 || first !== undefined ? 1 : 0);
}
