// When the configuration may change, and what follows when a change commits (§6; thesis §4).
//
// One change at a time, and none before the leader has committed an entry of its own term: else two changes made from
// the same configuration in different terms could have disjoint majorities (Ongaro, raft-dev 2015; X3).

import { encodeConfiguration } from '../codec/configuration.js';
import { encodeEntry } from '../codec/entry.js';
import { type MembershipChange, nextConfiguration } from '../membership/change.js';
import { isJoint, isVoter } from '../membership/configuration.js';
import { RaftError } from '../raft-error.js';
import type { Configuration, Index, NodeId } from '../types.js';
import { becomeFollower } from './election.js';
import { beginRound } from './heartbeat.js';
import { refuseDuringTransfer, requireLeader } from './proposal.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

/** Errors: `NOT_LEADER`, `NOT_READY`, `TRANSFER_IN_PROGRESS`, `CONFIG_IN_PROGRESS`, `CONFIG_INVALID`, `NOT_CAUGHT_UP`. */
export function changeMembership(raft: RaftState, change: MembershipChange): void {
  const leader = requireLeader(raft);
  refuseDuringTransfer(leader);
  if (raft.commitIndex < leader.termStartIndex) {
    throw new RaftError('NOT_READY', 'this leader has not committed an entry of its own term yet');
  }
  if (raft.configurationIndex > raft.commitIndex) {
    throw new RaftError(
      'CONFIG_IN_PROGRESS',
      `the configuration at ${raft.configurationIndex} is not committed yet`,
      {
        index: raft.configurationIndex,
      },
    );
  }
  if (isJoint(raft.configuration) && change.type !== 'leaveJoint') {
    throw new RaftError('CONFIG_IN_PROGRESS', 'the joint configuration has to be left first');
  }
  const next = nextConfiguration(raft.configuration, change);
  for (const id of next.voters) {
    if (raft.configuration.learners.includes(id)) requireCaughtUp(raft, leader, id);
  }
  appendConfiguration(raft, next);
  const index = raft.configurationIndex;
  raft.emit({ type: 'proposed', first: index, last: index, term: raft.term });
}

/** What a committed configuration asks of its leader. Part of settling a leader's step. Returns whether it appended. */
export function settleMembership(raft: RaftState, leader: LeaderState): boolean {
  if (raft.configurationIndex > raft.commitIndex || raft.commitIndex < leader.termStartIndex) return false;
  if (isJoint(raft.configuration)) {
    if (!raft.configuration.autoLeave) return false;
    appendConfiguration(raft, nextConfiguration(raft.configuration, { type: 'leaveJoint' }));
    return true;
  }
  if (isVoter(raft.configuration, raft.id)) return false;
  // The leader has led its own removal to the end (thesis §4.2.2). The others learn of the commit before it goes.
  beginRound(raft, leader);
  becomeFollower(raft, raft.term, undefined);
  return false;
}

/** A member knows that the cluster goes on without us. A leader finds out by itself: no quorum answers it. */
export function toldOfRemoval(raft: RaftState, index: Index): void {
  raft.removedAt = Math.max(raft.removedAt, index);
  if (raft.configurationIndex < index && raft.leaderState === undefined)
    becomeFollower(raft, raft.term, undefined);
}

/**
 * A learner becomes a voter only when it holds all that is committed: else the next commit would wait for it to catch
 * up (thesis §4.2.1). A server that is new altogether may be added as voter at once, at that price.
 */
function requireCaughtUp(raft: RaftState, leader: LeaderState, id: NodeId): void {
  const progress = leader.tracker.progress(id);
  const matchIndex = progress?.matchIndex ?? 0;
  if (progress?.state === 'replicate' && matchIndex >= raft.commitIndex) return;
  throw new RaftError(
    'NOT_CAUGHT_UP',
    `learner ${id} holds the log up to ${matchIndex} of ${raft.commitIndex}`,
    {
      id,
      matchIndex,
      commitIndex: raft.commitIndex,
    },
  );
}

function appendConfiguration(raft: RaftState, configuration: Configuration): void {
  const command = encodeConfiguration(configuration);
  raft.stageAppend([
    encodeEntry({ term: raft.term, index: raft.log.lastIndex() + 1, kind: 'config', command }),
  ]);
}
