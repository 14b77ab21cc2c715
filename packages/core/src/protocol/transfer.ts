// Leadership transfer (thesis §3.10): bring the successor up to date, then ask it to campaign at once. Proposals wait
// meanwhile, and not for ever: a transfer ends by a timeout (X4).

import { RaftError } from '../raft-error.js';
import type { NodeId } from '../types.js';
import { requireLeader } from './proposal.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

/** Errors: `NOT_LEADER`, `TRANSFER_IN_PROGRESS` (to another server), `CONFIG_INVALID` (not another voter). */
export function transferLeadership(raft: RaftState, to: NodeId): void {
  const leader = requireLeader(raft);
  if (leader.transfer !== undefined) {
    if (leader.transfer.to === to) return;
    throw new RaftError(
      'TRANSFER_IN_PROGRESS',
      `leadership is being handed to server ${leader.transfer.to}`,
      {
        to: leader.transfer.to,
      },
    );
  }
  if (to === raft.id) throw new RaftError('CONFIG_INVALID', `server ${to} leads already`);
  if (!raft.configuration.voters.includes(to))
    throw new RaftError('CONFIG_INVALID', `server ${to} is not a voter`);
  leader.transfer = { to, elapsedTicks: 0, sent: false };
}

export function abortTransfer(raft: RaftState): void {
  const leader = requireLeader(raft);
  if (leader.transfer !== undefined) end(raft, leader, leader.transfer.to, 'aborted');
}

/** A leader's tick. */
export function tickTransfer(raft: RaftState, leader: LeaderState): void {
  if (leader.transfer === undefined) return;
  leader.transfer.elapsedTicks += 1;
  if (leader.transfer.elapsedTicks >= raft.config.transferTimeoutTicks)
    end(raft, leader, leader.transfer.to, 'timeout');
}

/** Tells the successor once it holds the whole log. Part of settling a leader's step. */
export function settleTransfer(raft: RaftState, leader: LeaderState): void {
  const { transfer } = leader;
  if (transfer === undefined || transfer.sent) return;
  if (!raft.configuration.voters.includes(transfer.to)) return end(raft, leader, transfer.to, 'aborted');
  if (leader.tracker.progress(transfer.to)?.matchIndex !== raft.log.lastIndex()) return;
  transfer.sent = true;
  leader.leaseForfeited = true;
  raft.send({ type: 'timeoutNow', from: raft.id, to: transfer.to, term: raft.term });
}

function end(raft: RaftState, leader: LeaderState, to: NodeId, reason: 'timeout' | 'aborted'): void {
  leader.transfer = undefined;
  raft.emit({ type: 'transferFailed', to, reason });
}
