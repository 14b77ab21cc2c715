// Elections (§5.2, §5.4.1), with pre-vote (thesis §9.6), stickiness to a living leader (thesis §4.2.3) and forced
// elections on a leadership transfer (thesis §3.10).
//
// What must hold: a server votes at most once in a term, and neither its vote nor its candidacy leaves before term
// and vote are durable. So requestVote, the replies and the vote for itself all pass the gate.

import { assert } from '../assert.js';
import { encodeEntry } from '../codec/entry.js';
import type { PreVote, PreVoteReply, RequestVote, RequestVoteReply } from '../message.js';
import { quorumVote } from '../quorum/joint.js';
import { Tracker } from '../tracker/tracker.js';
import type { Index, NodeId, Term } from '../types.js';
import { failForwardedReads, failLeaderReads } from './read-index.js';
import { LeaderReads } from './read-queue.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

const NO_COMMAND = new Uint8Array(0);

/** A follower's or candidate's tick. */
export function tickElection(raft: RaftState): void {
  raft.electionElapsed += 1;
  if (raft.electionElapsed < raft.electionTimeout || !raft.mayCampaign) return;
  // Whoever supports a lease, or cannot write its own vote, waits for another timeout.
  if (supportsLease(raft) || raft.stallElapsed >= raft.config.diskStallTicks) return;
  if (raft.config.preVote) canvass(raft);
  else campaign(raft, { transfer: false });
}

/** The leader asked us to take over: campaign at once, and tell the voters why they may leave their leader. */
export function handleTimeoutNow(raft: RaftState): void {
  if (raft.role.role === 'leader' || !raft.mayCampaign) return;
  campaign(raft, { transfer: true });
}

/** Enters `term` or stays in it as a follower; whatever the former role knew is dropped. */
export function becomeFollower(raft: RaftState, term: Term, leader: NodeId | undefined): void {
  const former = raft.role;
  const deposed = raft.leader;
  if (term > raft.term) raft.stageHardState(term, undefined);
  raft.role = { role: 'follower', leader, canvass: undefined };
  if (former.role === 'leader') endLeadership(raft, former);
  if (deposed !== leader) failForwardedReads(raft, 'leadershipLost');
  // A mere later term does not put an election off: only a vote or a leader does (§5.2).
  if (former.role !== 'follower') raft.resetElectionTimer();
  raft.reportRole();
}

// ---- asking ----

/** Asks whether an election could be won; nobody's term is disturbed, and nothing is promised. */
function canvass(raft: RaftState): void {
  if (raft.role.role !== 'follower' || raft.role.leader !== undefined)
    becomeFollower(raft, raft.term, undefined);
  assert(raft.role.role === 'follower', 'whoever asks for pre-votes is a follower');
  raft.resetElectionTimer();
  raft.role.canvass = new Map([[raft.id, true]]);
  if (quorumVote(raft.configuration, raft.role.canvass) === 'won') return campaign(raft, { transfer: false });
  for (const to of votersBesidesSelf(raft)) {
    raft.send({ type: 'preVote', from: raft.id, to, term: raft.term + 1, ...lastEntry(raft) });
  }
}

function campaign(raft: RaftState, { transfer }: { readonly transfer: boolean }): void {
  failForwardedReads(raft, 'leadershipLost');
  raft.stageHardState(raft.term + 1, raft.id);
  raft.role = { role: 'candidate', votes: new Map() };
  raft.resetElectionTimer();
  raft.reportRole();
  raft.holdEffect({ type: 'selfVote' });
  for (const to of votersBesidesSelf(raft)) {
    raft.sendGated({ type: 'requestVote', from: raft.id, to, term: raft.term, transfer, ...lastEntry(raft) });
  }
}

/** Our vote for ourselves is durable. One of an earlier term was dropped by the gate (P11). */
export function countSelfVote(raft: RaftState): void {
  if (raft.role.role === 'candidate') countVote(raft, raft.id, true);
}

// ---- answering ----

export function handlePreVote(raft: RaftState, message: PreVote): void {
  // The sender's term may be the leader's: while we hear that leader, an election has no point.
  if (sticksToLeader(raft)) return;
  const voteGranted = message.term > raft.term && isUpToDate(raft, message);
  // A grant carries the term that was asked about; a refusal our own, so that whoever lags behind catches up (P64).
  const term = voteGranted ? message.term : raft.term;
  raft.sendGated({ type: 'preVoteReply', from: raft.id, to: message.from, term, voteGranted });
}

export function handleRequestVote(raft: RaftState, message: RequestVote): void {
  // A later term does not end what was promised to the leader of the last one, whatever message brought that term.
  if (supportsLease(raft) && !message.transfer) return;
  const isFree = raft.votedFor === undefined && raft.leader === undefined;
  const voteGranted = (isFree || raft.votedFor === message.from) && isUpToDate(raft, message);
  if (voteGranted) {
    if (raft.votedFor === undefined) raft.stageHardState(raft.term, message.from);
    raft.resetElectionTimer();
  }
  raft.sendGated({ type: 'requestVoteReply', from: raft.id, to: message.from, term: raft.term, voteGranted });
}

/** Whether a request for votes is to be ignored because the present leader is alive (thesis §4.2.3). */
export function sticksToLeader(raft: RaftState): boolean {
  if (supportsLease(raft)) return true;
  if (!raft.config.checkQuorum || raft.leader === undefined) return false;
  return raft.leaderState !== undefined || raft.electionElapsed < raft.config.electionTimeoutTicks[0];
}

/** Whether a leader may count on us by our clock. Measured in real time: ticks may come late and close together. */
function supportsLease(raft: RaftState): boolean {
  const { leaderHeardAt, now, config } = raft;
  if (config.readPolicy !== 'lease' || leaderHeardAt === undefined || now === undefined) return false;
  return now - leaderHeardAt < config.leaseMs;
}

/** The election restriction (§5.4.1): the later last term wins, then the longer log. */
function isUpToDate(raft: RaftState, candidate: { lastLogIndex: Index; lastLogTerm: Term }): boolean {
  const ownTerm = raft.log.lastTerm();
  if (candidate.lastLogTerm !== ownTerm) return candidate.lastLogTerm > ownTerm;
  return candidate.lastLogIndex >= raft.log.lastIndex();
}

// ---- counting ----

export function handlePreVoteReply(raft: RaftState, message: PreVoteReply): void {
  if (raft.role.role !== 'follower' || raft.role.canvass === undefined) return;
  if (message.voteGranted && message.term !== raft.term + 1) return; // for an earlier question
  const { canvass } = raft.role;
  if (!canvass.has(message.from)) canvass.set(message.from, message.voteGranted);
  const result = quorumVote(raft.configuration, canvass);
  if (result === 'won') campaign(raft, { transfer: false });
  else if (result === 'lost') raft.role.canvass = undefined;
}

export function handleRequestVoteReply(raft: RaftState, message: RequestVoteReply): void {
  if (raft.role.role === 'candidate') countVote(raft, message.from, message.voteGranted);
}

function countVote(raft: RaftState, from: NodeId, granted: boolean): void {
  assert(raft.role.role === 'candidate', 'votes are counted by a candidate');
  const { votes } = raft.role;
  if (!votes.has(from)) votes.set(from, granted);
  const result = quorumVote(raft.configuration, votes);
  if (result === 'won') becomeLeader(raft);
  else if (result === 'lost') becomeFollower(raft, raft.term, undefined);
}

// ---- leading ----

function becomeLeader(raft: RaftState): void {
  const lastIndex = raft.log.lastIndex();
  raft.role = {
    role: 'leader',
    tracker: new Tracker(raft.id, raft.configuration, raft.config, lastIndex + 1),
    reads: new LeaderReads(),
    termStartIndex: lastIndex + 1,
    round: 0,
    // The first tick sends a heartbeat; the noop goes out at once.
    heartbeatElapsed: raft.config.heartbeatTicks,
    quorumElapsed: 0,
    transfer: undefined,
    leaseForfeited: false,
    uncommitted: [],
    uncommittedBytes: 0,
  };
  raft.electionElapsed = 0;
  raft.stallElapsed = 0;
  raft.reportRole();
  // Entries of earlier terms commit only behind one of this term (§5.4.2), and clients may be quiet: so a noop (§8).
  raft.stageAppend([
    encodeEntry({ term: raft.term, index: lastIndex + 1, kind: 'noop', command: NO_COMMAND }),
  ]);
}

function endLeadership(raft: RaftState, former: LeaderState): void {
  // Once `timeoutNow` has left, who leads next tells how the transfer ended.
  if (former.transfer !== undefined && !former.transfer.sent) {
    raft.emit({ type: 'transferFailed', to: former.transfer.to, reason: 'leadershipLost' });
  }
  failLeaderReads(raft, former.reads.drain(), 'leadershipLost');
}

function lastEntry(raft: RaftState): { lastLogIndex: Index; lastLogTerm: Term } {
  return { lastLogIndex: raft.log.lastIndex(), lastLogTerm: raft.log.lastTerm() };
}

function votersBesidesSelf(raft: RaftState): NodeId[] {
  const { voters, votersOutgoing } = raft.configuration;
  const all = votersOutgoing.length === 0 ? voters : [...new Set([...voters, ...votersOutgoing])];
  return all.filter((id) => id !== raft.id).sort((a, b) => a - b);
}
