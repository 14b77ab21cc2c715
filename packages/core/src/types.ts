// The nouns of the protocol, shared by every package. Nothing here has behaviour.

/** A server's identity: a positive safe integer, unique in the cluster and never given to another server. u64 on disk and wire. */
export type NodeId = number;

/** A logical period with at most one leader (§5.1): a safe integer from 0; 0 means "before the first election". */
export type Term = number;

/** A position in the replicated log: a safe integer from 1; 0 means "before the first entry". */
export type Index = number;

/** The part a server plays (§5.1); a learner receives the log and counts in no quorum (thesis §4.2.1). */
export type Role = 'follower' | 'candidate' | 'leader' | 'learner';

/**
 * What an entry carries: `normal`, a command of the application; `noop`, the leader's first entry in its term (§8);
 * `config`, a {@link Configuration} (§6).
 */
export type EntryKind = 'normal' | 'noop' | 'config';

/** One position of the replicated log. Immutable once made; both byte fields belong to the entry. */
export interface LogEntry {
  readonly term: Term;
  readonly index: Index;
  readonly kind: EntryKind;
  /** Opaque to the protocol. A view of `encoded` where that is present. */
  readonly command: Uint8Array;
  /** The entry's one encoding, the same bytes in the log record and in a message: made by `encodeEntry`. */
  readonly encoded?: Uint8Array;
}

/** What a server must remember across a crash before it speaks (§5.2): its term and its vote in that term. */
export interface HardState {
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
}

/**
 * Who takes part (§6). Ids are sorted and without duplicates. While `votersOutgoing` is not empty the configuration
 * is *joint*: elections and commits need a majority of `voters` and a majority of `votersOutgoing`.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  /** Receive the log, count in no quorum. Disjoint from both voter sets. */
  readonly learners: readonly NodeId[];
  /** The old voters, while joint; else empty. */
  readonly votersOutgoing: readonly NodeId[];
  /** Outgoing voters that become learners when the joint configuration is left. A subset of `votersOutgoing`. */
  readonly learnersNext: readonly NodeId[];
  /** Whether the leader leaves the joint configuration by itself once it is committed. */
  readonly autoLeave: boolean;
  /** Where to dial a server, for the driver: replicated with the configuration, opaque to the protocol. */
  readonly addresses: Readonly<Record<NodeId, string>>;
}

/** A state-machine image that replaces every entry at or below `index` (§7). */
export interface Snapshot {
  readonly index: Index;
  readonly term: Term;
  /** The configuration in force at `index`. */
  readonly configuration: Configuration;
  /** The state itself when small, else a small opaque reference that the driver resolves. */
  readonly data: Uint8Array;
}
