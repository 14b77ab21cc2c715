// Adds up what a damaged log holds, frame by frame and damage by damage, in order. Frames carry the index that they go
// on from, and so do segment headers: that tells how many entries a damage has taken, and where a truncation was in it.
//
// One thing cannot be known: what a lost frame dropped before the entries that follow it. Entries from before a damage
// are kept as they were before it.

import type { HardState, Index, Term } from '@waldb/core';
import type { FrameHeader } from '../format/frame.js';
import type { SnapshotRef } from '../format/record.js';
import type { FrameEffects, LogPosition } from '../state/frame-effects.js';
import { EntryMap } from './entry-map.js';

/** Something was lost and nobody knows yet how many entries were in it. */
interface Pending {
  readonly damage: number;
  readonly mayHoldEntries: boolean;
}

export interface FramePlace {
  readonly segmentId: number;
  readonly offset: number;
  readonly bytes: number;
  readonly seq: number;
  readonly isProven: boolean;
}

/** Called where what follows goes on from another index than `expected` without any damage; says which damage that is. */
export type Misfit = (expected: Index) => number;

export class LogSum {
  readonly entries: EntryMap = new EntryMap();
  compacted: LogPosition;
  hardState: HardState | undefined;
  /** Of the frame that says so. */
  hardStateSeq = 0;
  snapshot: SnapshotRef | undefined;
  highestTerm: Term = 0;
  #pending: Pending | undefined;
  /** Whether it is known where the log begins. */
  #isAnchored = false;

  constructor(known: { readonly compacted: LogPosition; readonly snapshot: SnapshotRef | undefined }) {
    this.compacted = known.compacted;
    this.snapshot = known.snapshot;
  }

  /** The next segment goes on from here. */
  beginSegment(baseIndex: Index, misfit: Misfit): void {
    this.#goOnFrom(baseIndex + 1, misfit);
  }

  addFrame(effects: FrameEffects, at: FramePlace, misfit: Misfit): void {
    if (effects.resetTo !== undefined) this.#reset(effects.resetTo);
    if (effects.truncateFrom !== undefined) {
      if (this.#pending !== undefined) {
        this.#goOnFrom(Math.max(effects.truncateFrom, this.entries.lastIndex + 1), misfit);
      }
      this.entries.truncate(effects.truncateFrom);
    }
    if (effects.entryCount > 0) {
      this.#goOnFrom(effects.firstIndex, misfit);
      const { firstIndex: first, entryCount: count } = effects;
      this.entries.add({ ...at, first, count });
      this.highestTerm = Math.max(this.highestTerm, effects.lastTerm);
    }
    if (effects.hardState !== undefined) {
      this.hardState = effects.hardState;
      this.hardStateSeq = at.seq;
      this.highestTerm = Math.max(this.highestTerm, effects.hardState.term);
    }
    if (effects.snapshot !== undefined && effects.snapshot.index >= (this.snapshot?.index ?? 0)) {
      this.snapshot = effects.snapshot;
    }
    if (effects.compacted !== undefined && effects.compacted.index > this.compacted.index) {
      this.compacted = effects.compacted;
    }
  }

  /** A frame whose header can be read and whose records cannot. */
  addLostFrame(header: FrameHeader, damage: number): void {
    this.highestTerm = Math.max(this.highestTerm, header.lastTerm);
    if (header.entryCount === 0) {
      this.#pending ??= { damage, mayHoldEntries: false };
      return;
    }
    this.#goOnFrom(header.firstIndex, () => damage);
    this.entries.lose(header.firstIndex + header.entryCount - 1, damage);
  }

  /** Frames, or a whole segment, of which nothing can be read. */
  addLost(damage: number): void {
    if (this.#pending?.mayHoldEntries !== true) this.#pending = { damage, mayHoldEntries: true };
  }

  /** Nothing comes any more. */
  finish(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    this.entries.seam(pending.damage);
    if (pending.mayHoldEntries) this.entries.lose(undefined, pending.damage);
  }

  #reset(to: LogPosition): void {
    this.entries.reset(to.index);
    this.compacted = to;
    this.#pending = undefined;
    this.#isAnchored = true;
  }

  /** What follows begins at `first`: what is missing before it was lost, what is too much was truncated. */
  #goOnFrom(first: Index, misfit: Misfit): void {
    if (!this.#isAnchored && this.#pending === undefined) this.entries.reset(first - 1);
    this.#isAnchored = true;
    const expected = this.entries.lastIndex + 1;
    if (this.#pending === undefined && first === expected) return;
    const damage = this.#pending?.damage ?? misfit(expected);
    this.#pending = undefined;
    // Nobody misses what was given up.
    if (expected <= this.compacted.index && first > this.compacted.index)
      this.entries.reset(this.compacted.index);
    this.entries.truncate(first);
    this.entries.seam(damage);
    this.entries.lose(first - 1, damage);
  }
}
