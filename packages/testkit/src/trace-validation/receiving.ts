// What receiving a message may do to a server: UpdateTerm and the published handlers (raft.tla, "Message handlers"), for
// appends of many entries and for snapshots (docs/trace-format.md, section 4). A message may also be dropped, before or
// after its term was entered: so the outcome is a list.

import { type Entries, type Entry, entryAt, type Log, lastTermOf, lengthOf, prefix } from './log-chain.js';
import type { SentMessage } from './messages.js';
import { asFollower, inTerm, type ServerState, staged } from './server-state.js';
import { NOBODY } from './trace-line.js';

/** A handler would have to do what the specification never does; the message may only have been dropped. */
export interface Impossible {
  readonly rule: 'append-committed' | 'two-leaders' | 'entry-identity';
  readonly why: string;
}

/** What the handler makes of the state, apart from dropping; or why it can do nothing. */
export type Handled = ServerState | Impossible;

export function isImpossible(handled: Handled): handled is Impossible {
  return 'why' in handled;
}

/** Every state that may follow, the one in which the message was dropped included, and why handling it is impossible. */
export function received(
  state: ServerState,
  sent: SentMessage,
): { readonly states: readonly ServerState[]; readonly impossible: Impossible | undefined } {
  const entered = enters(state, sent) ? inTerm(state, sent.message.term) : state;
  const handled = sent.message.term < entered.term ? entered : handle(entered, sent);
  const states = new Set([state, entered]);
  if (isImpossible(handled)) return { states: [...states], impossible: handled };
  if (dominates(handled, entered)) states.delete(entered);
  return { states: [...states.add(handled)], impossible: undefined };
}

/**
 * Whether the handler only learnt something: a grant, a match, how far the log agrees or is committed. All of these only
 * ever allow more, so the state in which the message was dropped need not be followed.
 */
function dominates(handled: ServerState, dropped: ServerState): boolean {
  return handled.pending === dropped.pending && handled.role === dropped.role;
}

/** UpdateTerm: a pre-vote is about a term that nobody has entered, and so is its grant. */
function enters(state: ServerState, { message }: SentMessage): boolean {
  if (message.term <= state.term) return false;
  if (message.type === 'MsgPreVote') return false;
  return message.type !== 'MsgPreVoteResp' || message.reject === true;
}

function handle(state: ServerState, sent: SentMessage): Handled {
  switch (sent.message.type) {
    case 'MsgVote':
      return handleVoteRequest(state, sent);
    case 'MsgVoteResp':
      return handleVoteResponse(state, sent);
    case 'MsgApp':
      return handleAppend(state, sent);
    case 'MsgHeartbeat':
      return handleHeartbeat(state, sent);
    case 'MsgSnap':
      return handleSnapshot(state, sent);
    case 'MsgAppResp':
    case 'MsgSnapStatus':
      return handleAcknowledgement(state, sent);
    default:
      return state; // carries a term and nothing else
  }
}

/** HandleRequestVoteRequest (§5.2, §5.4.1). */
function handleVoteRequest(state: ServerState, { message }: SentMessage): ServerState {
  const { index = 0, logTerm = 0, from } = message;
  const lastTerm = lastTermOf(state.log);
  const isLogOk = logTerm > lastTerm || (logTerm === lastTerm && index >= lengthOf(state.log));
  if (!isLogOk || state.vote !== NOBODY) return state;
  return staged(state, { vote: from });
}

/** HandleRequestVoteResponse. */
function handleVoteResponse(state: ServerState, { message }: SentMessage): ServerState {
  if (state.role !== 'StateCandidate' || message.reject === true) return state;
  return { ...state, votesGranted: new Set([...state.votesGranted, message.from]) };
}

/** HandleAppendEntriesResponse. */
function handleAcknowledgement(state: ServerState, { message }: SentMessage): ServerState {
  if (state.role !== 'StateLeader' || message.reject === true) return state;
  const { from, index = 0 } = message;
  if (index <= (state.matchIndex.get(from) ?? 0)) return state;
  return { ...state, matchIndex: new Map([...state.matchIndex, [from, index]]) };
}

/** HandleAppendEntriesRequest (§5.3): a later term has been entered, so the sender leads this one. */
function handleAppend(state: ServerState, { message, log }: SentMessage): Handled {
  if (state.role === 'StateLeader') return twoLeaders(message.from);
  const follower = asFollower(state);
  const previous = message.index ?? 0;
  const mine = prefix(follower.log, previous);
  if (lengthOf(mine) !== previous || mine !== prefix(log, previous)) return follower; // refused
  const appended = append(follower, log);
  if (isImpossible(appended)) return appended;
  const last = lengthOf(log);
  return {
    ...appended,
    agreed: Math.max(appended.agreed, last, state.commit),
    commitBound: Math.max(appended.commitBound, Math.min(message.commit ?? 0, last)),
  };
}

/** Skips what is there; a conflict replaces everything from it on, and may not reach what is committed. */
function append(state: ServerState, log: Log): Handled {
  const last = lengthOf(log);
  if (prefix(state.log, last) === log) return state;
  let kept = prefix(state.log, last);
  let theirs = prefix(log, lengthOf(kept));
  while (kept !== theirs) {
    kept = kept?.before;
    theirs = theirs?.before;
  }
  const agree = lengthOf(kept);
  if (agree === lengthOf(state.log)) return staged(state, { log });
  if (agree < state.commit) {
    const why = `the entry at ${agree + 1} conflicts with the log, which is committed up to ${state.commit}`;
    return { rule: 'append-committed', why };
  }
  return staged(staged(state, { log: kept }), { log });
}

/** As an empty append that says what is committed. */
function handleHeartbeat(state: ServerState, { message }: SentMessage): Handled {
  if (state.role === 'StateLeader') return twoLeaders(message.from);
  const bound = Math.min(message.commit ?? 0, lengthOf(state.log));
  const follower = asFollower(state);
  return { ...follower, commitBound: Math.max(follower.commitBound, bound) };
}

/** As an append of everything up to the snapshot; the log behind it goes where it does not hold the snapshot's last entry. */
function handleSnapshot(state: ServerState, { message, log, conf }: SentMessage): Handled {
  if (state.role === 'StateLeader') return twoLeaders(message.from);
  const follower = asFollower(state);
  const { index = 0 } = message;
  const known = { ...follower, agreed: Math.max(follower.agreed, state.commit) };
  if (index <= state.commit) return known;
  const agreed = Math.max(known.agreed, index);
  const commitBound = Math.max(known.commitBound, index);
  if (entryAt(state.log, index) === log) return { ...known, agreed, commitBound };
  const baseConf = conf ?? state.baseConf;
  return { ...staged(known, { log, baseConf, snapshotCommit: index }), agreed, commitBound };
}

function twoLeaders(from: string): Impossible {
  return { rule: 'two-leaders', why: `it leads this term itself, and ${from} speaks as its leader` };
}

/** A log with `count` more entries of `term`, the last one with `conf`; undefined where another log has such entries. */
export function extended(
  entries: Entries,
  log: Log,
  { term, count, conf }: { readonly term: number; readonly count: number; readonly conf?: Entry['conf'] },
): Log | undefined {
  let last = log;
  for (let i = 0; i < count; i++) {
    last = entries.append(last, term, i === count - 1 ? conf : undefined);
    if (last === undefined) return undefined;
  }
  return last;
}
