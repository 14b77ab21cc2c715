// Staging without a sync: what one entry costs before any disk is involved. Beside it the way one would write it first:
// an object through msgpackr per entry, the pieces concatenated per group.

import { Wal, WalLog } from '@waldb/wal';
import { Packr } from 'msgpackr';
import type { BenchCase, CaseContext } from '../../case.js';
import { inTurns, secondsOf } from '../../harness/measure.js';
import { atLeast, line, peerLine } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';

const ENTRY_BYTES = 128;
const GROUP = 64;
const ENTRIES = 256 * 1024;

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
    waldb: async () => {
      const seconds = await secondsOf(() => stageEntries(log, entries, command));
      log.sync(); // outside the clock; the next round starts with empty buffers
      return entries / seconds;
    },
    waldbGroups: async () => {
      const seconds = await secondsOf(() => stageGroups(log, entries, command));
      log.sync();
      return entries / seconds;
    },
    records: async () => {
      const seconds = await secondsOf(() => stageRecords(wal, entries, command));
      wal.sync();
      return entries / seconds;
    },
    naive: async () => entries / (await secondsOf(() => packEntries(entries, command))),
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
