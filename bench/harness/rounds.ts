// Runs subjects against each other with benny, one short suite per round and all subjects in each, so that whatever
// else the machine does falls on all of them. The order moves on by one place each round: nobody always runs behind the
// same neighbour.
//
// What benny needs to be used well: a case's body runs once, un-awaited, before anything is measured (benny looks at what it
// returns); so the first call of each body does nothing but answer. Benny has no teardown: who opened a subject closes
// it after `measureRounds`. A body that rejects ends the process, which is right for a benchmark.

import b from 'benny';

export interface Subject {
  readonly name: string;
  /** What one call of `body` does counts as this many units (entries, bytes). */
  readonly unitsPerCall: number;
  /** Blocking bodies return nothing, others a promise; always the same one of the two. */
  body(): Promise<void> | undefined;
  readonly isAsync: boolean;
}

export interface RoundOptions {
  readonly rounds: number;
  /** How long each subject runs in each round, about. */
  readonly secondsPerSubject: number;
}

/** Samples that benchmark.js takes at least in each round; it makes each as long as `minTime`. */
const SAMPLES_MIN = 3;
const SAMPLES_PLANNED = 5;

/** Units per second: for each subject's name, one number per round. */
export async function measureRounds(
  subjects: readonly Subject[],
  options: RoundOptions,
): Promise<Map<string, number[]>> {
  const rates = new Map<string, number[]>(subjects.map((subject) => [subject.name, []]));
  await runRound(subjects, options); // warms caches and the compiler; not counted
  for (let round = 0; round < options.rounds; round++) {
    const first = round % subjects.length;
    const inTurn = [...subjects.slice(first), ...subjects.slice(0, first)];
    const measured = await runRound(inTurn, options);
    for (const [i, subject] of inTurn.entries()) {
      const callsPerSecond = measured[i] as number; // one per subject, in order
      rates.get(subject.name)?.push(callsPerSecond * subject.unitsPerCall);
    }
  }
  return rates;
}

/** Calls per second, in the order of `subjects`. */
async function runRound(subjects: readonly Subject[], options: RoundOptions): Promise<number[]> {
  const maxTime = options.secondsPerSubject;
  const settings = { maxTime, minTime: maxTime / SAMPLES_PLANNED, minSamples: SAMPLES_MIN };
  const cases = subjects.map((subject) => b.add(subject.name, bennyBody(subject), settings));
  const summary = await silently(() => b.suite('round', ...cases));
  return summary.results.map((result) => {
    if (!(result.ops > 0)) throw new Error(`${result.name} was not measured: it completed no call.`);
    // `ops` is rounded for display; the mean time of a call is not.
    return 1 / result.details.mean;
  });
}

function bennyBody(subject: Subject): () => () => unknown {
  let isProbe = true;
  const blocking = (): void => {
    if (isProbe) isProbe = false;
    else void subject.body();
  };
  const awaited = (): Promise<void> | undefined => {
    if (!isProbe) return subject.body();
    isProbe = false;
    return Promise.resolve();
  };
  return () => (subject.isAsync ? awaited : blocking);
}

/** Benny announces every suite on standard output and cannot be asked not to. */
async function silently<Result>(work: () => Promise<Result>): Promise<Result> {
  const log = console.log;
  console.log = () => {};
  try {
    return await work();
  } finally {
    console.log = log;
  }
}
