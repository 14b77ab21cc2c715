// The one place where events enter: the term rule is applied here, once, and each event finds its concern.

import { assert } from '../assert.js';
import { decodeConfiguration } from '../codec/configuration.js';
import type { Event } from '../event.js';
import type { Message } from '../message.js';
import { RaftError } from '../raft-error.js';
import {
  becomeFollower,
  handlePreVote,
  handlePreVoteReply,
  handleRequestVote,
  handleRequestVoteReply,
  handleTimeoutNow,
  sticksToLeader,
  tickElection,
} from './election.js';
import { handleHeartbeat, handleHeartbeatReply, tickHeartbeat } from './heartbeat.js';
import { changeMembership, toldOfRemoval } from './membership-change.js';
import { propose } from './proposal.js';
import { handleRead, handleReadIndex, handleReadIndexReply, tickForwardedReads } from './read-index.js';
import { handleAppendEntries, handleAppendEntriesReply } from './replication.js';
import {
  handleInstallSnapshot,
  handleInstallSnapshotReply,
  handleSnapshotStatus,
  handleSnapshotTaken,
  tickSnapshots,
} from './snapshot.js';
import type { RaftState } from './state.js';
import { abortTransfer, tickTransfer, transferLeadership } from './transfer.js';

/** Carries out an event. What follows from it for commit, reads, replication and so on is `settle`'s. */
export function dispatch(raft: RaftState, event: Event): void {
  switch (event.type) {
    case 'tick':
      return tick(raft, event.now);
    case 'message':
      return receive(raft, event.message, event.now);
    case 'propose':
      return propose(raft, [event.command]);
    case 'proposeBatch':
      return propose(raft, event.commands);
    case 'read':
      noteTime(raft, event.now);
      return handleRead(raft, event.context, event.asksMajority ?? false);
    case 'snapshot':
      return handleSnapshotTaken(raft, event.index, event.data, event.keepEntries ?? 0);
    case 'addServer':
    case 'addLearner':
    case 'removeServer':
    case 'promoteLearner':
    case 'changeMembership':
    case 'leaveJoint':
      return changeMembership(raft, event);
    case 'transferLeadership':
      return transferLeadership(raft, event.to);
    case 'abortTransfer':
      return abortTransfer(raft);
    case 'durable':
      return durable(raft, event.seq);
    case 'storageFailed':
      throw event.error;
    case 'snapshotStatus':
      if (raft.leaderState !== undefined) handleSnapshotStatus(raft.leaderState, event.to, event.ok);
      return;
    case 'snapshotProgress': {
      const progress = raft.leaderState?.tracker.progress(event.to);
      if (progress !== undefined) progress.snapshotElapsed = 0;
      return;
    }
    case 'unreachable': {
      const progress = raft.leaderState?.tracker.progress(event.id);
      if (progress?.state === 'replicate') progress.becomeProbe();
      return;
    }
    case 'removed':
      return toldOfRemoval(raft, event.index);
  }
}

// ---- time and disk ----

function tick(raft: RaftState, now: number | undefined): void {
  noteTime(raft, now);
  tickDisk(raft);
  const leader = raft.leaderState;
  if (leader === undefined) {
    tickForwardedReads(raft);
    return tickElection(raft);
  }
  tickTransfer(raft, leader);
  tickSnapshots(raft, leader);
  tickHeartbeat(raft, leader);
}

/** A disk that takes work and does not finish it is as bad as a dead one; a leader with such a disk steps down (P66). */
function tickDisk(raft: RaftState): void {
  if (raft.durability.seq >= raft.log.stagedSeq()) {
    raft.stallElapsed = 0;
    return;
  }
  raft.stallElapsed += 1;
  if (raft.leaderState !== undefined && raft.stallElapsed >= raft.config.diskStallTicks) {
    becomeFollower(raft, raft.term, undefined);
  }
}

function durable(raft: RaftState, seq: number): void {
  const staged = raft.log.stagedSeq();
  // What is no number of a staged mutation must not open the gate, whatever a log or its driver makes of it.
  if (!Number.isSafeInteger(seq) || seq < 0 || seq > staged) {
    throw new RaftError('CONFIG_INVALID', `seq ${seq} cannot be durable: ${staged} is the last one staged`, {
      seq,
    });
  }
  if (raft.durability.advance(seq)) raft.stallElapsed = 0;
}

function noteTime(raft: RaftState, now: number | undefined): void {
  if (now === undefined) {
    if (raft.config.readPolicy !== 'lease') return;
    throw new RaftError('CONFIG_INVALID', 'lease reads need `now` in every tick, message and read');
  }
  if (!Number.isFinite(now))
    throw new RaftError('CONFIG_INVALID', `now is ${now} but must be a time in milliseconds`);
  // A server may have supported a lease just before it was restarted, and remembers none, perhaps not even the term: it
  // waits one out.
  if (raft.now === undefined) raft.leaderHeardAt = now;
  raft.now = Math.max(raft.now ?? now, now);
}

// ---- messages ----

function receive(raft: RaftState, message: Message, now: number | undefined): void {
  noteTime(raft, now);
  if (message.to !== raft.id || message.from === raft.id) return; // misdirected
  if (message.type === 'appendEntries') checkConfigurations(message.entries);
  if (message.term < raft.term) return answerStale(raft, message);
  if (message.term > raft.term && !entersTerm(raft, message)) return;
  deliver(raft, message);
}

/** Before anything changes: what an entry says must be readable, or the whole message is refused with `ENCODING`. */
function checkConfigurations(entries: Extract<Message, { type: 'appendEntries' }>['entries']): void {
  for (const entry of entries) if (entry.kind === 'config') decodeConfiguration(entry.command);
}

/**
 * The term rule (§5.1): whoever sees a later term follows it. Pre-votes are questions about a term that nobody has
 * entered yet; and a server that hears its leader does not let a candidate disturb it, unless the leader itself asked
 * for the election. Returns whether the message is to be delivered.
 */
function entersTerm(raft: RaftState, message: Message): boolean {
  switch (message.type) {
    case 'preVote':
      return true;
    case 'preVoteReply':
      if (message.voteGranted) return true;
      break;
    case 'requestVote':
      if (!message.transfer && sticksToLeader(raft)) return false;
      break;
    default:
      break;
  }
  becomeFollower(raft, message.term, leaderOf(message));
  return true;
}

/** Only the leader of a term sends these. */
function leaderOf(message: Message): number | undefined {
  switch (message.type) {
    case 'appendEntries':
    case 'heartbeat':
    case 'installSnapshot':
      return message.from;
    default:
      return undefined;
  }
}

function deliver(raft: RaftState, message: Message): void {
  switch (message.type) {
    case 'requestVote':
      return handleRequestVote(raft, message);
    case 'requestVoteReply':
      return handleRequestVoteReply(raft, message);
    case 'preVote':
      return handlePreVote(raft, message);
    case 'preVoteReply':
      return handlePreVoteReply(raft, message);
    case 'appendEntries':
      followLeader(raft, message.from);
      return handleAppendEntries(raft, message);
    case 'heartbeat':
      followLeader(raft, message.from);
      return handleHeartbeat(raft, message);
    case 'installSnapshot':
      followLeader(raft, message.from);
      return handleInstallSnapshot(raft, message);
    case 'appendEntriesReply':
      if (raft.leaderState !== undefined) handleAppendEntriesReply(raft, raft.leaderState, message);
      return;
    case 'heartbeatReply':
      return handleHeartbeatReply(raft, message);
    case 'installSnapshotReply':
      if (raft.leaderState !== undefined) handleInstallSnapshotReply(raft.leaderState, message);
      return;
    case 'timeoutNow':
      return handleTimeoutNow(raft);
    case 'readIndex':
      return handleReadIndex(raft, message);
    case 'readIndexReply':
      return handleReadIndexReply(raft, message);
  }
}

/** The leader of our term has spoken: a candidate gives way, a follower knows whom to follow. */
function followLeader(raft: RaftState, leader: number): void {
  assert(raft.role.role !== 'leader', 'one leader per term');
  if (raft.role.role === 'candidate') becomeFollower(raft, raft.term, leader);
  assert(raft.role.role === 'follower', 'whoever hears the leader of its term follows it');
  raft.heardLeader(raft.role, leader);
  raft.reportRole();
}

/**
 * A request from an earlier term is answered with ours, never ignored: a leader that was cut off learns that it no
 * longer leads, and a server whose term ran ahead makes the others catch up (P61, P64).
 */
function answerStale(raft: RaftState, message: Message): void {
  const { from } = message;
  switch (message.type) {
    case 'requestVote':
      return raft.sendGated({
        type: 'requestVoteReply',
        from: raft.id,
        to: from,
        term: raft.term,
        voteGranted: false,
      });
    case 'preVote':
      return raft.sendGated({
        type: 'preVoteReply',
        from: raft.id,
        to: from,
        term: raft.term,
        voteGranted: false,
      });
    case 'appendEntries': {
      const { prevLogIndex } = message;
      return raft.sendGated({
        type: 'appendEntriesReply',
        from: raft.id,
        to: from,
        term: raft.term,
        success: false,
        prevLogIndex,
        matchIndex: 0,
        hintIndex: 0,
        hintTerm: 0,
      });
    }
    case 'heartbeat':
      return raft.send({ type: 'heartbeatReply', from: raft.id, to: from, term: raft.term, round: 0 });
    case 'installSnapshot':
      return raft.sendGated({
        type: 'installSnapshotReply',
        from: raft.id,
        to: from,
        term: raft.term,
        snapshotIndex: message.snapshot.index,
        success: false,
        matchIndex: 0,
      });
    case 'readIndex':
    case 'requestVoteReply':
    case 'preVoteReply':
    case 'appendEntriesReply':
    case 'heartbeatReply':
    case 'installSnapshotReply':
    case 'timeoutNow':
    case 'readIndexReply':
      return; // answers and requests that have lost their point
  }
}
