// Latency at a given load, from the intended start (harness/open-loop.ts): what users see who do not wait for each other.

import type { BenchCase, CaseContext } from '../../case.js';
import { runOpenLoop } from '../../harness/open-loop.js';
import { type Line, line } from '../../harness/result.js';
import { openAppenders } from '../subjects/appenders.js';

const ENTRY_BYTES = 128;
const LOADS = [1_000, 20_000, 100_000, 300_000];
const PERCENTILES = [50, 99, 99.9];
const SECONDS = 1;
const SECONDS_QUICK = 0.2;
/** A fifth of a second's worth: beyond that the load is not being served. */
const OUTSTANDING_SHARE = 0.2;
const OUTSTANDING_MIN = 1000;

export const latency: BenchCase = {
  name: 'latency',
  title: 'Time from the intended start to durable, open loop, adaptive',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const found = new Map<string, number[]>();
  const notes: string[] = [];
  const directory = context.work.make('latency');
  const appenders = await openAppenders(directory, { mode: 'adaptive', entryBytes: ENTRY_BYTES });
  const operation = (): Promise<unknown> => {
    appenders.append();
    return appenders.durable();
  };
  for (let round = -1; round < context.rounds; round++) {
    for (const perSecond of LOADS) {
      const result = await runOpenLoop(
        {
          perSecond,
          seconds: context.isQuick ? SECONDS_QUICK : SECONDS,
          outstandingMax: Math.max(OUTSTANDING_MIN, perSecond * OUTSTANDING_SHARE),
        },
        operation,
      );
      if (round < 0) continue; // warms up
      if (result.isOverloaded) notes.push(`round ${round + 1}: ${perSecond} entries/s were too many.`);
      for (const percentile of PERCENTILES) {
        const name = lineName(perSecond, percentile);
        const values = found.get(name) ?? [];
        values.push(result.latency.percentile(percentile) / 1e6);
        found.set(name, values);
      }
    }
  }
  await appenders.close();
  const lines: Line[] = [...found].map(([name, rounds]) => line(name, 'ms', rounds));
  return { lines, notes };
}

function lineName(perSecond: number, percentile: number): string {
  return `${perSecond.toLocaleString('en-US')} entries/s, p${percentile}`;
}
