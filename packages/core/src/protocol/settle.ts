// What follows from an event, derived in a fixed order until nothing more does: released effects, commit, membership,
// reads, transfer, replication, apply. Handlers change what they are about; consequences are drawn here, once.

import { assert } from '../assert.js';
import { advanceCommit, applyCommitted } from './commit.js';
import { countSelfVote } from './election.js';
import { settleMembership } from './membership-change.js';
import { settleReads } from './read-index.js';
import { replicate } from './replication.js';
import type { LeaderState } from './role.js';
import { restore } from './snapshot.js';
import type { RaftState } from './state.js';
import { settleTransfer } from './transfer.js';

export function settle(raft: RaftState): void {
  releaseGate(raft);
  const leader = raft.leaderState;
  if (leader !== undefined) settleLeader(raft, leader);
  // A removed leader, a snapshot or a revert may have changed what we are without changing term or leader.
  raft.reportRole();
  applyCommitted(raft);
}

function releaseGate(raft: RaftState): void {
  for (;;) {
    const effect = raft.gate.release(raft.durability.seq, raft.term);
    if (effect === undefined) return;
    switch (effect.type) {
      case 'send':
        // A candidacy that ended while the disk wrote: nobody counts its votes, and others could have used them.
        if (effect.message.type === 'requestVote' && raft.role.role !== 'candidate') break;
        raft.emit({ type: 'send', to: effect.message.to, message: effect.message });
        break;
      case 'selfVote':
        countSelfVote(raft);
        break;
      case 'restore':
        restore(raft, effect.snapshot);
        break;
    }
  }
}

function settleLeader(raft: RaftState, leader: LeaderState): void {
  do advanceCommit(raft, leader);
  while (settleMembership(raft, leader));
  if (raft.role !== leader) return; // it committed its own removal
  assert(raft.term >= 1, 'nobody leads before the first election');
  settleReads(raft, leader);
  settleTransfer(raft, leader);
  replicate(raft, leader);
}
