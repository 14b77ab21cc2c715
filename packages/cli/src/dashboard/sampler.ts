// Measures this server once a second, and keeps the last minutes for pages that are opened later. Must never hold more
// than SAMPLES_MAX, and costs a few additions for each write of the log.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Clock, LogHistogram } from '@waldb/io';
import type { RaftServer, ServerLeaderStatus } from '@waldb/runtime';
import { type SyncMessage, WAL_CHANNELS } from '@waldb/wal';
import { SAMPLES_MAX, type Sample } from './report.js';

export type Sampled = Pick<RaftServer<unknown>, 'status' | 'metrics'>;

const NANOSECONDS_PER_MS = 1e6;

export class Sampler {
  readonly #raft: Sampled;
  readonly #clock: Clock;
  readonly #logId: string;
  readonly #samples: Sample[] = [];
  #syncs = new LogHistogram();
  #takenAt: number;
  #committed: number;
  #written: { readonly bytes: number; readonly entries: number };
  #entryBytes = 0;

  constructor(raft: Sampled, clock: Clock) {
    this.#raft = raft;
    this.#clock = clock;
    this.#logId = raft.status().logId;
    const { entries, log } = raft.metrics();
    this.#takenAt = clock.now();
    this.#committed = entries.committed;
    this.#written = { bytes: log.bytesWritten, entries: log.entriesWritten };
    subscribe(WAL_CHANNELS.sync, this.#onSync);
  }

  close(): void {
    unsubscribe(WAL_CHANNELS.sync, this.#onSync);
  }

  /** Bytes of the log for each entry, of late; 0 while nothing was written. */
  get entryBytes(): number {
    return this.#entryBytes;
  }

  /** What is kept of the time after `date`. */
  since(date: number): readonly Sample[] {
    const first = this.#samples.findLastIndex((sample) => sample.date <= date) + 1;
    return this.#samples.slice(first);
  }

  /** Closes the present second. */
  take(): void {
    const now = this.#clock.now();
    const seconds = Math.max(now - this.#takenAt, 1) / 1000;
    const { entries, log } = this.#raft.metrics();
    const { leadership } = this.#raft.status();
    const syncs = this.#syncs;
    this.#syncs = new LogHistogram();
    this.#samples.push({
      date: this.#clock.date(),
      commits: rounded((entries.committed - this.#committed) / seconds),
      syncs: rounded(syncs.count / seconds),
      p50: rounded(syncs.quantile(0.5) / NANOSECONDS_PER_MS),
      p99: rounded(syncs.quantile(0.99) / NANOSECONDS_PER_MS),
      ...(leadership !== undefined && { lags: knownLags(leadership.peers) }),
    });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#takenAt = now;
    this.#committed = entries.committed;
    this.#measureEntries(log.bytesWritten, log.entriesWritten);
  }

  #measureEntries(bytes: number, entries: number): void {
    const { bytes: bytesBefore, entries: entriesBefore } = this.#written;
    if (entries > entriesBefore) this.#entryBytes = (bytes - bytesBefore) / (entries - entriesBefore);
    this.#written = { bytes, entries };
  }

  /** Channels belong to the process: other logs are somebody else's. */
  readonly #onSync = (message: unknown): void => {
    const { logId, milliseconds } = message as SyncMessage; // of the channel's own type
    if (logId === this.#logId) this.#syncs.record(Math.round(milliseconds * NANOSECONDS_PER_MS));
  };
}

/** A leader that is new does not know yet how far those are that it has not heard. */
function knownLags(peers: ServerLeaderStatus['peers']): Record<number, number> {
  const known = Object.entries(peers).filter(([, { matchIndex }]) => matchIndex > 0);
  return Object.fromEntries(known.map(([id, { lag }]) => [id, lag]));
}

/** `record` with every value replaced. */
export function mapValues<From, To>(
  record: Readonly<Record<number, From>>,
  change: (value: From) => To,
): Record<number, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** Three digits behind the point are more than anybody reads. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
