// A full house: 1024 appenders that run freely, each waiting for its own entry before it appends the next. How many
// entries, how long each waits, and how much of the main thread that takes. Deferred, so that the thread is free while
// the disk works.
//
// Busy is event-loop utilization: the share of time in which the loop was not waiting for events. It is what other work
// of the process competes for. (CPU time would count the thread pool's writes as well, which run beside it.)

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { BenchCase, CaseContext } from '../../case.js';
import { inTurns } from '../../harness/measure.js';
import { atLeast, atMost, line } from '../../harness/result.js';
import { type Appenders, openAppenders } from '../subjects/appenders.js';

const APPENDERS = 1024;
const ENTRY_BYTES = 128;
/** Every so many-th appender is timed: timing all of them would be a good part of what is measured. */
const TIMED_EVERY = 16;
const SECONDS = 2;
const SECONDS_QUICK = 0.3;

export const busy: BenchCase = {
  name: 'busy',
  title: `${APPENDERS} appenders without a pause`,
  run,
};

interface Measured {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly busyShare: number;
}

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const seconds = context.isQuick ? SECONDS_QUICK : SECONDS;
  const directory = context.work.make('busy');
  const appenders = await openAppenders(directory, { mode: 'deferred', entryBytes: ENTRY_BYTES });
  const measured: Measured[] = [];
  await inTurns(context.rounds, {
    deferred: async () => {
      measured.push(await runFreely(appenders, seconds));
      return 0;
    },
  });
  await appenders.close();
  const rounds = measured.slice(1); // the first warms up
  const of = (pick: (one: Measured) => number): number[] => rounds.map(pick);
  return {
    lines: [
      line(
        'durable',
        'entries/s',
        of((one) => one.perSecond),
        atLeast(600_000),
      ),
      line(
        'from append to durable, p99',
        'ms',
        of((one) => one.p99Ms),
        atMost(10),
      ),
      line(
        'main thread busy',
        '%',
        of((one) => one.busyShare * 100),
        atMost(70),
      ),
    ],
    notes: [`One in ${TIMED_EVERY} appenders is timed. Busy: event-loop utilization.`],
  };
}

async function runFreely(appenders: Appenders, seconds: number): Promise<Measured> {
  const latency = createHistogram();
  const end = performance.now() + seconds * 1000;
  const before = performance.eventLoopUtilization();
  const began = performance.now();
  const counts = await Promise.all(
    Array.from({ length: APPENDERS }, (_, i) =>
      i % TIMED_EVERY === 0 ? appendTimed(appenders, end, latency) : appendUntil(appenders, end),
    ),
  );
  const elapsedMs = performance.now() - began;
  const { utilization } = performance.eventLoopUtilization(before);
  const entries = counts.reduce((sum, count) => sum + count, 0);
  return {
    perSecond: (entries * 1000) / elapsedMs,
    p99Ms: latency.percentile(99) / 1e6,
    busyShare: utilization,
  };
}

async function appendUntil(appenders: Appenders, end: number): Promise<number> {
  let count = 0;
  while (performance.now() < end) {
    appenders.append();
    await appenders.durable();
    count += 1;
  }
  return count;
}

async function appendTimed(appenders: Appenders, end: number, latency: RecordableHistogram): Promise<number> {
  let count = 0;
  for (let began = performance.now(); began < end; began = performance.now()) {
    appenders.append();
    await appenders.durable();
    latency.record(Math.max(1, Math.round((performance.now() - began) * 1e6)));
    count += 1;
  }
  return count;
}
