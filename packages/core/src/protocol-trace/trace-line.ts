// What one line of a protocol trace holds (docs/trace-format.md): plain data, ready for JSON. Names follow the trace
// specification of etcd's raft, ids are decimal strings.

/** `[voters, votersOutgoing]`. */
export type TraceConf = readonly [voters: readonly string[], votersOutgoing: readonly string[]];

/** How many entries in a row have a term. */
export type TermRun = readonly [term: number, count: number];

export type TraceRole = 'StateFollower' | 'StateCandidate' | 'StateLeader';

export type TraceEventName =
  | 'InitState'
  | 'BecomeFollower'
  | 'BecomeCandidate'
  | 'BecomeLeader'
  | 'Replicate'
  | 'ChangeConf'
  | 'ApplyConfChange'
  | 'Commit'
  | 'Advance'
  | 'Stage'
  | 'Ready'
  | `${'Send' | 'Receive'}${TraceMessageKind}`;

/** The second half of a message event's name. */
export type TraceMessageKind =
  | 'RequestVoteRequest'
  | 'RequestVoteResponse'
  | 'AppendEntriesRequest'
  | 'AppendEntriesResponse'
  | 'Snapshot'
  | 'SnapshotResponse'
  | 'Other';

export interface TraceMessage {
  readonly type: string;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  readonly index?: number;
  readonly logTerm?: number;
  readonly entries?: number;
  readonly terms?: readonly TermRun[];
  readonly commit?: number;
  readonly reject?: boolean;
  /** Tells messages apart that are equal otherwise: a round, a request. */
  readonly context?: string;
}

export interface TraceEvent {
  readonly name: TraceEventName;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: TraceRole;
  /** The last index. */
  readonly log: number;
  readonly conf: TraceConf;
  readonly learners: readonly string[];
  readonly msg?: TraceMessage;
  readonly prop?: Readonly<Record<string, unknown>>;
}

export interface TraceLine {
  readonly tag: 'trace';
  /** Milliseconds, where a writer adds them. */
  readonly ts?: number;
  readonly event: TraceEvent;
}
