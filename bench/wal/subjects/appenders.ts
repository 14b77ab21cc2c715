// A WalLog with concurrent appenders in front of it, as a server has them: each stages one entry and waits until it is
// durable. How the wait is served is what the subjects differ in.
//
//   inline    everybody who staged in this turn of the loop shares one blocking `sync`
//   deferred  `flush`, on the thread pool: whoever stages while one is under way shares the next
//   adaptive  `flush` that blocks where it has seen that the disk is quick

import type { LogEntry } from '@waldb/core';
import { WalLog, type WalOptions } from '@waldb/wal';
import type { Subject } from '../../harness/rounds.js';

export type CommitMode = 'inline' | 'deferred' | 'adaptive';

export interface Appenders {
  readonly log: WalLog;
  /** Stages one entry. */
  append(): void;
  /** Resolves once everything staged so far is durable. */
  durable(): Promise<unknown>;
  close(): Promise<void>;
}

export interface AppenderOptions {
  readonly mode: CommitMode;
  readonly entryBytes: number;
  readonly log?: WalOptions;
}

export async function openAppenders(directory: string, options: AppenderOptions): Promise<Appenders> {
  const flushMode = options.mode === 'adaptive' ? 'adaptive' : 'deferred';
  const log = await WalLog.open(directory, { flushMode, ...options.log });
  const command = new Uint8Array(options.entryBytes).fill(0x61);
  let index = log.lastIndex();
  return {
    log,
    append() {
      index += 1;
      const entry: LogEntry = { term: 1, index, kind: 'normal', command };
      log.append([entry]);
    },
    durable: options.mode === 'inline' ? sharedSync(log) : () => log.flush(),
    close: () => log.close(),
  };
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

/** Alone, a blocking writer needs no promise: stage, sync. */
export function blockingSubject(name: string, appenders: Appenders): Subject {
  return {
    name,
    unitsPerCall: 1,
    isAsync: false,
    body() {
      appenders.append();
      appenders.log.sync();
      return undefined;
    },
  };
}

/** A microtask runs once everyone who was woken has staged: one sync for all of them. */
function sharedSync(log: WalLog): () => Promise<void> {
  let group: Promise<void> | undefined;
  const commit = (): void => {
    group = undefined;
    log.sync();
  };
  return () => {
    group ??= Promise.resolve().then(commit);
    return group;
  };
}
