// Snapshots (§7): what replaces a compacted prefix, for a peer that needs it.
//
// Small state travels inside `installSnapshot`; for large state the data is a reference, and the driver streams the
// file and steps the message only once that file is durable on the receiver.

import { assert } from '../assert.js';
import { checked } from '../membership/configuration.js';
import type { InstallSnapshot, InstallSnapshotReply } from '../message.js';
import { RaftError } from '../raft-error.js';
import type { Progress } from '../tracker/progress.js';
import type { Configuration, Index, NodeId, Snapshot } from '../types.js';
import { commitTo } from './commit.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

// ---- our own ----

/**
 * The state machine was saved as of `index`. Errors: `CONFIG_INVALID` for an index that is not applied yet; `NOT_READY`
 * for one at which a server that joined does not know the configuration.
 */
export function handleSnapshotTaken(
  raft: RaftState,
  index: Index,
  data: Uint8Array,
  keepEntries: number,
): void {
  if (!Number.isSafeInteger(index) || index < 1 || index > raft.lastApplied) {
    throw new RaftError(
      'CONFIG_INVALID',
      `a snapshot at ${index} is not one of what is applied (${raft.lastApplied})`,
    );
  }
  if (!Number.isSafeInteger(keepEntries) || keepEntries < 0) {
    throw new RaftError('CONFIG_INVALID', `keepEntries is ${keepEntries} but must be a whole number from 0`);
  }
  // An installed snapshot was quicker; the present one is newer.
  if (index <= raft.log.snapshotIndex()) return;
  if (!raft.knowsConfigurationAt(index)) {
    throw new RaftError(
      'NOT_READY',
      `this server joined after ${index}, and cannot tell the configuration of then`,
    );
  }
  const term = raft.log.termAt(index);
  assert(term !== undefined, 'the log still holds what lies above its snapshot');
  const { configuration } = raft.configurationAt(index);
  raft.log.applySnapshot({ index, term, configuration, data: new Uint8Array(data) });
  raft.durability.staged(raft.log.stagedSeq(), raft.log.lastIndex());
  compact(raft, index - keepEntries);
}

function compact(raft: RaftState, through: Index): void {
  if (through < raft.log.firstIndex()) return;
  raft.log.compact(through);
  raft.durability.staged(raft.log.stagedSeq(), raft.log.lastIndex());
}

// ---- leader ----

/** A server that holds nothing is brought near by a snapshot rather than by the whole log; if that fails, by the log. */
export function prefersSnapshot(raft: RaftState, progress: Progress): boolean {
  return progress.nextIndex === 1 && raft.log.snapshotIndex() > 0 && !progress.snapshotFailed;
}

export function sendSnapshot(raft: RaftState, to: NodeId, progress: Progress): void {
  const snapshot = raft.log.snapshot();
  assert(snapshot !== undefined, 'only what a snapshot covers is compacted');
  if (!progress.recentlyActive) {
    // Not before a sign of life: a snapshot to a dead peer helps nobody (P97).
    progress.probeSent = true;
    return;
  }
  progress.becomeSnapshot(snapshot.index);
  raft.send({ type: 'installSnapshot', from: raft.id, to, term: raft.term, snapshot });
}

/** A leader's tick: a snapshot without an answer for long is given up, and offered again after the next sign of life. */
export function tickSnapshots(raft: RaftState, leader: LeaderState): void {
  for (const progress of leader.tracker.peers.values()) {
    if (progress.state !== 'snapshot') continue;
    progress.snapshotElapsed += 1;
    if (progress.snapshotElapsed >= raft.config.snapshotRetryTicks) progress.snapshotGivenUp();
  }
}

export function handleSnapshotStatus(leader: LeaderState, to: NodeId, ok: boolean): void {
  const progress = leader.tracker.progress(to);
  if (progress?.state !== 'snapshot') return;
  if (!ok) return progress.snapshotGivenUp();
  // Delivered; its own answer, or the next heartbeat's, tells what it holds now.
  progress.becomeProbe();
  progress.probeSent = true;
}

export function handleInstallSnapshotReply(leader: LeaderState, message: InstallSnapshotReply): void {
  const progress = leader.tracker.progress(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  if (message.success) {
    progress.acknowledge(message.matchIndex);
    if (progress.state !== 'replicate') progress.becomeReplicate();
  } else if (progress.state === 'snapshot' && progress.pendingSnapshot === message.snapshotIndex) {
    progress.snapshotGivenUp();
  }
}

// ---- follower ----

export function handleInstallSnapshot(raft: RaftState, message: InstallSnapshot): void {
  const { snapshot } = message;
  if (!isAcceptable(raft, snapshot)) return reply(raft, message, { success: false, matchIndex: 0 });
  // Already there: nothing is rolled back, and nothing is applied twice (X2).
  if (snapshot.index <= raft.commitIndex)
    return reply(raft, message, { success: true, matchIndex: raft.commitIndex });
  if (raft.log.termAt(snapshot.index) === snapshot.term) {
    commitTo(raft, snapshot.index);
  } else {
    raft.stageInstall(snapshot);
    commitTo(raft, snapshot.index);
    raft.holdEffect({ type: 'restore', snapshot });
  }
  reply(raft, message, { success: true, matchIndex: snapshot.index });
}

/** The snapshot is durable: the state machine may be replaced. */
export function restore(raft: RaftState, snapshot: Snapshot): void {
  assert(snapshot.index > raft.lastApplied, 'a snapshot never takes the state machine back');
  raft.lastApplied = snapshot.index;
  raft.emit({ type: 'restoreSnapshot', snapshot });
}

function isAcceptable(raft: RaftState, snapshot: Snapshot): boolean {
  const ownTerm = snapshot.index <= raft.commitIndex ? raft.log.termAt(snapshot.index) : undefined;
  return (ownTerm === undefined || ownTerm === snapshot.term) && isValid(snapshot.configuration);
}

function isValid(configuration: Configuration): boolean {
  try {
    checked(configuration);
    return true;
  } catch {
    // The reason does not matter to the sender: it gets a refusal.
    return false;
  }
}

function reply(
  raft: RaftState,
  request: InstallSnapshot,
  result: { readonly success: boolean; readonly matchIndex: Index },
): void {
  const snapshotIndex = request.snapshot.index;
  raft.sendGated({
    type: 'installSnapshotReply',
    from: raft.id,
    to: request.from,
    term: raft.term,
    snapshotIndex,
    ...result,
  });
}
