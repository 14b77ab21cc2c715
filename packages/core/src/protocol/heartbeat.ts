// The leader's regular sign of life (§5.2), in numbered rounds: followers stay quiet, learn what is committed, and
// their answers count for reads, leases and the quorum check.
//
// Neither a heartbeat nor its answer waits for a disk. The answer says "while I read this I had taken part in no later
// term": that is about the past, and a crash cannot make it untrue (docs/protocol.md, "Why heartbeats are not gated").

import { LogContradicted } from '../assert.js';
import type { Heartbeat, HeartbeatReply } from '../message.js';
import type { Progress } from '../tracker/progress.js';
import type { NodeId } from '../types.js';
import { commitTo } from './commit.js';
import { becomeFollower } from './election.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

/** A leader's tick: the quorum check, then a round when its time has come. */
export function tickHeartbeat(raft: RaftState, leader: LeaderState): void {
  leader.quorumElapsed += 1;
  if (leader.quorumElapsed >= raft.config.electionTimeoutTicks[0]) {
    leader.quorumElapsed = 0;
    // Nobody would notice an isolated leader, and its clients would wait for ever (thesis §6.2; X7).
    if (!leader.tracker.checkQuorum() && raft.config.checkQuorum)
      return becomeFollower(raft, raft.term, undefined);
  }
  leader.heartbeatElapsed += 1;
  if (leader.heartbeatElapsed >= raft.config.heartbeatTicks) return beginRound(raft, leader);
  // Between rounds, those who have not been told the newest commit they hold hear the last round again.
  for (const [id, progress] of leader.tracker.peers) {
    if (Math.min(raft.commitIndex, progress.matchIndex) > progress.sentCommit)
      sendHeartbeat(raft, leader, id, progress);
  }
}

/** Begins the next round: one heartbeat to every peer. */
export function beginRound(raft: RaftState, leader: LeaderState): void {
  leader.heartbeatElapsed = 0;
  leader.round += 1;
  if (raft.now !== undefined && raft.config.readPolicy === 'lease')
    leader.reads.began(leader.round, raft.now);
  for (const [id, progress] of leader.tracker.peers) sendHeartbeat(raft, leader, id, progress);
}

export function handleHeartbeat(raft: RaftState, message: Heartbeat): void {
  checkStillHeld(raft, message);
  commitTo(raft, message.leaderCommit);
  raft.send({
    type: 'heartbeatReply',
    from: raft.id,
    to: message.from,
    term: raft.term,
    round: message.round,
  });
}

/** A heartbeat commits no more than what its receiver has acknowledged (X10). */
function checkStillHeld(raft: RaftState, { from, leaderCommit }: Heartbeat): void {
  const lastIndex = raft.log.lastIndex();
  if (leaderCommit <= lastIndex) return;
  throw new LogContradicted(
    `server ${from} says that this server has acknowledged index ${leaderCommit}, and its log ends at ${lastIndex}`,
    { leader: from, index: leaderCommit, lastIndex },
  );
}

export function handleHeartbeatReply(raft: RaftState, message: HeartbeatReply): void {
  const progress = raft.leaderState?.tracker.progress(message.from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.ackedRound = Math.max(progress.ackedRound, message.round);
  // Alive, but not known to hold the whole log: an append or its answer may have been lost (P27).
  if (progress.matchIndex >= raft.log.lastIndex()) return;
  progress.probeSent = false;
  if (progress.inflight.isFull) progress.inflight.freeFirst();
  progress.probeOwed = true;
}

/** Never more than the peer is known to hold: its log beyond that may be another's. */
function sendHeartbeat(raft: RaftState, leader: LeaderState, to: NodeId, progress: Progress): void {
  const leaderCommit = Math.min(raft.commitIndex, progress.matchIndex);
  progress.sentCommit = Math.max(progress.sentCommit, leaderCommit);
  raft.send({ type: 'heartbeat', from: raft.id, to, term: raft.term, leaderCommit, round: leader.round });
}
