// Concurrent appenders of 128-byte entries: each waits until its own entry is durable. Beside them, when they are
// installed, other stores at the same work.

import type { BenchCase, CaseContext } from '../../case.js';
import { atLeast, floorLine, type Line, line, peerLine } from '../../harness/result.js';
import { measureRounds, type Subject } from '../../harness/rounds.js';
import { better, ratios } from '../../harness/statistics.js';
import {
  type Appenders,
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
/** `Wal`, a log of bytes, is what stands beside stores that know no terms; `WalLog` does the same for Raft entries. */
const MODES: readonly CommitMode[] = ['inline', 'deferred', 'adaptive'];
const RAFT_MODES: readonly CommitMode[] = ['inline', 'deferred'];

interface Goals {
  readonly appenders: number;
  /** The better of inline and deferred against each peer. */
  readonly timesPeer: Readonly<Partial<Record<PeerName, number>>>;
  /** Deferred alone: the event loop stays free, and it is still ahead of a store that blocks. */
  readonly deferredTimesSqlite?: number;
}

const GOALS: readonly Goals[] = [
  {
    appenders: 1,
    timesPeer: { 'classic-level, a put each': 2.2, lmdb: 2.4, 'better-sqlite3': 1.6 },
    deferredTimesSqlite: 1.1,
  },
  {
    appenders: 64,
    timesPeer: { 'classic-level, a put each': 6, lmdb: 3.3, 'better-sqlite3': 1.6 },
    deferredTimesSqlite: 1.2,
  },
  { appenders: 512, timesPeer: { 'classic-level, a put each': 12, lmdb: 3, 'better-sqlite3': 2.7 } },
  { appenders: 1024, timesPeer: { 'classic-level, a put each': 65, lmdb: 1.6, 'better-sqlite3': 2 } },
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
  for (const mode of RAFT_MODES) opened.push(await openRaft(context, mode, goals.appenders));
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
      ...RAFT_MODES.map((mode) => line(raftName(mode), 'entries/s', of(raftName(mode)))),
      ...peers.map((peer) => peerLine(peer, 'entries/s', of(peer))),
      ...MODES.map((mode) => line(`${mode} / raw`, 'ratio', ratios(of(mode), of('raw')))),
      ...peers.flatMap((peer) => peerLines(peer, goals, of)),
    ],
    notes: ['raw: one write + fdatasync of as many bytes, at least 4 KiB, over zeros.'],
  };
}

function peerLines(peer: PeerName, goals: Goals, of: (name: string) => number[]): Line[] {
  const best = better(of('inline'), of('deferred'));
  const goal = goals.timesPeer[peer];
  const lines = [
    line(
      `better of inline, deferred / ${peer}`,
      'ratio',
      ratios(best, of(peer)),
      goal === undefined ? undefined : atLeast(goal),
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
  const options = { mode, entryBytes: ENTRY_BYTES };
  return inFront(mode, await openRecordAppenders(context.work.make(mode), options), options.mode, count);
}

async function openRaft(context: CaseContext, mode: CommitMode, count: number): Promise<Opened> {
  const options = { mode, entryBytes: ENTRY_BYTES };
  return inFront(
    raftName(mode),
    await openAppenders(context.work.make(`raft-${mode}`), options),
    mode,
    count,
  );
}

function raftName(mode: CommitMode): string {
  return `WalLog, ${mode}`;
}

function inFront(name: string, appenders: Appenders, mode: CommitMode, count: number): Opened {
  const isAlone = mode === 'inline' && count === 1;
  const subject = isAlone ? blockingSubject(name, appenders) : appendersSubject(name, appenders, count);
  return { subject, close: () => appenders.close() };
}
