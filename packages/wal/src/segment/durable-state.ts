// What a crash would leave of a log, apart from its entries: the sum of all durable frames, and of what the metadata
// says ahead of them. The first frame of every segment repeats it.

import type { HardState } from '@waldb/core';
import { encodeStateRecord, type SnapshotRef, type StateRecord } from '../format/record.js';
import { FrameEffects, type LogPosition } from '../state/frame-effects.js';
import type { FrameContent } from './new-segment.js';

export interface DurableFacts {
  readonly hardState: HardState;
  readonly snapshot: SnapshotRef | undefined;
  readonly compacted: LogPosition;
}

export class DurableState implements DurableFacts {
  hardState: HardState;
  snapshot: SnapshotRef | undefined;
  compacted: LogPosition;

  constructor({ hardState, snapshot, compacted }: DurableFacts) {
    this.hardState = hardState;
    this.snapshot = snapshot;
    this.compacted = compacted;
  }

  /** A frame has become durable. Snapshot and compaction only go forward: the metadata may be ahead of the frames. */
  apply(effects: FrameEffects): void {
    this.hardState = effects.hardState ?? this.hardState;
    this.advance(effects.snapshot, effects.resetTo);
    this.advance(undefined, effects.compacted);
  }

  advance(snapshot: SnapshotRef | undefined, compacted: LogPosition | undefined): void {
    if (snapshot !== undefined && snapshot.index >= (this.snapshot?.index ?? 0)) this.snapshot = snapshot;
    if (compacted !== undefined && compacted.index > this.compacted.index) this.compacted = compacted;
  }

  /** The first frame of a segment: with it, no earlier segment is needed to know the vote. */
  checkpoint(): FrameContent {
    const records: StateRecord[] = [{ type: 'hardState', state: this.hardState }];
    if (this.snapshot !== undefined)
      records.push({ type: 'snapshot', snapshot: this.snapshot, resets: false });
    if (this.compacted.index > 0) records.push({ type: 'compact', ...this.compacted });
    const effects = new FrameEffects();
    for (const record of records) effects.addState(record);
    return { payload: concatenate(records.map(encodeStateRecord)), effects };
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
