// One node, its log and its messages, built and read in one line each. What a test says here is what it means to say:
// terms along a log, a vote, what came out as text.

import {
  type Action,
  type AppendEntries,
  type AppendEntriesReply,
  type Configuration,
  type Durability,
  describeAction,
  describeMessage,
  type EntryKind,
  encodeConfiguration,
  encodeEntry,
  type HardState,
  type Heartbeat,
  type Index,
  type LogEntry,
  type Message,
  type MessageType,
  type NodeId,
  type RaftConfig,
  type RaftLog,
  RaftNode,
  type RequestVote,
  type Term,
} from '../../src/index.js';
import { StagedLog } from './staged-log.js';

// ---- bytes, entries, logs ----

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}

export function entry(index: Index, term: Term, text = '', kind: EntryKind = 'normal'): LogEntry {
  return encodeEntry({ index, term, kind, command: bytes(text) });
}

export function noop(index: Index, term: Term): LogEntry {
  return entry(index, term, '', 'noop');
}

export function configEntry(index: Index, term: Term, configuration: Configuration): LogEntry {
  return encodeEntry({ index, term, kind: 'config', command: encodeConfiguration(configuration) });
}

export function configuration(
  voters: readonly NodeId[],
  more: Partial<Omit<Configuration, 'voters'>> = {},
): Configuration {
  return {
    voters,
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses: {},
    ...more,
  };
}

/** Normal entries whose terms are given, from index `from`: `entriesOf([1, 1, 2])` is 1/t1 2/t1 3/t2. */
export function entriesOf(terms: readonly Term[], from: Index = 1): LogEntry[] {
  return terms.map((term, i) => entry(from + i, term, `${from + i}`));
}

/** The terms along a log, from its first index to its last. */
export function termsOf(log: RaftLog): Term[] {
  const terms: Term[] = [];
  for (let index = log.firstIndex(); index <= log.lastIndex(); index++) terms.push(log.termAt(index) ?? -1);
  return terms;
}

export interface LogContent {
  /** Terms of normal entries from index 1. */
  readonly terms?: readonly Term[];
  /** Or the entries themselves. */
  readonly entries?: readonly LogEntry[];
  readonly hardState?: HardState;
}

/** A log as a new process opens it: all of this is durable and its seq is 0. */
export function logWith(content: LogContent): StagedLog {
  const log = new StagedLog();
  const entries = content.entries ?? entriesOf(content.terms ?? []);
  if (entries.length > 0) log.append(entries);
  const term = Math.max(content.hardState?.term ?? 0, log.lastTerm());
  const votedFor = content.hardState?.votedFor;
  if (term > 0) log.setHardState({ term, votedFor });
  log.makeDurable();
  return log.crash();
}

// ---- nodes ----

export interface NodeOptions extends LogContent {
  /** Default 1. */
  readonly id?: NodeId;
  /** The other voters. Default 2 and 3 (or 1 and 3 and so on: 1 to 3 without `id`). */
  readonly peers?: readonly NodeId[];
  readonly durability?: Durability;
  readonly config?: Partial<Omit<RaftConfig, 'id' | 'peers'>>;
  /** Instead of `terms`, `entries` and `hardState`. */
  readonly log?: StagedLog;
}

/** A node over a log with this content. Without pre-vote unless `config` says so: most tests are about the vote itself. */
export function nodeWithLog(options: NodeOptions = {}): RaftNode<StagedLog> {
  const { id = 1, config = {}, durability = 'inline' } = options;
  const peers = options.peers ?? [1, 2, 3].filter((peer) => peer !== id);
  const log = options.log ?? logWith(options);
  return RaftNode.withLog({ id, peers, preVote: false, ...config }, log, { durability });
}

/** Lets `node`'s disk finish everything staged (or through `seq`), and tells it so. */
export function flush(node: RaftNode<StagedLog>, seq?: number): Action[] {
  return node.step({ type: 'durable', seq: node.log.makeDurable(seq) });
}

export function receive(node: RaftNode, message: Message): Action[] {
  return node.step({ type: 'message', message });
}

export function tick(node: RaftNode, times = 1): Action[] {
  const actions: Action[] = [];
  for (let i = 0; i < times; i++) actions.push(...node.step({ type: 'tick' }));
  return actions;
}

export function propose(node: RaftNode, ...texts: string[]): Action[] {
  return node.step({ type: 'proposeBatch', commands: texts.map(bytes) });
}

/** Ticks until the node asks for votes or pre-votes, or leads; returns what that tick brought. */
export function tickUntilElection(node: RaftNode, ticksMax = 200): Action[] {
  const termBefore = node.term;
  for (let i = 0; i < ticksMax; i++) {
    const actions = node.step({ type: 'tick' });
    if (sent(actions, 'preVote').length > 0 || node.term > termBefore) return actions;
  }
  throw new Error(`server ${node.id} did not campaign within ${ticksMax} ticks`);
}

/**
 * Makes the node leader by the votes of all other voters, inline; with `ready` (default) its noop is acknowledged by
 * them as well, so that everything it holds is committed. Returns everything that came out.
 */
export function electLeader(node: RaftNode, options: { readonly ready?: boolean } = {}): Action[] {
  const voters = votersBesides(node);
  const actions = node.role === 'candidate' ? [] : tickUntilElection(node);
  for (const from of voters) {
    if (node.role !== 'follower') break;
    const message: Message = {
      type: 'preVoteReply',
      from,
      to: node.id,
      term: node.term + 1,
      voteGranted: true,
    };
    actions.push(...receive(node, message));
  }
  for (const from of voters) {
    if (node.isLeader) break;
    const message: Message = {
      type: 'requestVoteReply',
      from,
      to: node.id,
      term: node.term,
      voteGranted: true,
    };
    actions.push(...receive(node, message));
  }
  if (!node.isLeader) throw new Error(`server ${node.id} was not elected`);
  if (options.ready === false) return actions;
  for (const from of voters) actions.push(...receive(node, appendReply(node, from)));
  return actions;
}

function votersBesides(node: RaftNode): NodeId[] {
  const { voters, votersOutgoing } = node.configuration;
  return [...new Set([...voters, ...votersOutgoing])].filter((id) => id !== node.id).sort((a, b) => a - b);
}

// ---- messages to a node ----

/** A follower's acknowledgement of everything the node holds, or of `matchIndex`, in the node's term. */
export function appendReply(
  node: RaftNode,
  from: NodeId,
  fields: Partial<AppendEntriesReply> = {},
): AppendEntriesReply {
  const matchIndex = fields.success === false ? 0 : node.log.lastIndex();
  return {
    type: 'appendEntriesReply',
    from,
    to: node.id,
    term: node.term,
    success: true,
    prevLogIndex: 0,
    matchIndex,
    hintIndex: 0,
    hintTerm: 0,
    ...fields,
  };
}

/** An append to the node, from `from` in its term, of normal entries with `terms` after `prevLogIndex`. */
export function append(
  node: RaftNode,
  from: NodeId,
  fields: Partial<AppendEntries> & { readonly terms?: readonly Term[] } = {},
): AppendEntries {
  const { terms, ...rest } = fields;
  const prevLogIndex = rest.prevLogIndex ?? node.log.lastIndex();
  return {
    type: 'appendEntries',
    from,
    to: node.id,
    term: node.term,
    prevLogIndex,
    prevLogTerm: node.log.termAt(prevLogIndex) ?? 0,
    leaderCommit: 0,
    entries: entriesOf(terms ?? [], prevLogIndex + 1),
    ...rest,
  };
}

export function heartbeat(node: RaftNode, from: NodeId, fields: Partial<Heartbeat> = {}): Heartbeat {
  return { type: 'heartbeat', from, to: node.id, term: node.term, leaderCommit: 0, round: 1, ...fields };
}

/** A vote request in the node's next term from a candidate with the node's own log. */
export function requestVote(node: RaftNode, from: NodeId, fields: Partial<RequestVote> = {}): RequestVote {
  const { log } = node;
  return {
    type: 'requestVote',
    from,
    to: node.id,
    term: node.term + 1,
    lastLogIndex: log.lastIndex(),
    lastLogTerm: log.lastTerm(),
    transfer: false,
    ...fields,
  };
}

export function voteReply(node: RaftNode, from: NodeId, voteGranted = true, term: Term = node.term): Message {
  return { type: 'requestVoteReply', from, to: node.id, term, voteGranted };
}

// ---- reading what came out ----

export function described(actions: readonly Action[]): string[] {
  return actions.map(describeAction);
}

/** The messages among the actions, of one type if that is given. */
export function sent<Type extends MessageType>(
  actions: readonly Action[],
  type?: Type,
): Extract<Message, { type: Type }>[] {
  const found: Extract<Message, { type: Type }>[] = [];
  for (const action of actions) {
    if (action.type !== 'send') continue;
    const { message } = action;
    if (type === undefined || message.type === type) found.push(message as Extract<Message, { type: Type }>); // its type was just compared
  }
  return found;
}

export function sentText(actions: readonly Action[], type?: MessageType): string[] {
  return sent(actions, type).map(describeMessage);
}

/** What the driver is told of role, term and leader, in order. */
export function roleChanges(actions: readonly Action[]): string[] {
  return described(actions.filter(({ type }) => type === 'roleChanged'));
}

/** The indexes handed to the state machine. */
export function appliedIndexes(actions: readonly Action[]): Index[] {
  return actions.flatMap((action) =>
    action.type === 'apply' ? action.entries.map(({ index }) => index) : [],
  );
}

/** Everything that a refused request must leave as it was. */
export function snapshotOf(node: RaftNode<StagedLog>): unknown {
  return { status: node.status(), log: termsOf(node.log), mutations: node.log.mutations.length };
}
