// The specification's state of one server, as an immutable value: several may be followed at once where a trace leaves
// a choice open. `kept` is what the specification calls state that survives; here it is staged first and durable
// later, so the states that a crash may bring back are a list (docs/trace-format.md, section 2).

import {
  type Conf,
  commonLength,
  entryAt,
  isVoterOf,
  type Log,
  lengthOf,
  prefix,
  sameConf,
} from './log-chain.js';
import type { LineEvent, ServerName } from './trace-line.js';
import { NOBODY } from './trace-line.js';

export type SpecRole = 'StateFollower' | 'StateCandidate' | 'StateLeader';

/** What survives a crash once it is durable. */
export interface Kept {
  readonly term: number;
  readonly vote: ServerName;
  readonly log: Log;
  /** In force while the log holds no other: the first one, or a snapshot's. */
  readonly baseConf: Conf;
  /** The commit index that a snapshot in the log proves. */
  readonly snapshotCommit: number;
}

interface Pending {
  readonly kept: Kept;
  /** The seq under which it was told to be staged; undefined while no `Stage` has told. */
  readonly seq: number | undefined;
}

export interface ServerState extends Kept {
  readonly name: ServerName;
  readonly role: SpecRole;
  readonly commit: number;
  readonly applied: number;
  /** What is certainly durable ... */
  readonly durable: Kept;
  /** ... and what staged mutations made of it since, oldest first. The last is the present state. */
  readonly pending: readonly Pending[];
  /** Of a candidate: who granted it a vote, itself apart. */
  readonly votesGranted: ReadonlySet<ServerName>;
  /** Of a leader. */
  readonly matchIndex: ReadonlyMap<ServerName, number>;
  /** Through which index the log is known to be that of this term's leader. */
  readonly agreed: number;
  /** How far a leader has said that it is committed, as far as it is known to agree. */
  readonly commitBound: number;
}

const NO_VOTES: ReadonlySet<ServerName> = new Set();
const NO_MATCHES: ReadonlyMap<ServerName, number> = new Map();

/** A life begins with what the disk held. */
export function born(name: ServerName, kept: Kept, commit: number): ServerState {
  return {
    ...keptOf(kept),
    name,
    role: 'StateFollower',
    commit,
    applied: commit,
    durable: keptOf(kept),
    pending: [],
    votesGranted: NO_VOTES,
    matchIndex: NO_MATCHES,
    agreed: 0,
    commitBound: 0,
  };
}

export function keptOf({ term, vote, log, baseConf, snapshotCommit }: Kept): Kept {
  return { term, vote, log, baseConf, snapshotCommit };
}

/** The state after a staged mutation. */
export function staged(state: ServerState, change: Partial<Kept>): ServerState {
  const next = { ...state, ...change };
  return { ...next, pending: [...state.pending, { kept: keptOf(next), seq: undefined }] };
}

/** What was staged without a number until now has `seq`. */
export function numbered(state: ServerState, seq: number): ServerState {
  const pending = state.pending.map((one) => (one.seq === undefined ? { ...one, seq } : one));
  return { ...state, pending };
}

/** Everything staged up to `seq` is durable; so is what no `Stage` has told of, which was synced within its step. */
export function synced(state: ServerState, seq: number): ServerState {
  const rest = state.pending.findIndex((one) => one.seq !== undefined && one.seq > seq);
  const passed = rest === -1 ? state.pending.length : rest;
  const newest = state.pending[passed - 1];
  if (newest === undefined) return state;
  return { ...state, durable: newest.kept, pending: state.pending.slice(passed) };
}

/** Through which index every state that a crash may bring back agrees with the log as it reads now. */
export function durableLength({ log, durable, pending }: ServerState): number {
  let length = commonLength(log, durable.log);
  for (const { kept } of pending) length = Math.min(length, commonLength(log, kept.log));
  return length;
}

/** Whether its own vote in the present term can no longer be lost. */
export function isVoteDurable({ term, vote, durable }: ServerState): boolean {
  return durable.term === term && durable.vote === vote;
}

/** The states that a crash may bring back: a prefix of what was staged, an append perhaps cut between two entries. */
export function survivors({ durable, pending }: ServerState): Kept[] {
  const found = [durable];
  let former = durable;
  for (const { kept } of pending) {
    if (entryAt(kept.log, lengthOf(former.log)) === former.log) {
      for (let length = lengthOf(former.log) + 1; length < lengthOf(kept.log); length++)
        found.push({ ...former, log: prefix(kept.log, length) });
    }
    found.push(kept);
    former = kept;
  }
  return found;
}

export function confOf({ log, baseConf }: Pick<Kept, 'log' | 'baseConf'>): Conf {
  return log?.confEntry?.conf ?? baseConf;
}

export function confIndexOf({ log }: Pick<Kept, 'log'>): number {
  return log?.confEntry?.index ?? 0;
}

/** Whether it may campaign: a voter, or one until its removal is known to be committed (thesis §4.2.2). */
export function mayCampaign(state: ServerState): boolean {
  if (isVoterOf(confOf(state), state.name)) return true;
  const at = confIndexOf(state);
  if (at <= state.commit) return false;
  return isVoterOf(confOf({ log: prefix(state.log, at - 1), baseConf: state.baseConf }), state.name);
}

/** Enters `term` without a vote (UpdateTerm). */
export function inTerm(state: ServerState, term: number): ServerState {
  return staged(asFollower({ ...state, agreed: 0 }), { term, vote: NOBODY });
}

/** Whatever its role knew is dropped. */
export function asFollower(state: ServerState): ServerState {
  if (state.role === 'StateFollower') return state;
  return { ...state, role: 'StateFollower', votesGranted: NO_VOTES, matchIndex: NO_MATCHES };
}

export function asCandidate(state: ServerState): ServerState {
  const term = state.term + 1;
  const role: SpecRole = 'StateCandidate';
  const fresh = { ...state, role, votesGranted: NO_VOTES, matchIndex: NO_MATCHES, agreed: 0 };
  return staged(fresh, { term, vote: state.name });
}

export function asLeader(state: ServerState): ServerState {
  return { ...state, role: 'StateLeader', votesGranted: NO_VOTES, matchIndex: NO_MATCHES };
}

/** Where a line's state is not this one: what differs, or undefined. */
export function difference(state: ServerState, event: LineEvent): string | undefined {
  const { term, vote, commit } = event.state;
  if (term !== state.term) return `term ${state.term}, the trace says ${term}`;
  if (vote !== state.vote) return `vote ${state.vote}, the trace says ${vote}`;
  if (event.role !== state.role) return `${state.role}, the trace says ${event.role}`;
  if (event.log !== lengthOf(state.log))
    return `a log of ${lengthOf(state.log)} entries, the trace says ${event.log}`;
  if (commit !== state.commit) return `commit index ${state.commit}, the trace says ${commit}`;
  return confDifference(state, event);
}

export function confDifference(
  state: Kept,
  { conf, learners }: Pick<LineEvent, 'conf' | 'learners'>,
): string | undefined {
  const mine = confOf(state);
  const theirs = { voters: conf[0], votersOutgoing: conf[1], learners };
  if (sameConf(mine, theirs)) return undefined;
  return `configuration ${describeConf(mine)}, the trace says ${describeConf(theirs)}`;
}

export function describeConf({ voters, votersOutgoing, learners }: Conf): string {
  const list = (names: readonly ServerName[]): string => `{${names.join(' ')}}`;
  const joint = votersOutgoing.length === 0 ? '' : ` and ${list(votersOutgoing)}`;
  return `${list(voters)}${joint}${learners.length === 0 ? '' : ` learners ${list(learners)}`}`;
}
