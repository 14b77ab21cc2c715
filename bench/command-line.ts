// Reads the options of `pnpm bench`. Pure: the words come in, what to do comes out.

import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Names of the cases to run. */
  readonly cases: readonly string[];
  readonly isQuick: boolean;
  readonly isJson: boolean;
  /** Measure other stores too. */
  readonly withPeers: boolean;
  readonly rounds: number;
  readonly secondsPerSubject: number;
  /** Where results are written; undefined: the usual place. */
  readonly results: string | undefined;
}

const ROUNDS = 7;
const ROUNDS_QUICK = 3;
const ROUNDS_MAX = 1000;
const SECONDS = 0.4;
const SECONDS_QUICK = 0.1;

export const USAGE = `pnpm bench [options]          the log, the consensus core and whole servers, on a real disk
pnpm bench:peers [options]    the same, beside other stores

  --only CASE     run this case only; may be given again. A prefix is enough
  --quick         fewer rounds, smaller data: to see that it runs, not to quote
  --rounds N      rounds per case (${ROUNDS}; quick ${ROUNDS_QUICK})
  --json          print the results as JSON on standard output, the tables on standard error
  --results DIR   write results there instead of bench/results
  --help

BENCH_DIR names a directory on the disk to measure (bench/.work). It is left as it was found.`;

/** What to do, or a text for the user: the usage, or what is wrong. */
export function readCommandLine(words: readonly string[], cases: readonly string[]): BenchOptions | string {
  const values = parse(words);
  if (typeof values === 'string') return values;
  if (values.help) return USAGE;
  const chosen = choose(values.only, cases);
  if (typeof chosen === 'string') return chosen;
  const rounds = Number(values.rounds ?? (values.quick ? ROUNDS_QUICK : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX)
    return `--rounds takes a whole number from 1 to ${ROUNDS_MAX}.`;
  return {
    cases: chosen,
    isQuick: values.quick,
    isJson: values.json,
    withPeers: values.peers,
    rounds,
    secondsPerSubject: values.quick ? SECONDS_QUICK : SECONDS,
    results: values.results,
  };
}

interface Values {
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly peers: boolean;
  readonly help: boolean;
  readonly rounds?: string | undefined;
  readonly results?: string | undefined;
}

function parse(words: readonly string[]): Values | string {
  try {
    return parseArgs({
      args: [...words],
      options: {
        only: { type: 'string', multiple: true, default: [] },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        results: { type: 'string' },
      },
    }).values;
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`;
  }
}

/** A name chooses its case; else every case that begins with it. */
function choose(only: readonly string[], cases: readonly string[]): string[] | string {
  if (only.length === 0) return [...cases];
  const chosen = new Set<string>();
  for (const word of only) {
    const found = cases.includes(word) ? [word] : cases.filter((name) => name.startsWith(word));
    if (found.length === 0) return `There is no case "${word}". There are: ${cases.join(', ')}.`;
    for (const name of found) chosen.add(name);
  }
  return cases.filter((name) => chosen.has(name));
}
