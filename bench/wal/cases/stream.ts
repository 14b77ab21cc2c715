// Large records: how much of the disk's own bandwidth the log leaves over. 64 writers of 16 KiB records, so that a group
// has about the bytes of one raw write; or twice as many, of whom half stage while the others wait for the disk. A log that gives up its old records finds its segments again, already written
// once; one that only grows has to fill each new one with zeros first, which is half of what the disk can do at best.

import type { BenchCase, CaseContext } from '../../case.js';
import { atLeast, floorLine, line } from '../../harness/result.js';
import { measureRounds, type Subject } from '../../harness/rounds.js';
import { ratios } from '../../harness/statistics.js';
import {
  type Appenders,
  alternatingSubject,
  appendersSubject,
  openRecordAppenders,
} from '../subjects/appenders.js';
import { openRawFile, rawSubject } from '../subjects/raw-file.js';

const RECORD_BYTES = 16 * 1024;
const WRITERS = 64;
const GROUP_BYTES = RECORD_BYTES * WRITERS;
/** Two segments of the default size. */
const KEPT_BYTES = 128 * 2 ** 20;
const MEGABYTE = 1e6;

export const stream: BenchCase = {
  name: 'stream',
  title: 'Durable bytes, 16 KiB records',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const { work } = context;
  const options = { mode: 'deferred', entryBytes: RECORD_BYTES } as const;
  const raw = openRawFile(work.make('raw'), GROUP_BYTES);
  const growing = await openRecordAppenders(work.make('growing'), options);
  const rolling = await openRecordAppenders(work.make('rolling'), {
    ...options,
    keepRecords: KEPT_BYTES / RECORD_BYTES,
  });
  const alternating = await openRecordAppenders(work.make('alternating'), {
    ...options,
    keepRecords: KEPT_BYTES / RECORD_BYTES,
  });
  for (const appenders of [rolling, alternating])
    await writeOnce(appenders, context.isQuick ? 0 : KEPT_BYTES * 2);
  const megabytesPerCall = GROUP_BYTES / MEGABYTE;
  const subject = (name: string, appenders: Appenders): Subject => ({
    ...appendersSubject(name, appenders, WRITERS),
    unitsPerCall: megabytesPerCall,
  });
  const subjects = [
    rawSubject('raw', raw, megabytesPerCall),
    subject('rolling', rolling),
    { ...alternatingSubject('alternating', alternating, WRITERS), unitsPerCall: megabytesPerCall },
    subject('growing', growing),
  ];
  const rates = await measureRounds(subjects, context);
  await Promise.all([growing.close(), rolling.close(), alternating.close()]);
  raw.close();
  const of = (name: string): number[] => rates.get(name) ?? [];
  return {
    lines: [
      floorLine('raw write + fdatasync, 1 MiB', 'MB/s', of('raw')),
      line('deferred, old records given up, 128 writers', 'MB/s', of('alternating')),
      line('deferred, old records given up, 64 writers', 'MB/s', of('rolling')),
      line('deferred, only growing', 'MB/s', of('growing')),
      line('128 writers / raw', 'ratio', ratios(of('alternating'), of('raw')), atLeast(0.5)),
      line('64 writers / raw', 'ratio', ratios(of('rolling'), of('raw'))),
      line('only growing / raw', 'ratio', ratios(of('growing'), of('raw'))),
    ],
    notes: [
      `Given up: all but the newest ${KEPT_BYTES / 2 ** 20} MiB. A log that only grows writes each byte twice, zeros first.`,
    ],
  };
}

/** Until its segments have come round, a log that gives up old records grows like any other. */
async function writeOnce(appenders: Appenders, bytes: number): Promise<void> {
  for (let written = 0; written < bytes; written += GROUP_BYTES) {
    for (let i = 0; i < WRITERS; i++) appenders.append();
    await appenders.durable();
  }
}
