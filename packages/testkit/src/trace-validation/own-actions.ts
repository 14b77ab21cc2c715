// The actions that a server takes by itself: Timeout, BecomeLeader, StepDown, ClientRequest, membership changes,
// AdvanceCommitIndex, and what becomes durable and applied. Each checks whether it is enabled and gives the next state.

import { type Conf, type Entries, isMember, isQuorum, lengthOf, sameConf, termAt } from './log-chain.js';
import { isRefusal, type Outcome, type Refusal, type SpecRule } from './outcome.js';
import { extended } from './receiving.js';
import {
  asCandidate,
  asFollower,
  asLeader,
  confIndexOf,
  confOf,
  describeConf,
  durableLength,
  isVoteDurable,
  mayCampaign,
  numbered,
  type ServerState,
  staged,
  synced,
} from './server-state.js';
import type { LineEvent, ServerName } from './trace-line.js';

/** Timeout(i). */
export function becomeCandidate(state: ServerState): Outcome {
  if (state.role === 'StateLeader')
    return refuse('campaign', 'only a follower or a candidate campaigns', 'a leader campaigns');
  if (!mayCampaign(state)) {
    const conf = describeConf(confOf(state));
    return refuse('campaign', `only voters campaign, of ${conf}`, `${state.name} campaigns`);
  }
  return [asCandidate(state)];
}

/** BecomeLeader(i): granted by a quorum, its own vote counted once it is durable. */
export function becomeLeader(
  state: ServerState,
  leaderOf: (term: number) => ServerName | undefined,
): Outcome {
  if (state.role !== 'StateCandidate')
    return refuse('election-quorum', 'only a candidate becomes leader', `a ${state.role} does`);
  const other = leaderOf(state.term);
  if (other !== undefined && other !== state.name)
    return refuse('election-safety', `${other} leads term ${state.term}`, `${state.name} becomes its leader`);
  const grants = (server: ServerName): boolean =>
    state.votesGranted.has(server) || (server === state.name && isVoteDurable(state));
  if (!isQuorum(confOf(state), grants)) {
    const own = isVoteDurable(state) ? 'its own durable' : 'its own not durable';
    const granted = `granted by ${[...state.votesGranted].join(' ') || 'nobody'}, ${own}`;
    return refuse('election-quorum', `a majority of ${describeConf(confOf(state))}`, granted);
  }
  return [asLeader(state)];
}

/** StepDownToFollower(i), or what a received message has done already. */
export function becomeFollower(state: ServerState): Outcome {
  return [asFollower(state)];
}

/** ClientRequest(i, v): entries of the leader's own term. */
export function replicate(state: ServerState, event: LineEvent, entries: Entries): Outcome {
  const count = event.prop?.count;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1)
    return refuse('format', 'Replicate has a count', `count ${String(count)}`);
  return append(state, entries, { count });
}

/** AddNewServer, DeleteServer, AddLearner, and entering and leaving a joint configuration. */
export function changeConf(state: ServerState, event: LineEvent, entries: Entries): Outcome {
  const conf = { voters: event.conf[0], votersOutgoing: event.conf[1], learners: event.learners };
  if (state.role === 'StateLeader' && termAt(state.log, state.commit) !== state.term)
    return refuse(
      'membership-change',
      'no change before an entry of the own term is committed',
      `commit index ${state.commit} is of another term`,
    );
  if (confIndexOf(state) > state.commit)
    return refuse(
      'membership-change',
      'no change before the last one is committed',
      `the one at ${confIndexOf(state)} is not, commit index ${state.commit}`,
    );
  const wrong = wrongStep(confOf(state), conf);
  if (wrong !== undefined) return refuse('membership-change', wrong, describeConf(conf));
  const outcome = append(state, entries, { count: 1, conf });
  if (isRefusal(outcome)) return outcome;
  return outcome.map((next) => ({
    ...next,
    matchIndex: new Map([...next.matchIndex].filter(([server]) => isMember(conf, server))),
  }));
}

/** Why `next` may not follow `present` (thesis §4.1, §6). */
function wrongStep(present: Conf, next: Conf): string | undefined {
  if (next.voters.length === 0) return 'a configuration has voters';
  const wasJoint = present.votersOutgoing.length > 0;
  const isJoint = next.votersOutgoing.length > 0;
  if (wasJoint && isJoint) return 'a joint configuration is left before another change';
  const asOutgoing = { ...next, voters: next.votersOutgoing, votersOutgoing: [], learners: present.learners };
  if (isJoint) {
    return sameConf(asOutgoing, { ...present, votersOutgoing: [] })
      ? undefined
      : `a joint configuration's outgoing half is the present ${describeConf(present)}`;
  }
  const changed = difference(present.voters, next.voters);
  if (wasJoint) return changed === 0 ? undefined : `leaving keeps the voters of ${describeConf(present)}`;
  return changed <= 1 ? undefined : `one voter at a time from ${describeConf(present)}`;
}

function difference(a: readonly ServerName[], b: readonly ServerName[]): number {
  const only = (x: readonly ServerName[], y: readonly ServerName[]): number =>
    x.filter((name) => !y.includes(name)).length;
  return only(a, b) + only(b, a);
}

function append(
  state: ServerState,
  entries: Entries,
  what: { readonly count: number; readonly conf?: Conf },
): Outcome {
  if (state.role !== 'StateLeader')
    return refuse('append-only-leader', 'only a leader makes entries', `a ${state.role} does`);
  const log = extended(entries, state.log, { term: state.term, ...what });
  if (log === undefined) {
    const where = `${lengthOf(state.log) + 1} of term ${state.term}`;
    return refuse('entry-identity', `the entry at ${where} was made once`, 'another is made');
  }
  return [staged(state, { log })];
}

/** AdvanceCommitIndex(i) for a leader; for the others, what a leader's message allowed. */
export function commit(state: ServerState, event: LineEvent): Outcome {
  return commitTo(state, event.state.commit);
}

export function commitTo(state: ServerState, index: number): Outcome {
  if (index <= state.commit)
    return refuse('commit-bound', `the commit index rises above ${state.commit}`, `it becomes ${index}`);
  if (index > lengthOf(state.log))
    return refuse('commit-bound', `the log ends at ${lengthOf(state.log)}`, `${index} is committed`);
  const refusal = state.role === 'StateLeader' ? leaderCommits(state, index) : followerCommits(state, index);
  return refusal ?? [{ ...state, commit: index }];
}

function leaderCommits(state: ServerState, index: number): Refusal | undefined {
  if (termAt(state.log, index) !== state.term)
    return refuse(
      'commit-own-term',
      `by counting, only entries of term ${state.term} are committed`,
      `${index} is of term ${String(termAt(state.log, index))}`,
    );
  const durable = durableLength(state);
  const held = (server: ServerName): number =>
    server === state.name ? durable : (state.matchIndex.get(server) ?? 0);
  const conf = confOf(state);
  if (isQuorum(conf, (server) => held(server) >= index)) return undefined;
  const who = [...new Set([...conf.voters, ...conf.votersOutgoing])].map((s) => `${s}:${held(s)}`).join(' ');
  return refuse('commit-quorum', `a majority of ${describeConf(conf)} holds ${index}`, `they hold ${who}`);
}

function followerCommits(state: ServerState, index: number): Refusal | undefined {
  if (index <= state.commitBound) return undefined;
  const allowed = `a leader's messages cover commits up to ${state.commitBound}`;
  return refuse('commit-bound', allowed, `${index} is committed`);
}

/** Entries go to the state machine: committed, durable, in order. */
export function advance(state: ServerState, event: LineEvent): Outcome {
  const applied = event.prop?.applied;
  if (typeof applied !== 'number') return refuse('format', 'Advance has applied', String(applied));
  const most = Math.min(state.commit, durableLength(state));
  if (applied <= state.applied || applied > most)
    return refuse('applied', `applied rises above ${state.applied}, to at most ${most}`, `to ${applied}`);
  return [{ ...state, applied }];
}

export function stage(state: ServerState, event: LineEvent): Outcome {
  const seq = event.prop?.seq;
  return typeof seq === 'number' ? [numbered(state, seq)] : refuse('format', 'Stage has a seq', String(seq));
}

export function ready(state: ServerState, event: LineEvent): Outcome {
  const seq = event.prop?.seq;
  return typeof seq === 'number' ? [synced(state, seq)] : refuse('format', 'Ready has a seq', String(seq));
}

export function refuse(rule: SpecRule, allowed: string, said: string): Refusal {
  return { rule, allowed, said };
}
