// Does making the next segment disturb the commits meanwhile? A writer of 4 KiB entries; each commit counts as disturbed when
// a file was being made at its beginning or end.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { BenchCase, CaseContext } from '../../case.js';
import { inTurns } from '../../harness/measure.js';
import { atMost, line } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import { type Appenders, openAppenders } from '../subjects/appenders.js';
import { WatchedVfs } from '../subjects/watched-vfs.js';

const ENTRY_BYTES = 4096;
const SEGMENT_BYTES = 16 * 2 ** 20;
const SEGMENT_BYTES_QUICK = 2 * 2 ** 20;
/** Rounds end after so many segments were made: percentiles need commits on both sides. */
const SEGMENTS = 2;
/** A round with fewer commits of either kind says nothing about their 99th percentile. */
const COMMITS_MIN = 100;

export const prepare: BenchCase = {
  name: 'prepare',
  title: 'Commits while the next segment is made, deferred, 4 KiB entries',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const segmentBytes = context.isQuick ? SEGMENT_BYTES_QUICK : SEGMENT_BYTES;
  const vfs = new WatchedVfs();
  const appenders = await openAppenders(context.work.make('prepare'), {
    mode: 'deferred',
    entryBytes: ENTRY_BYTES,
    log: { vfs, segmentBytes },
  });
  // Segments begin small and double: the warm-up goes on until they have their size.
  const commits = (segmentBytes / ENTRY_BYTES) * SEGMENTS;
  const rounds: Latencies[] = [];
  await inTurns(context.rounds, {
    commits: async () => rounds.push(await commitMany(appenders, vfs, commits)),
  });
  await appenders.close();
  // The first warms up. Percentiles of a handful of commits would be an accident, so such rounds do not count.
  const counted = rounds
    .slice(1)
    .filter(({ quiet, disturbed }) => Math.min(quiet.count, disturbed.count) >= COMMITS_MIN);
  if (counted.length === 0)
    return { lines: [], notes: ['Not measured: no round had enough commits of both kinds.'] };
  const quiet = counted.map((one) => one.quiet.percentile(99) / 1e6);
  const disturbed = counted.map((one) => one.disturbed.percentile(99) / 1e6);
  return {
    lines: [
      line('p99 otherwise', 'ms', quiet),
      line('p99 while a segment is made', 'ms', disturbed),
      line('the one / the other', 'ratio', ratios(disturbed, quiet), atMost(2)),
    ],
    notes: [
      `Segments of ${segmentBytes / 2 ** 20} MiB, ${SEGMENTS} of them in each round; ${counted.length} rounds.`,
    ],
  };
}

interface Latencies {
  readonly quiet: RecordableHistogram;
  readonly disturbed: RecordableHistogram;
}

async function commitMany(appenders: Appenders, vfs: WatchedVfs, count: number): Promise<Latencies> {
  const quiet = createHistogram();
  const disturbed = createHistogram();
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    const { made, isMaking } = vfs;
    appenders.append();
    await appenders.durable();
    const nanoseconds = Math.max(1, Math.round((performance.now() - began) * 1e6));
    const wasDisturbed = isMaking || vfs.isMaking || vfs.made > made;
    (wasDisturbed ? disturbed : quiet).record(nanoseconds);
  }
  return { quiet, disturbed };
}
