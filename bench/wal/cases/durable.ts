// Concurrent appenders of 128-byte entries: each waits until its own entry is durable.

import { line } from '../../harness/result.js';
import { measureRounds, type Subject } from '../../harness/rounds.js';
import { ratios } from '../../harness/statistics.js';
import type { BenchCase, CaseContext } from '../case.js';
import { appendersSubject, blockingSubject, openAppenders } from '../subjects/appenders.js';
import { openRawFile, rawSubject } from '../subjects/raw-file.js';

const ENTRY_BYTES = 128;
const RAW_BYTES = 4096;

export const durableCases: readonly BenchCase[] = [1, 64, 512, 1024].map(durable);

function durable(appenders: number): BenchCase {
  return {
    name: `durable-${appenders}`,
    title: `Durable entries, ${appenders} concurrent ${appenders === 1 ? 'appender' : 'appenders'}`,
    run: (context) => run(context, appenders),
  };
}

async function run(context: CaseContext, count: number): ReturnType<BenchCase['run']> {
  const { work } = context;
  // The write that the group comes to, at least one page.
  const raw = openRawFile(work.make('raw'), Math.ceil((count * ENTRY_BYTES) / RAW_BYTES) * RAW_BYTES);
  const inline = await openAppenders(work.make('inline'), { mode: 'inline', entryBytes: ENTRY_BYTES });
  const deferred = await openAppenders(work.make('deferred'), { mode: 'deferred', entryBytes: ENTRY_BYTES });
  const subjects: Subject[] = [
    rawSubject('raw', raw, count),
    count === 1 ? blockingSubject('inline', inline) : appendersSubject('inline', inline, count),
    appendersSubject('deferred', deferred, count),
  ];
  const rates = await measureRounds(subjects, context);
  await Promise.all([inline.close(), deferred.close()]);
  raw.close();
  const of = (name: string): number[] => rates.get(name) ?? [];
  return {
    lines: [
      line('raw write + fdatasync of the same bytes', 'entries/s', of('raw')),
      line('inline', 'entries/s', of('inline')),
      line('deferred', 'entries/s', of('deferred')),
      line('inline / raw', 'ratio', ratios(of('inline'), of('raw'))),
      line('deferred / raw', 'ratio', ratios(of('deferred'), of('raw'))),
    ],
    notes: [],
  };
}
