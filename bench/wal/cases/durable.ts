// Concurrent appenders of 128-byte entries: each waits until its own entry is durable. Beside them, when they are
// installed, other stores at the same work.

import { atLeast, floorLine, type Line, line, peerLine } from '../../harness/result.js';
import { measureRounds, type Subject } from '../../harness/rounds.js';
import { better, ratios } from '../../harness/statistics.js';
import type { BenchCase, CaseContext } from '../case.js';
import {
  appendersSubject,
  blockingSubject,
  type CommitMode,
  openAppenders,
  openRecordAppenders,
} from '../subjects/appenders.js';
import { openPeer, PEERS, type PeerName, peerSubject } from '../subjects/peers.js';
import { openRawFile, rawSubject } from '../subjects/raw-file.js';

const ENTRY_BYTES = 128;
const RAW_BYTES = 4096;
/** A log of bytes rather than of Raft entries: the nearer relation of a store that knows no terms. */
const RECORDS = 'Wal, deferred';
const MODES: readonly CommitMode[] = ['inline', 'deferred', 'adaptive'];

interface Goals {
  readonly appenders: number;
  /** The better of inline and deferred against each peer. */
  readonly timesPeer: Readonly<Record<PeerName, number>>;
  /** Deferred alone: the event loop stays free, and it is still ahead of a store that blocks. */
  readonly deferredTimesSqlite?: number;
}

const GOALS: readonly Goals[] = [
  {
    appenders: 1,
    timesPeer: { 'classic-level': 2.2, lmdb: 2.4, 'better-sqlite3': 1.6 },
    deferredTimesSqlite: 1.1,
  },
  {
    appenders: 64,
    timesPeer: { 'classic-level': 6, lmdb: 3.3, 'better-sqlite3': 1.6 },
    deferredTimesSqlite: 1.2,
  },
  { appenders: 512, timesPeer: { 'classic-level': 12, lmdb: 3, 'better-sqlite3': 2.7 } },
  { appenders: 1024, timesPeer: { 'classic-level': 65, lmdb: 1.6, 'better-sqlite3': 2 } },
];

export const durableCases: readonly BenchCase[] = GOALS.map((goals) => ({
  name: `durable-${goals.appenders}`,
  title: `Durable entries, ${goals.appenders} concurrent ${goals.appenders === 1 ? 'appender' : 'appenders'}`,
  run: (context) => run(context, goals),
}));

interface Opened {
  readonly subject: Subject;
  close(): unknown;
}

async function run(context: CaseContext, goals: Goals): ReturnType<BenchCase['run']> {
  const peers = context.withPeers ? PEERS : [];
  const opened = [openRaw(context, goals.appenders)];
  for (const mode of MODES) opened.push(await openMode(context, mode, goals.appenders));
  opened.push(await openRecords(context, goals.appenders));
  for (const name of peers) {
    const peer = await openPeer(name, context.work.make(name), ENTRY_BYTES);
    opened.push({ subject: peerSubject(name, peer, goals.appenders), close: () => peer.close() });
  }
  const rates = await measureRounds(
    opened.map(({ subject }) => subject),
    context,
  );
  for (const one of opened) await one.close();
  const of = (name: string): number[] => rates.get(name) ?? [];
  return {
    lines: [
      floorLine('raw', 'entries/s', of('raw')),
      ...MODES.map((mode) => line(mode, 'entries/s', of(mode))),
      line(RECORDS, 'entries/s', of(RECORDS)),
      ...peers.map((peer) => peerLine(peer, 'entries/s', of(peer))),
      ...MODES.map((mode) => line(`${mode} / raw`, 'ratio', ratios(of(mode), of('raw')))),
      ...peers.flatMap((peer) => peerLines(peer, goals, of)),
    ],
    notes: ['raw: one write + fdatasync of as many bytes, at least 4 KiB, over zeros.'],
  };
}

function peerLines(peer: PeerName, goals: Goals, of: (name: string) => number[]): Line[] {
  const best = better(of('inline'), of('deferred'));
  const lines = [
    line(
      `better of inline, deferred / ${peer}`,
      'ratio',
      ratios(best, of(peer)),
      atLeast(goals.timesPeer[peer]),
    ),
  ];
  const { deferredTimesSqlite } = goals;
  if (peer === 'better-sqlite3' && deferredTimesSqlite !== undefined) {
    const alone = ratios(of('deferred'), of(peer));
    lines.push(line(`deferred / ${peer}`, 'ratio', alone, atLeast(deferredTimesSqlite)));
  }
  return lines;
}

/** The write that a group comes to, at least one page. */
function openRaw(context: CaseContext, count: number): Opened {
  const bytes = Math.ceil((count * ENTRY_BYTES) / RAW_BYTES) * RAW_BYTES;
  const raw = openRawFile(context.work.make('raw'), bytes);
  return { subject: rawSubject('raw', raw, count), close: () => raw.close() };
}

async function openMode(context: CaseContext, mode: CommitMode, count: number): Promise<Opened> {
  const appenders = await openAppenders(context.work.make(mode), { mode, entryBytes: ENTRY_BYTES });
  const isAlone = mode === 'inline' && count === 1;
  const subject = isAlone ? blockingSubject(mode, appenders) : appendersSubject(mode, appenders, count);
  return { subject, close: () => appenders.close() };
}

async function openRecords(context: CaseContext, count: number): Promise<Opened> {
  const appenders = await openRecordAppenders(context.work.make('records'), {
    mode: 'deferred',
    entryBytes: ENTRY_BYTES,
  });
  return { subject: appendersSubject(RECORDS, appenders, count), close: () => appenders.close() };
}
