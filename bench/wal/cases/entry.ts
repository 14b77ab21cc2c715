// One entry at a random index, no longer in the log's own memory but in the page cache: one read, both checksums, decode.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { WalLog } from '@waldb/wal';
import type { BenchCase, CaseContext } from '../../case.js';
import { inTurns } from '../../harness/measure.js';
import { atMost, line } from '../../harness/result.js';
import { fillLog } from '../subjects/filled-log.js';

const ENTRIES = 1_000_000;
const ENTRIES_QUICK = 100_000;
const READS = 50_000;
const ENTRY_BYTES = 128;

export const entry: BenchCase = {
  name: 'entry',
  title: 'entry(i) at random, beyond the cache',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const entries = context.isQuick ? ENTRIES_QUICK : ENTRIES;
  const directory = context.work.make('entry');
  await fillLog(directory, { entries, entryBytes: ENTRY_BYTES });
  const log = await WalLog.open(directory, { cacheBytes: 0 });
  const random = randomIndexes(entries);
  const all = createHistogram();
  const figures = await inTurns(context.rounds, {
    median: async () => readAtRandom(log, random, all).percentile(50) / 1000,
  });
  await log.close();
  return {
    lines: [
      line('p50', 'us', figures.median, atMost(12)),
      line('p99, all rounds', 'us', [all.percentile(99) / 1000]),
    ],
    notes: [`${entries.toLocaleString('en-US')} entries of ${ENTRY_BYTES} bytes; every read is checked.`],
  };
}

/** Nanoseconds per call. */
function readAtRandom(log: WalLog, random: () => number, all: RecordableHistogram): RecordableHistogram {
  const histogram = createHistogram();
  for (let i = 0; i < READS; i++) {
    const index = random();
    const began = process.hrtime.bigint();
    const found = log.entry(index);
    const nanoseconds = process.hrtime.bigint() - began;
    if (found?.index !== index) throw new Error(`entry(${index}) gave something else.`);
    histogram.record(nanoseconds);
  }
  all.add(histogram);
  return histogram;
}

/** Indexes from 1 to `count` in a repeatable order without rhyme (a multiplicative generator, Park and Miller's). */
function randomIndexes(count: number): () => number {
  let state = 42;
  return () => {
    state = (state * 48271) % 2147483647;
    return 1 + (state % count);
  };
}
