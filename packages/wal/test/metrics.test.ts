// What a log tells of itself.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { WAL_CHANNELS, Wal, WalError } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { disk, entries, open } from './support/log-fixture.js';
import { DIRECTORY } from './support/workload.js';

/** The messages on a channel about one log, while `act` runs. */
async function heard(name: string, logId: string, act: () => Promise<void> | void): Promise<unknown[]> {
  const messages: unknown[] = [];
  const listen = (message: unknown): void => {
    if ((message as { logId: string }).logId === logId) messages.push(message);
  };
  subscribe(name, listen);
  try {
    await act();
  } finally {
    unsubscribe(name, listen);
  }
  return messages;
}

describe('metrics', () => {
  it('count syncs, bytes, batches, cache hits and misses, and what is held now', async () => {
    const log = await open(disk(), { cacheBytes: 0 });
    expect(log.metrics()).toMatchObject({ syncs: 0, batchEntries: { count: 0, mean: 0 }, segments: 1 });
    log.append(entries(1, 30));
    log.entry(30);
    log.entries(1, 30);
    expect(log.metrics()).toMatchObject({ cacheHits: 2, cacheMisses: 0 });
    expect(log.metrics().stagedBytes).toBeGreaterThan(30 * 10);
    expect(log.metrics().cachedBytes).toBeGreaterThan(30 * 10);
    log.sync();
    log.sync(); // nothing to do
    log.append(entries(31, 40));
    await log.flush();
    log.entry(5);
    const metrics = log.metrics();
    expect(metrics).toMatchObject({
      syncs: 2,
      entriesWritten: 40,
      batchEntries: { count: 2, mean: 20, max: 30 },
      syncMilliseconds: { count: 2 },
      syncMillisecondsBuckets: { count: 2 },
      cacheMisses: 1,
      stagedBytes: 0,
      cachedBytes: 0,
      fullDisks: 0,
    });
    expect(metrics.bytesWritten).toBeGreaterThan(40 * 10);
    expect(metrics.syncMilliseconds.max).toBeGreaterThanOrEqual(metrics.syncMilliseconds.p50);
    expect(metrics.segmentBytes).toBeGreaterThanOrEqual(8 * 1024);
    await log.close();
  });

  it('of a plain log are the same', async () => {
    const wal = await Wal.open(DIRECTORY, { vfs: disk() });
    for (let i = 0; i < 5; i++) wal.append(Uint8Array.of(i));
    await wal.flush();
    expect(wal.metrics()).toMatchObject({ syncs: 1, entriesWritten: 5, batchEntries: { max: 5 } });
    await wal.close();
  });
});

describe('diagnostics channels', () => {
  it('tell of each sync, of entries read from disk, and of failures', async () => {
    const vfs = disk();
    const log = await open(vfs, { cacheBytes: 0 });
    const about = { directory: DIRECTORY, logId: log.logId };
    const syncs = await heard(WAL_CHANNELS.sync, log.logId, async () => {
      log.append(entries(1, 3));
      log.sync();
      log.append(entries(4, 4));
      await log.flush();
    });
    expect(syncs).toMatchObject([
      { ...about, isBlocking: true, entries: 3, bytes: expect.any(Number), milliseconds: expect.any(Number) },
      { ...about, isBlocking: false, entries: 1 },
    ]);
    const reads = await heard(WAL_CHANNELS.coldRead, log.logId, () => void log.entry(2));
    expect(reads).toEqual([{ ...about, index: 2 }]);
    vfs.faults = (operation) =>
      operation.type === 'writeDurably' ? { type: 'error', code: 'EIO' } : undefined;
    log.append(entries(5, 5));
    const failures = await heard(WAL_CHANNELS.failure, log.logId, () => {
      for (let i = 0; i < 2; i++) expect(() => log.sync()).toThrow(WalError);
    });
    expect(failures).toMatchObject([{ ...about, error: { code: 'WAL_POISONED' } }]);
    await log.close();
  });
});
