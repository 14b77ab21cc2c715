// What was taken to be written and is not durable yet, oldest first: the batches of the write that is under way, or that a
// full disk has cut short. Knows what that write amounts to.

import type { Index } from '@waldb/core';
import type { Batch, Staging } from './segment/staging.js';

export class UnwrittenBatches {
  readonly batches: Batch[] = [];
  /** The last entry of the log once all of them are durable. */
  through: Index = 0;
  /** Bytes that wait. */
  bytes = 0;
  /** What the present write has made durable so far. */
  writtenBytes = 0;
  writtenEntries = 0;

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** The only one. */
  get single(): Batch | undefined {
    return this.batches.length === 1 ? this.batches[0] : undefined;
  }

  /** A write begins: of what an earlier one has left, and everything that is staged. */
  take(staging: Staging, lastIndex: Index): void {
    for (const batch of staging.take()) {
      this.batches.push(batch);
      this.bytes += batch.bytes.length;
    }
    this.through = lastIndex;
    this.writtenBytes = 0;
    this.writtenEntries = 0;
  }

  /** The oldest is durable. */
  written(batch: Batch): void {
    this.batches.shift();
    this.bytes -= batch.bytes.length;
    this.writtenBytes += batch.bytes.length;
    this.writtenEntries += batch.entryCount;
  }
}
