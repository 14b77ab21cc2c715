// Replays a protocol trace against the Raft specification, line by line: which states of each server are possible after
// what was read so far, and whether the next line is an action of the specification from one of them. It knows the
// specification and the lines (docs/trace-format.md), nothing else.

import { Entries } from './log-chain.js';
import { describeMessage, Messages, type SentMessage } from './messages.js';
import { isRefusal, type Outcome, type Refusal, type SpecRule } from './outcome.js';
import {
  advance,
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  changeConf,
  commit,
  ready,
  refuse,
  replicate,
  stage,
} from './own-actions.js';
import { received } from './receiving.js';
import { begin, restart } from './restarting.js';
import { isSendRefusal, send } from './sending.js';
import { confOf, difference, type ServerState } from './server-state.js';
import { Theorems } from './theorems.js';
import { type LineEvent, type LineMessage, readTraceLine, type ServerName } from './trace-line.js';

/** States of one server that are followed at once; a trace that leaves more open is refused rather than followed in part. */
const STATES_MAX = 256;

/** The trace is no run of the specification: at which line, by which rule, what is allowed and what is said. */
export class TraceViolation extends Error {
  override readonly name: string = 'TraceViolation';
  readonly code = 'TRACE_ILLEGAL';
  readonly rule: SpecRule;
  readonly detail: {
    /** From 1, in the order in which lines were given. */
    readonly line: number;
    readonly allowed: string;
    readonly said: string;
    readonly event: LineEvent;
  };

  constructor(line: number, event: LineEvent, { rule, allowed, said }: Refusal) {
    const what = event.msg === undefined ? event.name : `${event.name} (${describeMessage(event.msg)})`;
    super(`line ${line}: server ${event.nid}, ${what}, breaks ${rule}: allowed is: ${allowed}; but ${said}`);
    this.rule = rule;
    this.detail = { line, allowed, said, event };
  }
}

export class TraceValidator {
  readonly #servers = new Map<ServerName, readonly ServerState[]>();
  readonly #entries = new Entries();
  readonly #messages = new Messages();
  readonly #theorems = new Theorems();
  /** Why the last message received by a server could not be handled, if it could not. */
  readonly #impossible = new Map<ServerName, Refusal>();
  #lines = 0;

  /** Lines accepted so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Takes the next line. Errors: {@link TraceViolation} when it is no action of the specification; then nothing has changed. */
  accept(event: LineEvent): void {
    const outcome = this.#follow(event);
    if (isRefusal(outcome)) throw new TraceViolation(this.#lines + 1, event, outcome);
    if (!event.name.startsWith('Receive')) this.#impossible.delete(event.nid);
    this.#servers.set(event.nid, outcome);
    this.#note(event, outcome);
    this.#lines += 1;
  }

  /** Told from outside, since no line tells it: the server's next line may be that of an empty disk. */
  diskLost(server: ServerName): void {
    this.#theorems.noteDiskLost(server);
  }

  /** As {@link accept}, for a line of text; lines of other tags are skipped. */
  acceptText(text: string): void {
    const line = readTraceLine(text);
    if (line !== undefined) this.accept(line.event);
  }

  #follow(event: LineEvent): Outcome {
    const former = this.#servers.get(event.nid);
    if (event.name === 'InitState') return this.#begin(former, event);
    if (former === undefined) return refuse('init', 'a server begins with InitState', `with ${event.name}`);
    return event.name.startsWith('Receive') ? this.#receive(former, event) : this.#act(former, event);
  }

  #begin(former: readonly ServerState[] | undefined, event: LineEvent): Outcome {
    if (former === undefined) return begin(event);
    // An id that was removed may come back as a new server, on an empty disk.
    if (event.log === 0 && event.state.term === 0 && this.#theorems.mayBeginAnew(event.nid))
      return begin(event);
    return restart(former, event, { entries: this.#entries, messages: this.#messages });
  }

  /** A receive event carries the state before: it must be one that we hold possible. */
  #receive(former: readonly ServerState[], event: LineEvent): Outcome {
    const before = this.#agreeing(former, event);
    if (isRefusal(before)) return before;
    const { msg, nid } = event;
    if (msg === undefined) return refuse('format', 'a receive event has a message', 'none');
    const sent = this.#messages.find(msg);
    if (sent === undefined || msg.to !== nid)
      return refuse('message-known', 'only what was sent to a server is received', 'nobody sent this');
    this.#impossible.delete(nid);
    return before.flatMap((state) => {
      const { states, impossible } = received(state, sent);
      if (impossible !== undefined)
        this.#impossible.set(nid, refuse(impossible.rule, 'the message cannot be handled', impossible.why));
      return states;
    });
  }

  /** All other events carry the state after. */
  #act(former: readonly ServerState[], event: LineEvent): Outcome {
    const next: ServerState[] = [];
    let refusal: Refusal | undefined;
    for (const state of former) {
      const outcome = this.#enabled(state, event);
      if (isRefusal(outcome)) refusal ??= outcome;
      else next.push(...outcome);
    }
    if (next.length === 0) return this.#impossible.get(event.nid) ?? refusal ?? NOTHING;
    const after = this.#agreeing(next, event);
    return isRefusal(after) ? (this.#impossible.get(event.nid) ?? refusal ?? after) : after;
  }

  #enabled(state: ServerState, event: LineEvent): Outcome {
    switch (event.name) {
      case 'BecomeCandidate':
        return becomeCandidate(state);
      case 'BecomeLeader':
        return this.#becomeLeader(state);
      case 'BecomeFollower':
        return becomeFollower(state);
      case 'Replicate':
        return replicate(state, event, this.#entries);
      case 'ChangeConf':
        return changeConf(state, event, this.#entries);
      case 'ApplyConfChange':
        return [state]; // in force since it is in the log: the line's configuration is compared with that
      case 'Commit':
        return this.#commit(state, event);
      case 'Advance':
        return advance(state, event);
      case 'Stage':
        return stage(state, event);
      case 'Ready':
        return ready(state, event);
      default:
        return event.name.startsWith('Send') ? sendOutcome(state, event.msg) : unknownName(event);
    }
  }

  #becomeLeader(state: ServerState): Outcome {
    const outcome = becomeLeader(state, (term) => this.#theorems.leaderOf(term));
    return isRefusal(outcome) ? outcome : (this.#theorems.elected(state) ?? outcome);
  }

  #commit(state: ServerState, event: LineEvent): Outcome {
    const outcome = commit(state, event);
    if (isRefusal(outcome)) return outcome;
    for (const next of outcome) {
      const refusal = this.#theorems.committed(next);
      if (refusal !== undefined) return refusal;
    }
    return outcome;
  }

  /** Those of `states` that the line shows. */
  #agreeing(states: readonly ServerState[], event: LineEvent): Outcome {
    const same = states.filter((state) => difference(state, event) === undefined);
    if (same.length > STATES_MAX)
      return refuse('state', `at most ${STATES_MAX} states are followed`, 'more are possible');
    if (same.length > 0) return same;
    const differences = new Set(states.map((state) => difference(state, event)));
    return refuse(ruleOf(states, event), [...differences].join('; or '), 'no such state is reached');
  }

  #note(event: LineEvent, states: readonly ServerState[]): void {
    const [state] = states;
    if (state === undefined) return;
    if (event.name === 'InitState' && event.log === 0 && event.state.term === 0)
      this.#theorems.noteBeginning(event.nid, confOf(state));
    if (event.name === 'BecomeLeader') this.#theorems.noteElected(state);
    if (event.name === 'Commit') this.#theorems.noteCommitted(state);
    if (!event.name.startsWith('Send') || event.msg === undefined) return;
    const sent = send(state, event.msg);
    if (!isSendRefusal(sent)) this.#messages.add(sent);
  }
}

const NOTHING: Refusal = refuse('state', 'some state is possible', 'none is');

function sendOutcome(state: ServerState, message: LineMessage | undefined): Outcome {
  if (message === undefined) return refuse('format', 'a send event has a message', 'none');
  const sent: SentMessage | Refusal = send(state, message);
  return isSendRefusal(sent) ? sent : [state];
}

function unknownName(event: LineEvent): Refusal {
  return refuse('format', 'an event of docs/trace-format.md', event.name);
}

/** The narrowest name for what differs. */
function ruleOf(states: readonly ServerState[], { state, name }: LineEvent): SpecRule {
  if (states.every(({ term }) => term !== state.term)) return 'term';
  if (name === 'ApplyConfChange') return 'configuration';
  return 'state';
}
