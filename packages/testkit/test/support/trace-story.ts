// Protocol traces written by hand, line by line, so that a test may tell the validator anything: each server's fields
// are what was said of it last, changed by what the line says.

import type { LineEvent, LineMessage, ServerName } from '../../src/trace-validation/trace-line.js';
import { TraceValidator, TraceViolation } from '../../src/trace-validation/validator.js';

interface Fields {
  readonly term: number;
  readonly vote: ServerName;
  readonly commit: number;
  readonly role: 'StateFollower' | 'StateCandidate' | 'StateLeader';
  readonly log: number;
  readonly voters: readonly ServerName[];
  readonly outgoing: readonly ServerName[];
  readonly learners: readonly ServerName[];
}

type MessageSketch = Omit<LineMessage, 'from' | 'to' | 'term'> & { readonly term?: number };

export class Story {
  readonly validator: TraceValidator = new TraceValidator();
  readonly #servers = new Map<ServerName, Fields>();
  #seq = 0;

  /** Servers that hold nothing. */
  constructor(...voters: readonly ServerName[]) {
    for (const name of voters) {
      this.#servers.set(name, { ...EMPTY, voters });
      this.tell(name, 'InitState');
    }
  }

  /** A line with the state after `changes`. */
  tell(
    name: ServerName,
    event: string,
    changes: Partial<Fields> = {},
    more: Pick<LineEvent, 'msg' | 'prop'> = {},
  ): void {
    const fields = { ...this.fields(name), ...changes };
    const { term, vote, commit, role, log, voters, outgoing, learners } = fields;
    const state = { term, vote, commit };
    this.validator.accept({
      name: event,
      nid: name,
      state,
      role,
      log,
      conf: [voters, outgoing],
      learners,
      ...more,
    });
    this.#servers.set(name, fields);
  }

  fields(name: ServerName): Fields {
    const fields = this.#servers.get(name);
    if (fields === undefined) throw new Error(`the story has no server ${name}`);
    return fields;
  }

  /** Everything that was staged on a server is durable. */
  sync(name: ServerName): void {
    this.#seq += 1;
    this.tell(name, 'Stage', {}, { prop: { seq: this.#seq } });
    this.tell(name, 'Ready', {}, { prop: { seq: this.#seq } });
  }

  send(from: ServerName, to: ServerName, sketch: MessageSketch): LineMessage {
    const msg = { term: this.fields(from).term, ...sketch, from, to };
    this.tell(from, `Send${kindOf(msg)}`, {}, { msg });
    return msg;
  }

  receive(msg: LineMessage): void {
    this.tell(msg.to, `Receive${kindOf(msg)}`, {}, { msg });
  }

  // ---- what an honest cluster does ----

  campaign(name: ServerName): void {
    const { term } = this.fields(name);
    this.tell(name, 'BecomeCandidate', { term: term + 1, vote: name, role: 'StateCandidate' });
    this.sync(name);
  }

  /** Asks for a vote; it is granted and arrives. */
  vote(candidate: ServerName, voter: ServerName): void {
    const { log, term } = this.fields(candidate);
    this.receive(
      this.send(candidate, voter, { type: 'MsgVote', index: log, logTerm: this.lastTerm(candidate) }),
    );
    if (this.fields(voter).term < term)
      this.tell(voter, 'BecomeFollower', { term, vote: candidate, role: 'StateFollower' });
    this.sync(voter);
    this.receive(this.send(voter, candidate, { type: 'MsgVoteResp', reject: false }));
  }

  /** Wins, and appends its noop. */
  win(name: ServerName): void {
    this.tell(name, 'BecomeLeader', { role: 'StateLeader' });
    this.propose(name);
  }

  elect(name: ServerName, ...voters: readonly ServerName[]): void {
    this.campaign(name);
    for (const voter of voters) this.vote(name, voter);
    this.win(name);
  }

  propose(name: ServerName, count = 1): void {
    const { log, term } = this.fields(name);
    this.tell(name, 'Replicate', { log: log + count }, { prop: { count } });
    this.terms.set(name, [...(this.terms.get(name) ?? []).slice(0, log), ...Array<number>(count).fill(term)]);
    this.sync(name);
  }

  changeConf(name: ServerName, conf: Partial<Pick<Fields, 'voters' | 'outgoing' | 'learners'>>): void {
    const { log, term } = this.fields(name);
    this.tell(name, 'ChangeConf', { log: log + 1, ...conf }, { prop: { index: log + 1 } });
    this.terms.set(name, [...(this.terms.get(name) ?? []), term]);
    this.sync(name);
  }

  /** The leader's entries behind `index`, up to `last`. */
  append(
    leader: ServerName,
    to: ServerName,
    index: number,
    last: number = this.fields(leader).log,
  ): LineMessage {
    const terms = (this.terms.get(leader) ?? []).slice(index, last);
    return this.send(leader, to, {
      type: 'MsgApp',
      index,
      logTerm: this.terms.get(leader)?.[index - 1] ?? 0,
      entries: last - index,
      terms: terms.map((term) => [term, 1] as const),
      commit: this.fields(leader).commit,
    });
  }

  /** The follower takes what it was sent. */
  take(msg: LineMessage): void {
    this.receive(msg);
    const { index = 0, entries = 0, from, to, term } = msg;
    const fields = this.fields(to);
    const mine = this.terms.get(to) ?? [];
    const theirs = (this.terms.get(from) ?? []).slice(0, index + entries);
    const isConflict = theirs.some((one, i) => mine[i] !== undefined && mine[i] !== one);
    const log = isConflict ? theirs : [...theirs, ...mine.slice(theirs.length)];
    this.terms.set(to, log);
    const { voters, outgoing, learners } = this.fields(from);
    const vote = fields.term < term ? '0' : fields.vote;
    this.tell(to, 'BecomeFollower', {
      term,
      vote,
      role: 'StateFollower',
      log: log.length,
      voters,
      outgoing,
      learners,
    });
    this.sync(to);
  }

  acknowledge(from: ServerName, to: ServerName, index: number): void {
    this.receive(this.send(from, to, { type: 'MsgAppResp', index, reject: false }));
  }

  /** Sends, takes and acknowledges everything behind `index`. */
  replicate(leader: ServerName, to: ServerName, index: number): void {
    this.take(this.append(leader, to, index));
    this.acknowledge(to, leader, this.fields(leader).log);
  }

  commit(name: ServerName, index: number): void {
    this.tell(name, 'Commit', { commit: index });
  }

  lastTerm(name: ServerName): number {
    return this.terms.get(name)?.at(-1) ?? 0;
  }

  /** The terms of each server's log, as the story goes. */
  readonly terms: Map<ServerName, readonly number[]> = new Map();
}

const EMPTY: Fields = {
  term: 0,
  vote: '0',
  commit: 0,
  role: 'StateFollower',
  log: 0,
  voters: [],
  outgoing: [],
  learners: [],
};

/** The rule that `line` breaks, and at which line; undefined where it is legal. */
export function brokenRule(story: Story, line: () => void): string | undefined {
  const before = story.validator.lines;
  try {
    line();
    return undefined;
  } catch (error) {
    if (!(error instanceof TraceViolation)) throw error;
    if (error.detail.line <= before) throw new Error('the violation names a line that was accepted');
    return error.rule;
  }
}

function kindOf({ type }: Pick<LineMessage, 'type'>): string {
  switch (type) {
    case 'MsgVote':
      return 'RequestVoteRequest';
    case 'MsgVoteResp':
      return 'RequestVoteResponse';
    case 'MsgApp':
    case 'MsgHeartbeat':
      return 'AppendEntriesRequest';
    case 'MsgAppResp':
      return 'AppendEntriesResponse';
    case 'MsgSnap':
      return 'Snapshot';
    default:
      return 'Other';
  }
}
