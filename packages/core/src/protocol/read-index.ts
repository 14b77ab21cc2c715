// Linearizable reads without writing the log (thesis §6.4): the leader notes what is committed, makes sure that it
// still led *after* the read arrived, and lets the reader go once it has applied that much.
//
// "After" is counted in heartbeat rounds, which rise within a term. A read waits for the first round begun after it
// arrived; an answer to an earlier round, however late, proves nothing about it (P112).

import type { ReadFailure } from '../action.js';
import type { ReadIndex, ReadIndexReply } from '../message.js';
import { hasQuorum } from '../quorum/joint.js';
import { RaftError } from '../raft-error.js';
import type { Index } from '../types.js';
import { beginRound } from './heartbeat.js';
import type { Reader } from './read-queue.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

/** A read's context identifies it to its driver: a few bytes. */
const CONTEXT_BYTES_MAX = 256;

/** A client of ours asks. Errors: `QUOTA_EXCEEDED`, `TOO_LARGE`. */
export function handleRead(raft: RaftState, callersContext: Uint8Array, asksMajority: boolean): void {
  if (callersContext.length > CONTEXT_BYTES_MAX) {
    throw new RaftError(
      'TOO_LARGE',
      `a read context of ${callersContext.length} bytes is larger than ${CONTEXT_BYTES_MAX}`,
    );
  }
  const leader = raft.leaderState;
  const pending = raft.forwardedReads.length + (leader?.reads.length ?? 0);
  if (pending >= raft.config.maxPendingReads) {
    throw new RaftError('QUOTA_EXCEEDED', `${pending} reads are waiting already (maxPendingReads)`, {
      pending,
    });
  }
  const context = new Uint8Array(callersContext);
  if (leader !== undefined) return askLeader(raft, leader, { type: 'own', context, asksMajority });
  if (raft.leader === undefined) return raft.emit({ type: 'readFailed', context, reason: 'noLeader' });
  const { incarnation } = raft.config;
  const request = raft.forwardedReads.add(context);
  raft.send({ type: 'readIndex', from: raft.id, to: raft.leader, term: raft.term, incarnation, request });
}

/** Another server asks on behalf of its client. A leader with too many reads says no, as one that no longer leads does. */
export function handleReadIndex(raft: RaftState, message: ReadIndex): void {
  const leader = raft.leaderState;
  const { from: id, incarnation, request } = message;
  const reader: Reader = { type: 'server', id, incarnation, request };
  if (leader === undefined || leader.reads.length >= raft.config.maxPendingReads)
    return refuseRead(raft, reader, 'noLeader');
  askLeader(raft, leader, reader);
}

export function handleReadIndexReply(raft: RaftState, message: ReadIndexReply): void {
  if (message.incarnation !== raft.config.incarnation) return;
  const context = raft.forwardedReads.take(message.request);
  if (context === undefined) return; // given up meanwhile
  const { index } = message;
  if (index === 0) raft.emit({ type: 'readFailed', context, reason: 'noLeader' });
  else raft.emit({ type: 'readReady', context, index });
}

/** A follower's tick: a request or its answer may have been lost. */
export function tickForwardedReads(raft: RaftState): void {
  if (raft.forwardedReads.length === 0) return;
  for (const context of raft.forwardedReads.tick(raft.config.electionTimeoutTicks[1])) {
    raft.emit({ type: 'readFailed', context, reason: 'timeout' });
  }
}

/** Lets go what a quorum has confirmed, and begins the round that the rest waits for. Part of settling a leader's step. */
export function settleReads(raft: RaftState, leader: LeaderState): void {
  const { reads, tracker } = leader;
  if (reads.beforeReady.length > 0 && isReady(raft, leader)) {
    for (const reader of reads.beforeReady.splice(0)) askLeader(raft, leader, reader);
  }
  if (!reads.awaitsRounds) return;
  for (const read of reads.confirm(tracker.confirmedRound(leader.round)))
    answer(raft, read.reader, read.index);
  // One round of reads at a time: what arrives meanwhile shares the next one.
  if (reads.oldestWantedRound > leader.round) beginRound(raft, leader);
}

export function failForwardedReads(raft: RaftState, reason: ReadFailure): void {
  if (raft.forwardedReads.length === 0) return;
  for (const context of raft.forwardedReads.drain()) raft.emit({ type: 'readFailed', context, reason });
}

/** Reads that wait at a leader that no longer is one: other servers are told, and our clients. */
export function failLeaderReads(raft: RaftState, readers: readonly Reader[], reason: ReadFailure): void {
  for (const reader of readers) refuseRead(raft, reader, reason);
}

function askLeader(raft: RaftState, leader: LeaderState, reader: Reader): void {
  if (!isReady(raft, leader)) {
    leader.reads.beforeReady.push(reader);
    return;
  }
  if (isAlone(raft) || (mayUseLease(reader) && holdsLease(raft, leader, raft.now)))
    return answer(raft, reader, raft.commitIndex);
  leader.reads.push({ reader, index: raft.commitIndex, round: leader.round + 1 });
}

/** What a client of another server trusts, the wire does not say. */
function mayUseLease(reader: Reader): boolean {
  return reader.type === 'own' && !reader.asksMajority;
}

/**
 * What a read has to wait for that asks nobody: the commit index, as long as no other leader can exist. Undefined where
 * somebody must be asked.
 */
export function leaseReadIndex(raft: RaftState, now: number): Index | undefined {
  const leader = raft.leaderState;
  if (leader === undefined || !isReady(raft, leader)) return undefined;
  return isAlone(raft) || holdsLease(raft, leader, now) ? raft.commitIndex : undefined;
}

function isAlone(raft: RaftState): boolean {
  return hasQuorum(raft.configuration, (id) => id === raft.id);
}

/** Before its noop commits a leader may not know of everything that is committed (§8). */
function isReady(raft: RaftState, leader: LeaderState): boolean {
  return raft.commitIndex >= leader.termStartIndex;
}

/**
 * Whether no other leader can exist yet, by the clocks: a quorum answered a round that began at `confirmedAt`, and
 * each of them supports nobody else for `leaseMs` of its own clock from when it heard of it, which was later.
 */
function holdsLease(raft: RaftState, leader: LeaderState, now: number | undefined): boolean {
  const { config } = raft;
  const { confirmedAt } = leader.reads;
  if (
    config.readPolicy !== 'lease' ||
    leader.leaseForfeited ||
    confirmedAt === undefined ||
    now === undefined
  ) {
    return false;
  }
  return now - confirmedAt < config.leaseMs / (1 + config.clockDriftMax);
}

function answer(raft: RaftState, reader: Reader, index: Index): void {
  if (reader.type === 'own') return raft.emit({ type: 'readReady', context: reader.context, index });
  replyTo(raft, reader, index);
}

function refuseRead(raft: RaftState, reader: Reader, reason: ReadFailure): void {
  if (reader.type === 'own') return raft.emit({ type: 'readFailed', context: reader.context, reason });
  replyTo(raft, reader, 0);
}

function replyTo(raft: RaftState, reader: Extract<Reader, { type: 'server' }>, index: Index): void {
  const { id, incarnation, request } = reader;
  raft.send({ type: 'readIndexReply', from: raft.id, to: id, term: raft.term, incarnation, request, index });
}
