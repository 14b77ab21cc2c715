// What a server may say: role, term and contents are true of it as it is, and what promises something promises what no
// crash takes back (docs/trace-format.md, section 2).

import { isMember, isVoterOf, type Log, lastTermOf, lengthOf, prefix, termAt } from './log-chain.js';
import type { SentMessage } from './messages.js';
import type { Refusal } from './outcome.js';
import { refuse } from './own-actions.js';
import { confOf, describeConf, durableLength, isVoteDurable, type ServerState } from './server-state.js';
import type { LineMessage } from './trace-line.js';

/** The message with what the specification puts into it, or why it cannot be sent. */
export function send(state: ServerState, message: LineMessage): SentMessage | Refusal {
  const refusal = wrongSender(state, message) ?? wrongContents(state, message);
  if (refusal !== undefined) return refusal;
  const log = carried(state, message);
  const conf = message.type === 'MsgSnap' ? confOf({ log, baseConf: state.baseConf }) : undefined;
  return { message, log, conf };
}

export function isSendRefusal(sent: SentMessage | Refusal): sent is Refusal {
  return 'rule' in sent;
}

function carried(state: ServerState, { type, index = 0, entries = 0 }: LineMessage): Log {
  if (type === 'MsgApp') return prefix(state.log, index + entries);
  return type === 'MsgSnap' ? prefix(state.log, index) : undefined;
}

const LEADERS_ONLY: ReadonlySet<string> = new Set(['MsgApp', 'MsgHeartbeat', 'MsgSnap', 'MsgTimeoutNow']);
/** Their term is one that nobody has entered. */
const OF_ANOTHER_TERM: ReadonlySet<string> = new Set(['MsgPreVote', 'MsgPreVoteResp']);

function wrongSender(state: ServerState, { type, term, from, to }: LineMessage): Refusal | undefined {
  if (from !== state.name || to === state.name)
    return refuse('sender-state', `${state.name} speaks for itself, to others`, `from ${from} to ${to}`);
  if (!OF_ANOTHER_TERM.has(type) && term !== state.term)
    return refuse('sender-state', `it is in term ${state.term}`, `it says ${term}`);
  if (LEADERS_ONLY.has(type)) {
    if (state.role !== 'StateLeader')
      return refuse('sender-state', `only a leader sends ${type}`, `a ${state.role} does`);
    if (!isMember(confOf(state), to))
      return refuse('sender-state', `to members of ${describeConf(confOf(state))}`, `to ${to}`);
  }
  return undefined;
}

function wrongContents(state: ServerState, message: LineMessage): Refusal | undefined {
  switch (message.type) {
    case 'MsgVote':
      return wrongVoteRequest(state, message);
    case 'MsgVoteResp':
      return wrongVote(state, message);
    case 'MsgApp':
      return wrongAppend(state, message);
    case 'MsgHeartbeat':
      return wrongHeartbeat(state, message);
    case 'MsgSnap':
      return wrongSnapshot(state, message);
    case 'MsgAppResp':
    case 'MsgSnapStatus':
      return wrongAcknowledgement(state, message);
    default:
      return undefined;
  }
}

/** RequestVote(i, j). */
function wrongVoteRequest(
  state: ServerState,
  { index = 0, logTerm = 0, to }: LineMessage,
): Refusal | undefined {
  if (state.role !== 'StateCandidate')
    return refuse('sender-state', 'only a candidate asks for votes', `a ${state.role} does`);
  if (!isVoteDurable(state))
    return refuse('vote-durable', 'term and own vote are durable first', 'a crash could take them back');
  if (!isVoterOf(confOf(state), to))
    return refuse('sender-state', `asks the voters of ${describeConf(confOf(state))}`, `asks ${to}`);
  const last = lengthOf(state.log);
  if (index === last && logTerm === lastTermOf(state.log)) return undefined;
  const allowed = `its last entry is ${last} of term ${lastTermOf(state.log)}`;
  return refuse('sender-log', allowed, `it says ${index} of term ${logTerm}`);
}

function wrongVote(state: ServerState, { reject, to }: LineMessage): Refusal | undefined {
  if (reject === true) return undefined;
  if (state.vote !== to)
    return refuse('sender-state', `its vote in term ${state.term} is for ${state.vote}`, `it grants ${to}`);
  if (isVoteDurable(state)) return undefined;
  return refuse('vote-durable', 'a vote is durable before it is told', 'a crash could take it back');
}

/** AppendEntries(i, j): entries of the own log; what they are is taken from there. */
function wrongAppend(state: ServerState, message: LineMessage): Refusal | undefined {
  const { index = 0, logTerm = 0, entries = 0, commit = 0, terms = [] } = message;
  const last = lengthOf(state.log);
  if (index + entries > last)
    return refuse('sender-log', `its log ends at ${last}`, `it sends ${entries} behind ${index}`);
  if (termAt(state.log, index) !== logTerm)
    return refuse(
      'sender-log',
      `${index} is of term ${String(termAt(state.log, index))}`,
      `it says ${logTerm}`,
    );
  let next = index;
  for (const [term, count] of terms) {
    for (let i = 0; i < count; i++) {
      next += 1;
      const own = termAt(state.log, next);
      if (own !== term) return refuse('sender-log', `${next} is of term ${String(own)}`, `it sends ${term}`);
    }
  }
  if (next !== index + entries) return refuse('format', `terms of ${entries} entries`, `of ${next - index}`);
  if (commit > state.commit)
    return refuse('commit-bound', `its commit index is ${state.commit}`, `it says ${commit}`);
  return undefined;
}

function wrongHeartbeat(state: ServerState, { to, commit = 0 }: LineMessage): Refusal | undefined {
  const most = Math.min(state.commit, state.matchIndex.get(to) ?? 0);
  if (commit <= most) return undefined;
  return refuse('commit-bound', `${to} holds what is committed up to ${most}`, `it is told ${commit}`);
}

function wrongSnapshot(state: ServerState, { index = 0, logTerm = 0 }: LineMessage): Refusal | undefined {
  if (index > state.commit)
    return refuse('commit-bound', `its commit index is ${state.commit}`, `a snapshot at ${index}`);
  if (termAt(state.log, index) === logTerm) return undefined;
  return refuse(
    'sender-log',
    `${index} is of term ${String(termAt(state.log, index))}`,
    `it says ${logTerm}`,
  );
}

/** The log agrees with the leader's up to there, whatever survives a crash. */
function wrongAcknowledgement(state: ServerState, { index = 0, reject }: LineMessage): Refusal | undefined {
  if (reject === true) return undefined;
  if (index > state.agreed)
    return refuse(
      'acknowledged',
      `it agrees with the leader up to ${state.agreed}`,
      `it acknowledges ${index}`,
    );
  const durable = durableLength(state);
  if (index <= durable) return undefined;
  return refuse('durability', `its log is durable up to ${durable}`, `it acknowledges ${index}`);
}
