// From one step of a node to the lines of a protocol trace (docs/trace-format.md). Pure: it looks at the record and at
// nothing else, and decides nothing about whether the step was right.

import type { Action } from '../action.js';
import type { Message } from '../message.js';
import type { RaftLog } from '../raft-log.js';
import type { TraceRecord, TraceState } from '../trace.js';
import type { Configuration, Index, NodeId, Role, Term } from '../types.js';
import type { TraceConf, TraceEvent, TraceEventName, TraceLine, TraceRole } from './trace-line.js';
import { termRuns, traceMessage, traceMessageKind } from './trace-message.js';

/** The line with which a life begins; `state` is the node's (`status()` has it), before its first step. */
export function initialTraceLine(id: NodeId, state: TraceState, log: RaftLog): TraceLine {
  const first = log.firstIndex();
  const terms = [];
  for (let index = first; index <= log.lastIndex(); index++) terms.push({ term: log.termAt(index) ?? 0 });
  const cursor = new Cursor(id, state);
  return cursor.line('InitState', { prop: { first, snapshot: log.snapshotIndex(), terms: termRuns(terms) } });
}

/** The lines of a step, in causal order; none where nothing happened that the specification has. */
export function traceLines(record: TraceRecord): TraceLine[] {
  return new StepTeller(record).tell();
}

/** The state as far as a step has been told. */
class Cursor {
  readonly #nid: string;
  role: Role;
  term: Term;
  vote: NodeId | undefined;
  commit: Index;
  log: Index;
  conf: TraceConf;
  learners: readonly string[];

  constructor(id: NodeId, state: TraceState) {
    this.#nid = String(id);
    this.role = state.role;
    this.term = state.term;
    this.vote = state.votedFor;
    this.commit = state.commitIndex;
    this.log = state.lastIndex;
    this.conf = confOf(state.configuration);
    this.learners = state.configuration.learners.map(String);
  }

  adopt(configuration: Configuration): void {
    this.conf = confOf(configuration);
    this.learners = configuration.learners.map(String);
  }

  line(name: TraceEventName, more: Pick<TraceEvent, 'msg' | 'prop'> = {}): TraceLine {
    const { term, commit, log, conf, learners } = this;
    const state = { term, vote: String(this.vote ?? 0), commit };
    return {
      tag: 'trace',
      event: { name, nid: this.#nid, state, role: ROLES[this.role], log, conf, learners, ...more },
    };
  }
}

class StepTeller {
  readonly #record: TraceRecord;
  readonly #cursor: Cursor;
  readonly #lines: TraceLine[] = [];
  /** The configuration that a follower's step brought into force, told once. */
  #adopted: { readonly configuration: Configuration; readonly index: Index } | undefined;
  /** The term that the last role told of was in: a leader that becomes known is no second `BecomeFollower`. */
  #toldTerm: Term | undefined;

  constructor(record: TraceRecord) {
    this.#record = record;
    this.#cursor = new Cursor(record.id, record.before);
  }

  tell(): TraceLine[] {
    const { event, actions, before, after } = this.#record;
    if (event.type === 'message') this.#tellReceived(event.message);
    const syncs = this.#record.syncs ?? [];
    if (syncs.length === 0 && after.durableSeq > before.durableSeq) this.#tell('Ready', after.durableSeq);
    let synced = 0;
    for (const [i, action] of actions.entries()) {
      for (; (syncs[synced]?.actions ?? actions.length + 1) <= i; synced++) this.#tellSync(synced);
      this.#tellAction(action);
    }
    for (; synced < syncs.length; synced++) this.#tellSync(synced);
    this.#tellAdopted();
    if (after.lastApplied > before.lastApplied)
      this.#push('Advance', { prop: { applied: after.lastApplied } });
    if (after.stagedSeq > before.stagedSeq && after.stagedSeq > after.durableSeq)
      this.#tell('Stage', after.stagedSeq);
    return this.#lines;
  }

  #tellReceived(message: Message): void {
    const { before, after, actions, id } = this.#record;
    if (message.to !== id) return;
    this.#push(`Receive${traceMessageKind(message)}`, { msg: traceMessage(message) });
    const leads = before.role === 'leader' && after.term === before.term;
    const rises = actions.some(
      (action) => action.type === 'roleChanged' && (action.role === 'candidate' || action.role === 'leader'),
    );
    const cursor = this.#cursor;
    if (!leads && !rises) {
      // A follower is done with a message before anything follows from it.
      cursor.term = after.term;
      cursor.vote = after.votedFor;
      cursor.log = after.lastIndex;
      cursor.adopt(after.configuration);
      if (after.term > before.term || ROLES[after.role] !== ROLES[before.role])
        this.#tellFollower(after.term);
    } else if (rises && entersTerm(message, before.term)) {
      cursor.term = message.term;
      cursor.vote = undefined;
      this.#tellFollower(message.term);
    }
  }

  #tellFollower(term: Term): void {
    this.#cursor.role = 'follower';
    this.#toldTerm = term;
    this.#push('BecomeFollower');
  }

  #tellAction(action: Action): void {
    const cursor = this.#cursor;
    switch (action.type) {
      case 'roleChanged':
        return this.#tellRole(action.role, action.term);
      case 'proposed':
        return this.#tellProposed(action.first, action.last);
      case 'membershipChanged':
        return this.#tellConfiguration(action.configuration, action.index);
      case 'commit':
        this.#tellAdopted();
        cursor.commit = action.index;
        return this.#push('Commit');
      case 'send':
        this.#tellAdopted();
        return this.#push(`Send${traceMessageKind(action.message)}`, { msg: traceMessage(action.message) });
      case 'apply':
      case 'snapshot':
      case 'restoreSnapshot':
      case 'readReady':
      case 'readFailed':
      case 'transferFailed':
        return; // the specification has no such thing
    }
  }

  #tellRole(role: Role, term: Term): void {
    const cursor = this.#cursor;
    const former = ROLES[cursor.role];
    const isNewTerm = term > this.#record.before.term && term !== this.#toldTerm;
    if (term > cursor.term) cursor.vote = undefined;
    this.#toldTerm = term;
    cursor.term = term;
    cursor.role = role;
    switch (role) {
      case 'candidate':
        cursor.vote = this.#record.id;
        return this.#push('BecomeCandidate');
      case 'leader':
        this.#push('BecomeLeader');
        cursor.log += 1;
        return this.#push('Replicate', { prop: { count: 1, kind: 'noop' } });
      case 'follower':
      case 'learner':
        if (isNewTerm || former !== 'StateFollower') this.#push('BecomeFollower');
    }
  }

  #tellProposed(first: Index, last: Index): void {
    const { type } = this.#record.event;
    if (type !== 'propose' && type !== 'proposeBatch') return; // a configuration, told when it came into force
    this.#cursor.log = last;
    this.#push('Replicate', { prop: { count: last - first + 1, kind: 'normal' } });
  }

  #tellConfiguration(configuration: Configuration, index: Index): void {
    const cursor = this.#cursor;
    if (cursor.role !== 'leader') {
      this.#adopted = { configuration, index };
      return;
    }
    cursor.log = index;
    cursor.adopt(configuration);
    this.#push('ChangeConf', { prop: { index } });
    this.#push('ApplyConfChange', { prop: { index } });
  }

  #tellAdopted(): void {
    const adopted = this.#adopted;
    if (adopted === undefined) return;
    this.#adopted = undefined;
    this.#cursor.adopt(adopted.configuration);
    this.#push('ApplyConfChange', { prop: { index: adopted.index } });
  }

  #tellSync(i: number): void {
    const sync = this.#record.syncs?.[i];
    if (sync !== undefined) this.#tell('Ready', sync.seq);
  }

  #tell(name: 'Ready' | 'Stage', seq: number): void {
    this.#tellAdopted();
    this.#push(name, { prop: { seq } });
  }

  #push(name: TraceEventName, more: Pick<TraceEvent, 'msg' | 'prop'> = {}): void {
    this.#lines.push(this.#cursor.line(name, more));
  }
}

/** Whether its receiver enters the message's term before it does anything else (§5.1). */
function entersTerm(message: Message, term: Term): boolean {
  if (message.term <= term || message.type === 'preVote') return false;
  return message.type !== 'preVoteReply' || !message.voteGranted;
}

const ROLES: Readonly<Record<Role, TraceRole>> = {
  follower: 'StateFollower',
  learner: 'StateFollower',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

function confOf({ voters, votersOutgoing }: Configuration): TraceConf {
  return [voters.map(String), votersOutgoing.map(String)];
}
