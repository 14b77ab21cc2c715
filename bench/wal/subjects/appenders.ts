// A log with concurrent appenders in front of it, as a server has them: each stages one entry and waits until it is
// durable. How the wait is served is what the subjects differ in.
//
//   inline    everybody who staged in this turn of the loop shares one blocking `sync`
//   deferred  `flush`, on the thread pool: whoever stages while one is under way shares the next
//   adaptive  `flush` that blocks where it has seen that the disk is quick

import type { LogEntry } from '@waldb/core';
import { Wal, WalLog, type WalOptions } from '@waldb/wal';
import type { Subject } from '../../harness/rounds.js';

export type CommitMode = 'inline' | 'deferred' | 'adaptive';

export interface Appenders {
  /** Stages one entry. */
  append(): void;
  /** Blocks until everything staged so far is durable. */
  sync(): void;
  /** Resolves once everything staged so far is durable. */
  durable(): Promise<unknown>;
  close(): Promise<void>;
}

export interface AppenderOptions {
  readonly mode: CommitMode;
  readonly entryBytes: number;
  readonly log?: WalOptions;
}

/** In front of a Raft log. */
export async function openAppenders(directory: string, options: AppenderOptions): Promise<Appenders> {
  const log = await WalLog.open(directory, walOptions(options));
  const command = new Uint8Array(options.entryBytes).fill(0x61);
  let index = log.lastIndex();
  const append = (): void => {
    index += 1;
    const entry: LogEntry = { term: 1, index, kind: 'normal', command };
    log.append([entry]);
  };
  return appendersOf(log, options.mode, append);
}

/** In front of a log of bytes. With `keepRecords`, what is older than so many records is given up as it goes. */
export async function openRecordAppenders(
  directory: string,
  options: AppenderOptions & { readonly keepRecords?: number },
): Promise<Appenders> {
  const wal = await Wal.open(directory, walOptions(options));
  const record = new Uint8Array(options.entryBytes).fill(0x61);
  const keep = options.keepRecords;
  const append = (): void => {
    const lsn = wal.append(record);
    // Four times in as many records as are kept: whoever truncates does not do it for each.
    if (keep !== undefined && lsn > keep && lsn % Math.ceil(keep / 4) === 0) wal.truncateBefore(lsn - keep);
  };
  return appendersOf(wal, options.mode, append);
}

/** One call is every appender once: with all of them waiting for the disk, they fall into the same group. */
export function appendersSubject(name: string, appenders: Appenders, count: number): Subject {
  const appendOne = async (): Promise<void> => {
    appenders.append();
    await appenders.durable();
  };
  return {
    name,
    unitsPerCall: count,
    isAsync: true,
    async body() {
      if (count === 1) return appendOne();
      const waiting: Promise<void>[] = [];
      for (let i = 0; i < count; i++) waiting.push(appendOne());
      await Promise.all(waiting);
    },
  };
}

/** The same with two such groups of appenders: while one waits for the disk, the other stages. A call is one group once. */
export function alternatingSubject(name: string, appenders: Appenders, count: number): Subject {
  let before: Promise<unknown> = Promise.resolve();
  return {
    name,
    unitsPerCall: count,
    isAsync: true,
    async body() {
      for (let i = 0; i < count; i++) appenders.append();
      const staged = appenders.durable();
      await before;
      before = staged;
    },
  };
}

/** Alone, a blocking writer needs no promise: stage, sync. */
export function blockingSubject(name: string, appenders: Appenders): Subject {
  return {
    name,
    unitsPerCall: 1,
    isAsync: false,
    body() {
      appenders.append();
      appenders.sync();
      return undefined;
    },
  };
}

function walOptions({ mode, log }: AppenderOptions): WalOptions {
  return { flushMode: mode === 'adaptive' ? 'adaptive' : 'deferred', ...log };
}

function appendersOf(log: Wal | WalLog, mode: CommitMode, append: () => void): Appenders {
  const sync = (): void => log.sync();
  return {
    append,
    sync,
    durable: mode === 'inline' ? shared(sync) : () => log.flush(),
    close: () => log.close(),
  };
}

/** A microtask runs once everyone who was woken has staged: one sync for all of them. */
function shared(sync: () => void): () => Promise<void> {
  let group: Promise<void> | undefined;
  const commit = (): void => {
    group = undefined;
    sync();
  };
  return () => {
    group ??= Promise.resolve().then(commit);
    return group;
  };
}
