// Opening a log: with footers, which say what each segment holds, and without them, where every frame is read and
// checked. The files are in the page cache: it is the work that is measured, not the disk's reading.

import { WalLog } from '@waldb/wal';
import type { BenchCase, CaseContext } from '../../case.js';
import { inTurns, secondsOf } from '../../harness/measure.js';
import { atLeast, atMost, type Line, line, peerLine } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import { fillLog, type LogSize, removeFooters } from '../subjects/filled-log.js';
import { openPeer, type Peer } from '../subjects/peers.js';

const SCANNED: LogSize = { entries: 1_000_000, entryBytes: 128 };
const SCANNED_QUICK: LogSize = { entries: 100_000, entryBytes: 128 };
const LARGE: LogSize = { entries: 1024 * 1024, entryBytes: 1024 };
const LARGE_QUICK: LogSize = { entries: 64 * 1024, entryBytes: 1024 };

export const scan: BenchCase = {
  name: 'scan',
  title: 'Opening a log',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const size = context.isQuick ? SCANNED_QUICK : SCANNED;
  const large = context.isQuick ? LARGE_QUICK : LARGE;
  const scanned = context.work.make('scanned');
  const sealed = context.work.make('sealed');
  await fillLog(scanned, size);
  await fillLog(sealed, large);
  const lmdb = context.withPeers ? await fillLmdb(context, size) : undefined;
  const figures = await inTurns(context.rounds, {
    scan: async () => {
      removeFooters(scanned);
      return size.entries / (await secondsToOpen(scanned, size));
    },
    sealed: async () => (await secondsToOpen(sealed, large)) * 1000,
    lmdb: async () =>
      lmdb === undefined ? Number.NaN : size.entries / (await secondsOf(() => lmdb.replay())),
  });
  await lmdb?.close();
  const gibibytes = ((large.entries * large.entryBytes) / 2 ** 30).toPrecision(2);
  return {
    lines: [
      line('without footers: every frame read', 'entries/s', figures.scan, atLeast(2e6)),
      ...(lmdb === undefined ? [] : lmdbLines(figures)),
      line(`with footers, ${gibibytes} GiB of 1 KiB entries`, 'ms', figures.sealed, atMost(200)),
    ],
    notes: [`scanned: ${size.entries.toLocaleString('en-US')} entries of ${size.entryBytes} bytes.`],
  };
}

function lmdbLines(figures: { readonly scan: readonly number[]; readonly lmdb: readonly number[] }): Line[] {
  return [
    peerLine('lmdb: every entry read in order', 'entries/s', figures.lmdb),
    line('without footers / lmdb', 'ratio', ratios(figures.scan, figures.lmdb), atLeast(2)),
  ];
}

async function fillLmdb(context: CaseContext, size: LogSize): Promise<Peer> {
  const peer = await openPeer('lmdb', context.work.make('lmdb'), size.entryBytes);
  const group = 10_000;
  for (let count = 0; count < size.entries; count += group) await peer.commit(group);
  return peer;
}

async function secondsToOpen(directory: string, size: LogSize): Promise<number> {
  let log: WalLog | undefined;
  const seconds = await secondsOf(async () => {
    log = await WalLog.open(directory);
  });
  if (log?.lastIndex() !== size.entries) throw new Error(`${directory} did not open as it was written.`);
  await log.close();
  return seconds;
}
