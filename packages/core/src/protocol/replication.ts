// Log replication (§5.3): the leader's appends, the follower's check that logs agree, and the way back to where they do.

import { assert, LogContradicted } from '../assert.js';
import type { AppendEntries, AppendEntriesReply } from '../message.js';
import type { Progress } from '../tracker/progress.js';
import type { Index, LogEntry, NodeId, Term } from '../types.js';
import { commitTo, encodedBytes } from './commit.js';
import type { LeaderState } from './role.js';
import { prefersSnapshot, sendSnapshot } from './snapshot.js';
import type { RaftState } from './state.js';

// ---- leader ----

/** Sends every peer what it may be sent now. Part of settling a leader's step. */
export function replicate(raft: RaftState, leader: LeaderState): void {
  const lastIndex = raft.log.lastIndex();
  for (const [id, progress] of leader.tracker.peers) {
    while (!progress.isPaused && (progress.nextIndex <= lastIndex || progress.probeOwed)) {
      if (!sendAppend(raft, id, progress)) break;
    }
  }
}

/** Returns whether an append went out. It does not wait for our own disk: the leader writes in parallel (thesis §10.2.1). */
function sendAppend(raft: RaftState, to: NodeId, progress: Progress): boolean {
  const prevLogIndex = progress.nextIndex - 1;
  const prevLogTerm = raft.log.termAt(prevLogIndex);
  if (
    prevLogTerm === undefined ||
    progress.nextIndex < raft.log.firstIndex() ||
    prefersSnapshot(raft, progress)
  ) {
    sendSnapshot(raft, to, progress);
    return false;
  }
  const entries = nextEntries(raft, progress.nextIndex);
  raft.send({
    type: 'appendEntries',
    from: raft.id,
    to,
    term: raft.term,
    prevLogIndex,
    prevLogTerm,
    leaderCommit: raft.commitIndex,
    entries,
  });
  const lastSent = prevLogIndex + entries.length;
  progress.sentCommit = Math.max(progress.sentCommit, Math.min(raft.commitIndex, lastSent));
  progress.sent(lastSent, encodedBytes(entries));
  return true;
}

function nextEntries(raft: RaftState, from: Index): LogEntry[] {
  const { maxBatchEntries, maxBatchBytes } = raft.config;
  const to = Math.min(raft.log.lastIndex(), from + maxBatchEntries - 1);
  return from > to ? [] : raft.log.entries(from, to, maxBatchBytes);
}

export function handleAppendEntriesReply(
  raft: RaftState,
  leader: LeaderState,
  message: AppendEntriesReply,
): void {
  const progress = leader.tracker.progress(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  if (message.success) acknowledged(raft, progress, message.matchIndex);
  else refused(raft, progress, message);
}

function acknowledged(raft: RaftState, progress: Progress, matchIndex: Index): void {
  assert(matchIndex <= raft.log.lastIndex(), 'a peer acknowledges only what this leader sent');
  const isNews = progress.acknowledge(matchIndex);
  progress.inflight.freeThrough(matchIndex);
  switch (progress.state) {
    case 'probe':
      if (isNews || matchIndex === progress.matchIndex) progress.becomeReplicate();
      break;
    case 'snapshot':
      // It caught up by itself, or installed the snapshot (P93).
      if (progress.matchIndex + 1 >= raft.log.firstIndex() && isNews) progress.becomeReplicate();
      break;
    case 'replicate':
      break;
  }
}

function refused(raft: RaftState, progress: Progress, message: AppendEntriesReply): void {
  // Our last index whose term is not above the follower's: everything above conflicts, so one answer skips a term.
  const hint =
    message.hintTerm > 0 ? agreementAtMost(raft, message.hintIndex, message.hintTerm) : message.hintIndex;
  progress.refuse(message.prevLogIndex, hint);
}

// ---- follower ----

export function handleAppendEntries(raft: RaftState, message: AppendEntries): void {
  const { prevLogIndex, prevLogTerm, entries } = message;
  // Up to the commit index the logs agree by definition, and ours may be compacted there: only what lies beyond is news.
  const covered = Math.min(Math.max(raft.commitIndex - prevLogIndex, 0), entries.length);
  checkAgainstCommitted(raft, message.from, prevLogIndex, prevLogTerm);
  checkAgainstCommitted(
    raft,
    message.from,
    prevLogIndex + covered,
    entries[covered - 1]?.term ?? prevLogTerm,
  );
  if (prevLogIndex > raft.commitIndex && raft.log.termAt(prevLogIndex) !== prevLogTerm)
    return refuse(raft, message);
  appendNew(raft, covered === 0 ? entries : entries.slice(covered));
  const lastNew = Math.max(prevLogIndex + entries.length, raft.commitIndex);
  commitTo(raft, Math.min(message.leaderCommit, lastNew));
  accept(raft, message, lastNew);
}

/** Skips what is there already, and lets a conflict replace everything from it on (§5.3). */
function appendNew(raft: RaftState, entries: readonly LogEntry[]): void {
  const lastIndex = raft.log.lastIndex();
  // A duplicate must not truncate: what follows it may have been acknowledged since (§5.3).
  const first = entries.findIndex(
    (entry) => entry.index > lastIndex || raft.log.termAt(entry.index) !== entry.term,
  );
  const from = entries[first];
  if (from === undefined) return;
  if (from.index <= lastIndex) raft.stageTruncate(from.index);
  raft.stageAppend(first === 0 ? entries : entries.slice(first));
}

/** A leader whose log differs from what we know to be committed has broken Raft's promise: better stopped than silent (X10). */
function checkAgainstCommitted(raft: RaftState, leader: NodeId, index: Index, term: Term): void {
  if (index > raft.commitIndex) return;
  const ownTerm = raft.log.termAt(index);
  if (ownTerm === undefined || ownTerm === term) return;
  throw new LogContradicted(
    `server ${leader} has an entry of term ${term} at index ${index}, and what is committed there is of term ${ownTerm}`,
    { leader, index, term, ownTerm },
  );
}

function accept(raft: RaftState, request: AppendEntries, matchIndex: Index): void {
  const { prevLogIndex } = request;
  raft.sendGated({
    type: 'appendEntriesReply',
    from: raft.id,
    to: request.from,
    term: raft.term,
    success: true,
    prevLogIndex,
    matchIndex,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/** Names the highest index at which our log may still agree with the leader's, and our term there. */
function refuse(raft: RaftState, request: AppendEntries): void {
  const { prevLogIndex, prevLogTerm } = request;
  const hintIndex = Math.max(agreementAtMost(raft, prevLogIndex, prevLogTerm), raft.commitIndex);
  raft.sendGated({
    type: 'appendEntriesReply',
    from: raft.id,
    to: request.from,
    term: raft.term,
    success: false,
    prevLogIndex,
    matchIndex: 0,
    hintIndex,
    hintTerm: raft.log.termAt(hintIndex) ?? 0,
  });
}

/**
 * The largest index at or below `index` at which our term is not above `term`; terms never fall along a log, so an
 * entry with `term` in the other log cannot agree with any of ours above it. Below what is compacted: one less than
 * the oldest index whose term is known.
 */
function agreementAtMost(raft: RaftState, index: Index, term: Term): Index {
  let low = raft.log.firstIndex() - 2; // agrees, or is not known to differ
  let high = Math.min(index, raft.log.lastIndex()) + 1; // differs, or lies beyond
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((raft.log.termAt(middle) ?? 0) <= term) low = middle;
    else high = middle;
  }
  return Math.max(0, low);
}
