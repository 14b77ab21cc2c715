// What the leader knows of one peer's log, and how it may send to it.
//
//             answer fits                    next entry compacted
//   probe  ----------------> replicate       probe/replicate ----> snapshot
//     ^                          |                                    |
//     +-- refusal, unreachable --+            installed, failed or given up: back to probe
//     +---------------------------------------------------------------+
//
//   probe      one append at a time, until an answer tells where the logs agree
//   replicate  a stream of appends, as many as the inflight limits allow
//   snapshot   nothing, until the snapshot is installed or given up
//
// `matchIndex` rises only on the peer's word and never falls; matchIndex < nextIndex always.

import { assert } from '../assert.js';
import type { Index } from '../types.js';
import { Inflight } from './inflight.js';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export interface ProgressLimits {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

export class Progress {
  matchIndex: Index = 0;
  nextIndex: Index;
  state: ProgressState = 'probe';
  /** In `probe`: one append is out and its answer, or the answer to a later heartbeat, is awaited. */
  probeSent = false;
  /** An append is owed even without entries: the peer answered a heartbeat but is not known to hold the whole log. */
  probeOwed = false;
  /** In `snapshot`: the index being installed, and the ticks since it was sent. */
  pendingSnapshot: Index = 0;
  snapshotElapsed = 0;
  /** A snapshot to this peer failed; entries are preferred while the log still holds them (see `prefersSnapshot`). */
  snapshotFailed = false;
  /** Heard from since the last quorum check. */
  recentlyActive = false;
  /** The newest heartbeat round that this peer has answered. */
  ackedRound = 0;
  /** The commit index last told to it. */
  sentCommit: Index = 0;
  readonly inflight: Inflight;

  constructor(nextIndex: Index, limits: ProgressLimits) {
    this.nextIndex = nextIndex;
    this.inflight = new Inflight(limits.maxInflightMessages, limits.maxInflightBytes);
  }

  /** Whether no append may be sent now. */
  get isPaused(): boolean {
    switch (this.state) {
      case 'probe':
        return this.probeSent;
      case 'replicate':
        return this.inflight.isFull;
      case 'snapshot':
        return true;
    }
  }

  becomeProbe(): void {
    // After a snapshot the peer holds at least that, if it was installed: probing from there finds out.
    const afterSnapshot = this.state === 'snapshot' ? this.pendingSnapshot + 1 : 0;
    this.#enter('probe');
    this.nextIndex = Math.max(this.matchIndex + 1, afterSnapshot);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.nextIndex = this.matchIndex + 1;
  }

  becomeSnapshot(index: Index): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
  }

  /** The snapshot did not arrive: probe from what is known, after the next sign of life. */
  snapshotGivenUp(): void {
    this.pendingSnapshot = 0;
    this.snapshotFailed = true;
    this.becomeProbe();
    this.probeSent = true;
  }

  sent(lastIndex: Index, bytes: number): void {
    this.probeOwed = false;
    if (this.state === 'replicate') {
      if (bytes === 0) return;
      this.nextIndex = lastIndex + 1;
      this.inflight.add(lastIndex, bytes);
    } else {
      assert(this.state === 'probe', 'nothing is appended while a snapshot is installed');
      this.probeSent = true;
    }
  }

  /** The peer's log agrees with ours through `index`. Returns whether that is news. */
  acknowledge(index: Index): boolean {
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    if (index <= this.matchIndex) return false;
    this.matchIndex = index;
    this.probeSent = false;
    return true;
  }

  /**
   * The peer refused an append at `prevLogIndex`; the logs may agree at `hintIndex` at the highest. Returns false for
   * a refusal that later knowledge has overtaken: it must not rewind anything.
   */
  refuse(prevLogIndex: Index, hintIndex: Index): boolean {
    if (this.state === 'replicate') {
      if (prevLogIndex <= this.matchIndex) return false;
      this.becomeProbe();
      this.nextIndex = Math.max(this.matchIndex + 1, Math.min(prevLogIndex, hintIndex + 1));
      return true;
    }
    if (this.state === 'snapshot' || this.nextIndex - 1 !== prevLogIndex) return false;
    this.nextIndex = Math.max(this.matchIndex + 1, Math.min(prevLogIndex, hintIndex + 1));
    this.probeSent = false;
    return true;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.probeSent = false;
    this.probeOwed = false;
    this.pendingSnapshot = 0;
    this.snapshotElapsed = 0;
    this.inflight.clear();
  }
}
