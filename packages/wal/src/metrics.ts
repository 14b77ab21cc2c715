// What a log tells of itself while it works: numbers to be asked for (`metrics()`), and events on Node's
// diagnostics channels for whoever subscribes. Nobody listening costs one comparison per event. It must never throw
// into the log's own work, and never decides anything.

import { type Channel, channel } from 'node:diagnostics_channel';
import { DURATION_MS, Histogram, type HistogramData, LogHistogram } from '@waldb/io';

/** The channels of `node:diagnostics_channel` that a log publishes on, each with the messages named here. */
export const WAL_CHANNELS = {
  /** {@link SyncMessage}, after each write that made something durable. */
  sync: 'waldb:wal:sync',
  /** {@link ColdReadMessage}, after each read of an entry that was not in memory. */
  coldRead: 'waldb:wal:cold-read',
  /** {@link FailureMessage}, when a write failed: the log is poisoned, or the disk is full. */
  failure: 'waldb:wal:failure',
} as const;

export interface SyncMessage {
  readonly directory: string;
  readonly logId: string;
  /** Whether the event loop waited for it. */
  readonly isBlocking: boolean;
  /** Written, with everything around the entries. */
  readonly bytes: number;
  readonly entries: number;
  readonly milliseconds: number;
}

export interface ColdReadMessage {
  readonly directory: string;
  readonly logId: string;
  readonly index: number;
}

export interface FailureMessage {
  readonly directory: string;
  readonly logId: string;
  readonly error: Error;
}

/** A distribution: the mean, quantiles (at most 3 % too high) and the largest value seen. All 0 while `count` is. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Since the log was opened, but for the numbers that say how things are now. */
export interface WalMetrics {
  readonly syncs: number;
  readonly bytesWritten: number;
  readonly entriesWritten: number;
  /** Entries of one sync. */
  readonly batchEntries: Distribution;
  /** Of one sync, with whatever rotation and compaction came with it. */
  readonly syncMilliseconds: Distribution;
  /** The same in fixed buckets, which can be added up over time and over logs as quantiles cannot. */
  readonly syncMillisecondsBuckets: HistogramData;
  /** Entries asked for one by one or in ranges: found in memory, and read from disk. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Writes refused for want of space. */
  readonly fullDisks: number;
  /** Now: segments of the log and the disk space that they take; bytes staged and not yet durable; bytes of the cache. */
  readonly segments: number;
  readonly segmentBytes: number;
  readonly stagedBytes: number;
  readonly cachedBytes: number;
}

const SYNC: Channel = channel(WAL_CHANNELS.sync);
const COLD_READ: Channel = channel(WAL_CHANNELS.coldRead);
const FAILURE: Channel = channel(WAL_CHANNELS.failure);

const NANOSECONDS_PER_MS = 1e6;

export class MetricsRecorder {
  readonly #directory: string;
  readonly #logId: string;
  readonly #latencyNs = new LogHistogram();
  readonly #batchEntries = new LogHistogram();
  readonly #latencyBuckets = new Histogram(DURATION_MS);
  #syncs = 0;
  #bytes = 0;
  #entries = 0;
  #hits = 0;
  #misses = 0;
  #fullDisks = 0;

  constructor(directory: string, logId: string) {
    this.#directory = directory;
    this.#logId = logId;
  }

  synced(write: Pick<SyncMessage, 'isBlocking' | 'bytes' | 'entries' | 'milliseconds'>): void {
    this.#syncs += 1;
    this.#bytes += write.bytes;
    this.#entries += write.entries;
    this.#latencyNs.record(Math.max(1, Math.round(write.milliseconds * NANOSECONDS_PER_MS)));
    this.#latencyBuckets.record(write.milliseconds);
    if (write.entries > 0) this.#batchEntries.record(write.entries);
    if (SYNC.hasSubscribers) SYNC.publish({ directory: this.#directory, logId: this.#logId, ...write });
  }

  failed(error: Error, isFullDisk: boolean): void {
    if (isFullDisk) this.#fullDisks += 1;
    if (FAILURE.hasSubscribers) FAILURE.publish({ directory: this.#directory, logId: this.#logId, error });
  }

  cacheHit(): void {
    this.#hits += 1;
  }

  cacheMiss(index: number): void {
    this.#misses += 1;
    if (COLD_READ.hasSubscribers)
      COLD_READ.publish({ directory: this.#directory, logId: this.#logId, index });
  }

  summary(now: Pick<WalMetrics, 'segments' | 'segmentBytes' | 'stagedBytes' | 'cachedBytes'>): WalMetrics {
    return {
      syncs: this.#syncs,
      bytesWritten: this.#bytes,
      entriesWritten: this.#entries,
      batchEntries: distribution(this.#batchEntries, 1),
      syncMilliseconds: distribution(this.#latencyNs, NANOSECONDS_PER_MS),
      syncMillisecondsBuckets: this.#latencyBuckets.data(),
      cacheHits: this.#hits,
      cacheMisses: this.#misses,
      fullDisks: this.#fullDisks,
      ...now,
    };
  }
}

function distribution(histogram: LogHistogram, unit: number): Distribution {
  const { count, mean, max } = histogram;
  return {
    count,
    mean: mean / unit,
    p50: histogram.quantile(0.5) / unit,
    p99: histogram.quantile(0.99) / unit,
    max: max / unit,
  };
}
