// One writer, one entry at a time: how much of the disk's own rate of commits the log leaves over.

import type { BenchCase, CaseContext } from '../../case.js';
import { atLeast, floorLine, line } from '../../harness/result.js';
import { measureRounds } from '../../harness/rounds.js';
import { ratios } from '../../harness/statistics.js';
import { appendersSubject, blockingSubject, openAppenders } from '../subjects/appenders.js';
import { openRawFile, rawSubject } from '../subjects/raw-file.js';

const RAW_BYTES = 4096;
const ENTRY_BYTES = 128;

export const commit: BenchCase = {
  name: 'commit',
  title: 'Durable commits of one 128-byte entry, one writer',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const { work } = context;
  const raw = openRawFile(work.make('raw'), RAW_BYTES);
  const inline = await openAppenders(work.make('inline'), { mode: 'inline', entryBytes: ENTRY_BYTES });
  const deferred = await openAppenders(work.make('deferred'), { mode: 'deferred', entryBytes: ENTRY_BYTES });
  const rates = await measureRounds(
    [rawSubject('raw', raw, 1), blockingSubject('inline', inline), appendersSubject('deferred', deferred, 1)],
    context,
  );
  await Promise.all([inline.close(), deferred.close()]);
  raw.close();
  const of = (name: string): number[] => rates.get(name) ?? [];
  return {
    lines: [
      floorLine('raw write + fdatasync, 4 KiB', 'commits/s', of('raw')),
      line('inline', 'commits/s', of('inline')),
      line('deferred', 'commits/s', of('deferred')),
      line('inline / raw', 'ratio', ratios(of('inline'), of('raw')), atLeast(0.95)),
      line('deferred / raw', 'ratio', ratios(of('deferred'), of('raw')), atLeast(0.75)),
    ],
    notes: [],
  };
}
