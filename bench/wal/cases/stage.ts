// Staging without a sync: what one entry costs before any disk is involved. Beside it the way one would write it first:
// an object through msgpackr per entry, the pieces concatenated per group. Every so many entries what is staged is written,
// outside the clock: a log on which nothing is ever written is a test of the allocator.

import { Wal, WalLog } from '@waldb/wal';
import { Packr } from 'msgpackr';
import type { BenchCase, CaseContext } from '../../case.js';
import { inTurns, secondsOf } from '../../harness/measure.js';
import { atLeast, line, peerLine } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';

const ENTRY_BYTES = 128;
const GROUP = 64;
const ENTRIES = 256 * 1024;
/** Between two writes: a few full buffers. */
const PORTION = 16 * 1024;

export const stage: BenchCase = {
  name: 'stage',
  title: 'Entries staged, nothing written yet',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const entries = context.isQuick ? ENTRIES / 8 : ENTRIES;
  const command = new Uint8Array(ENTRY_BYTES).fill(0x61);
  const log = await WalLog.open(context.work.make('stage'));
  const wal = await Wal.open(context.work.make('stage-records'));
  const rates = await inTurns(context.rounds, {
    waldb: () => inPortions(entries, (count) => stageEntries(log, count, command), log),
    waldbGroups: () => inPortions(entries, (count) => stageGroups(log, count, command), log),
    records: () => inPortions(entries, (count) => stageRecords(wal, count, command), wal),
    naive: () => inPortions(entries, (count) => packEntries(count, command)),
  });
  await Promise.all([log.close(), wal.close()]);
  return {
    lines: [
      peerLine('naive: msgpackr objects, concatenated', 'entries/s', rates.naive),
      line('append, one entry per call', 'entries/s', rates.waldb, atLeast(2.5e6)),
      line(`append, ${GROUP} entries per call`, 'entries/s', rates.waldbGroups),
      line('Wal: append, one record per call', 'entries/s', rates.records),
      line('append / naive', 'ratio', ratios(rates.waldb, rates.naive), atLeast(3)),
    ],
    notes: [],
  };
}

/** Entries per second of staging alone. */
async function inPortions(
  entries: number,
  stage: (count: number) => unknown,
  log?: { sync(): void },
): Promise<number> {
  let seconds = 0;
  for (let done = 0; done < entries; done += PORTION) {
    seconds += await secondsOf(() => stage(PORTION));
    log?.sync();
  }
  return entries / seconds;
}

function stageEntries(log: WalLog, count: number, command: Uint8Array): void {
  const last = log.lastIndex() + count;
  for (let index = log.lastIndex() + 1; index <= last; index++)
    log.append([{ term: 1, index, kind: 'normal', command }]);
}

function stageGroups(log: WalLog, count: number, command: Uint8Array): void {
  const last = log.lastIndex() + count;
  for (let index = log.lastIndex() + 1; index <= last; index += GROUP) {
    const first = index;
    log.append(
      Array.from({ length: GROUP }, (_, i) => ({ term: 1, index: first + i, kind: 'normal', command })),
    );
  }
}

function stageRecords(wal: Wal, count: number, record: Uint8Array): void {
  for (let i = 0; i < count; i++) wal.append(record);
}

function packEntries(count: number, command: Uint8Array): number {
  const packr = new Packr({ useRecords: false, copyBuffers: true });
  const groups: Uint8Array[] = [];
  let pieces: Uint8Array[] = [];
  for (let index = 1; index <= count; index++) {
    pieces.push(packr.pack({ term: 1, index, kind: 'normal', command }));
    if (pieces.length < GROUP) continue;
    groups.push(Buffer.concat(pieces));
    pieces = [];
  }
  return groups.length;
}
