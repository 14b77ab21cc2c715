// What servers say to each other. Field names are the paper's; each message is a plain immutable object.

import type { Index, LogEntry, NodeId, Snapshot, Term } from './types.js';

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; in a `preVote` and in the grant of one, the term the candidate would campaign in. */
  readonly term: Term;
}

/** Asks for a vote (§5.2). */
export interface RequestVote extends Envelope {
  readonly type: 'requestVote';
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
  /** Set when the leader itself asked for this election (`timeoutNow`): a voter that hears its leader votes all the same. */
  readonly transfer: boolean;
}

export interface RequestVoteReply extends Envelope {
  readonly type: 'requestVoteReply';
  readonly voteGranted: boolean;
}

/** Asks whether a vote would be given, without disturbing anybody's term (thesis §9.6). */
export interface PreVote extends Envelope {
  readonly type: 'preVote';
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
}

export interface PreVoteReply extends Envelope {
  readonly type: 'preVoteReply';
  readonly voteGranted: boolean;
}

/** Replicates entries (§5.3). With no entries it is a probe for where the logs agree. */
export interface AppendEntries extends Envelope {
  readonly type: 'appendEntries';
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  readonly leaderCommit: Index;
  readonly entries: readonly LogEntry[];
}

export interface AppendEntriesReply extends Envelope {
  readonly type: 'appendEntriesReply';
  readonly success: boolean;
  /** `prevLogIndex` of the request that this answers. */
  readonly prevLogIndex: Index;
  /** On success, the last index known to agree with the leader's log; on refusal 0. */
  readonly matchIndex: Index;
  /** On refusal, the highest index at which the logs may still agree, and the follower's term there; else 0. */
  readonly hintIndex: Index;
  readonly hintTerm: Term;
}

/** "I lead": keeps followers quiet, tells them what is committed, counts rounds for reads and leases (§6.4 of the thesis). */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  /** min(the leader's commitIndex, this peer's matchIndex): never beyond what the peer is known to hold. */
  readonly leaderCommit: Index;
  /** The leader's round number, from 1, rising within its term. */
  readonly round: number;
}

export interface HeartbeatReply extends Envelope {
  readonly type: 'heartbeatReply';
  /** The round that this answers; 0 in an answer to a leader of an older term. */
  readonly round: number;
}

/** Sends a snapshot to a peer whose next entry is compacted (§7). */
export interface InstallSnapshot extends Envelope {
  readonly type: 'installSnapshot';
  readonly snapshot: Snapshot;
}

export interface InstallSnapshotReply extends Envelope {
  readonly type: 'installSnapshotReply';
  /** The snapshot's index that this answers. */
  readonly snapshotIndex: Index;
  /** Whether the follower now holds a prefix of the leader's log up to `matchIndex`. */
  readonly success: boolean;
  readonly matchIndex: Index;
}

/** The leader asks its successor to campaign at once (thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeoutNow';
}

/** A follower asks the leader for a read index on behalf of a client (thesis §6.4). */
export interface ReadIndex extends Envelope {
  readonly type: 'readIndex';
  /** The asking node's life, and the request's number in it: no answer is ever taken for that to another request. */
  readonly incarnation: number;
  readonly request: number;
}

export interface ReadIndexReply extends Envelope {
  readonly type: 'readIndexReply';
  readonly incarnation: number;
  readonly request: number;
  /** The index the reader must have applied; 0 when the leader refused. */
  readonly index: Index;
}

export type Message =
  | RequestVote
  | RequestVoteReply
  | PreVote
  | PreVoteReply
  | AppendEntries
  | AppendEntriesReply
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | InstallSnapshotReply
  | TimeoutNow
  | ReadIndex
  | ReadIndexReply;

export type MessageType = Message['type'];
