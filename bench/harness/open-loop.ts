// A load that does not wait for its answers, as users do not: operations start when the schedule says so, and latency counts
// from that moment, not from when the generator got around to it. A closed loop slows down with the system it measures
// and so hides every stall behind one slow sample; this one shows all that would have waited.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** More operations than this under way: the load is more than can be served, and the run ends. */
  readonly outstandingMax: number;
}

export interface OpenLoopResult {
  /** Nanoseconds from the intended start. */
  readonly latency: RecordableHistogram;
  /** Operations finished per second of the whole run. */
  readonly perSecond: number;
  readonly isOverloaded: boolean;
}

export async function runOpenLoop(
  options: OpenLoopOptions,
  operation: () => Promise<unknown>,
): Promise<OpenLoopResult> {
  const latency = createHistogram();
  const spacingMs = 1000 / options.perSecond;
  const total = Math.round(options.perSecond * options.seconds);
  const began = performance.now();
  let started = 0;
  let finished = 0;
  const startOne = (): void => {
    const intended = began + started * spacingMs;
    started += 1;
    operation().then(() => {
      finished += 1;
      latency.record(Math.max(1, Math.round((performance.now() - intended) * 1e6)));
    }, failed);
  };
  let failure: unknown;
  const failed = (error: unknown): void => {
    failure ??= error;
  };
  let isOverloaded = false;
  while (started < total && !isOverloaded && failure === undefined) {
    const due = Math.min(total, Math.ceil((performance.now() - began) / spacingMs));
    while (started < due) startOne();
    isOverloaded = started - finished > options.outstandingMax;
    // Timers are a millisecond coarse, which would be most of the latency; this looks at the clock once per turn.
    await nextTurn();
  }
  while (finished < started && failure === undefined) await nextTurn();
  if (failure !== undefined) throw failure;
  return { latency, perSecond: (finished * 1000) / (performance.now() - began), isOverloaded };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
