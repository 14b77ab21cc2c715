// Large records: how much of the disk's own bandwidth the log leaves over. 64 writers of 16 KiB records, so that a group
// has about the bytes of one raw write.

import { atLeast, floorLine, line } from '../../harness/result.js';
import { measureRounds } from '../../harness/rounds.js';
import { ratios } from '../../harness/statistics.js';
import type { BenchCase, CaseContext } from '../case.js';
import { appendersSubject, openAppenders } from '../subjects/appenders.js';
import { openRawFile, rawSubject } from '../subjects/raw-file.js';

const RECORD_BYTES = 16 * 1024;
const WRITERS = 64;
const GROUP_BYTES = RECORD_BYTES * WRITERS;
const MEGABYTE = 1e6;

export const stream: BenchCase = {
  name: 'stream',
  title: 'Durable bytes, 64 writers of 16 KiB records',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const { work } = context;
  const raw = openRawFile(work.make('raw'), GROUP_BYTES);
  const deferred = await openAppenders(work.make('deferred'), { mode: 'deferred', entryBytes: RECORD_BYTES });
  const megabytesPerCall = GROUP_BYTES / MEGABYTE;
  const rates = await measureRounds(
    [
      rawSubject('raw', raw, megabytesPerCall),
      { ...appendersSubject('deferred', deferred, WRITERS), unitsPerCall: megabytesPerCall },
    ],
    context,
  );
  await deferred.close();
  raw.close();
  const of = (name: string): number[] => rates.get(name) ?? [];
  return {
    lines: [
      floorLine('raw write + fdatasync, 1 MiB', 'MB/s', of('raw')),
      line('deferred', 'MB/s', of('deferred')),
      line('deferred / raw', 'ratio', ratios(of('deferred'), of('raw')), atLeast(0.5)),
    ],
    notes: ['New segments are made on the way: each byte is written twice, zeros first.'],
  };
}
