// A WalLog with concurrent appenders in front of it, as a server has them: each stages one entry and waits until it is
// durable. How the wait is served is what the subjects differ in.
//
//   inline    everybody who staged in this turn shares one blocking `sync`
//   deferred  everybody who staged while a flush was under way shares the next one

import type { LogEntry } from '@waldb/core';
import { WalLog, type WalOptions } from '@waldb/wal';
import type { Subject } from '../../harness/rounds.js';

export type CommitMode = 'inline' | 'deferred';

export interface Appenders {
  readonly log: WalLog;
  /** Stages one entry. */
  append(): void;
  /** Resolves once everything staged so far is durable. */
  durable(): Promise<void>;
  close(): Promise<void>;
}

export interface AppenderOptions {
  readonly mode: CommitMode;
  readonly entryBytes: number;
  readonly log?: WalOptions;
}

export async function openAppenders(directory: string, options: AppenderOptions): Promise<Appenders> {
  const log = await WalLog.open(directory, options.log);
  const command = new Uint8Array(options.entryBytes).fill(0x61);
  let index = log.lastIndex();
  const durable = options.mode === 'inline' ? inlineGroups(log) : deferredGroups(log);
  return {
    log,
    append() {
      index += 1;
      const entry: LogEntry = { term: 1, index, kind: 'normal', command };
      log.append([entry]);
    },
    durable,
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
function inlineGroups(log: WalLog): () => Promise<void> {
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

/** The disk's own latency is the batching window: one flush at a time, whoever comes meanwhile shares the next. */
function deferredGroups(log: WalLog): () => Promise<void> {
  let inFlight: Promise<unknown> | undefined;
  let next: Promise<void> | undefined;
  const flush = (): Promise<void> => {
    next = undefined;
    const flushing = log.flush().then(() => {
      inFlight = undefined;
    });
    inFlight = flushing;
    return flushing;
  };
  return () => {
    next ??= (inFlight ?? Promise.resolve()).then(flush);
    return next;
  };
}
