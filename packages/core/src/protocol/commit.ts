// What is committed and what is applied.
//
// commitIndex never falls, and the leader raises it by counting only to an entry of its own term (§5.4.2, figure 8).
// lastApplied never passes min(commitIndex, durable index): a state machine must not be ahead of its own disk.

import { assert } from '../assert.js';
import { entryBytes } from '../codec/entry.js';
import type { Index, LogEntry } from '../types.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

/** Raises the commit index, to at most the last index. */
export function commitTo(raft: RaftState, index: Index): void {
  if (index <= raft.commitIndex) return;
  const term = raft.log.termAt(index);
  assert(term !== undefined, 'what is committed is in the log');
  raft.commitIndex = index;
  raft.emit({ type: 'commit', index, term });
}

/** Commits what a quorum holds on stable storage. Returns whether anything was. */
export function advanceCommit(raft: RaftState, leader: LeaderState): boolean {
  if (raft.commitIndex === raft.log.lastIndex()) return false; // the steady state: nothing waits
  const index = leader.tracker.committedIndex(raft.durability.index);
  if (index <= raft.commitIndex || raft.log.termAt(index) !== raft.term) return false;
  commitTo(raft, index);
  while ((leader.uncommitted[0]?.lastIndex ?? Number.POSITIVE_INFINITY) <= index) {
    leader.uncommittedBytes -= leader.uncommitted.shift()?.bytes ?? 0;
  }
  return true;
}

/** Hands the driver what is committed and durable, up to `maxApplyBytes` of it in one step. */
export function applyCommitted(raft: RaftState): void {
  const to = Math.min(raft.commitIndex, raft.durability.index);
  // Entries behind a snapshot are applied on top of it, so after it.
  if (to <= raft.lastApplied || raft.gate.holdsRestore) return;
  const entries = raft.log.entries(raft.lastApplied + 1, to, raft.config.maxApplyBytes);
  const last = entries.at(-1);
  assert(
    last !== undefined && entries[0]?.index === raft.lastApplied + 1,
    'entries are applied without a gap',
  );
  const normal = entries.every(isNormal) ? entries : entries.filter(isNormal);
  raft.lastApplied = last.index;
  if (normal.length > 0) raft.emit({ type: 'apply', entries: normal });
  hintSnapshot(raft);
}

/** Whether this step left something to apply to the next. */
export function hasUnapplied(raft: RaftState): boolean {
  return Math.min(raft.commitIndex, raft.durability.index) > raft.lastApplied && !raft.gate.holdsRestore;
}

function hintSnapshot(raft: RaftState): void {
  const { snapshotThreshold } = raft.config;
  if (snapshotThreshold === 0) return;
  const from = Math.max(raft.log.snapshotIndex(), raft.snapshotHintIndex);
  if (raft.lastApplied - from < snapshotThreshold || !raft.knowsConfigurationAt(raft.lastApplied)) return;
  const term = raft.log.termAt(raft.lastApplied);
  assert(term !== undefined, 'the log knows the term of what was just applied');
  raft.snapshotHintIndex = raft.lastApplied;
  raft.emit({ type: 'snapshot', index: raft.lastApplied, term });
}

function isNormal(entry: LogEntry): boolean {
  return entry.kind === 'normal';
}

/** Bytes of entries as a log or a message holds them. */
export function encodedBytes(entries: readonly LogEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}
