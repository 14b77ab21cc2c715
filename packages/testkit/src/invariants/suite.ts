// All invariants together: the list by name, and the one place that passes what was observed on to them.

import type { Configuration, Index, Message, NodeId } from '@waldb/core';
import type { LogOperation } from '../sim/log-image.js';
import { AcknowledgedProposals } from './acknowledged-proposals.js';
import { CommitQuorum } from './commit-quorum.js';
import { ElectionSafety } from './election-safety.js';
import { GatedOutput } from './gated-output.js';
import { History } from './history.js';
import type { Invariant, ServerView, StepView } from './invariant.js';
import { LeaderCompleteness } from './leader-completeness.js';
import { type DutyLimits, LeaderDuties } from './leader-duties.js';
import { LinearizableReads } from './linearizable-reads.js';
import { LogMatching } from './log-matching.js';
import { MembershipRules } from './membership-rules.js';
import { MonotonicState } from './monotonic-state.js';
import { PacedOutput, type PaceLimits } from './paced-output.js';
import { RefusalsChangeNothing } from './refusals.js';
import { SingleVote } from './single-vote.js';
import { StateMachineSafety } from './state-machine-safety.js';
import { TruthfulActions } from './truthful-actions.js';
import { type MessageLimits, TruthfulMessages } from './truthful-messages.js';

type Listeners<Hook extends keyof Invariant> = (Invariant & Required<Pick<Invariant, Hook>>)[];

export interface SuiteOptions extends MessageLimits, PaceLimits, DutyLimits {
  readonly servers: ReadonlyMap<NodeId, ServerView>;
  readonly initialConfiguration: Configuration;
  /** Watch beside the invariants, after them. */
  readonly watchers?: readonly ((history: History) => Invariant)[];
}

export class InvariantSuite {
  readonly history: History;
  readonly invariants: readonly Invariant[];
  readonly #proposals: AcknowledgedProposals;
  readonly #reads: LinearizableReads;
  readonly #started: Listeners<'started'>;
  readonly #staged: Listeners<'staged'>;
  readonly #durable: Listeners<'durable'>;
  readonly #stepped: Listeners<'stepped'>;
  readonly #sent: Listeners<'sent'>;
  readonly #stateReached: Listeners<'stateReached'>;
  readonly #crashed: Listeners<'crashed'>;
  readonly #scanned: Listeners<'scanned'>;
  readonly #finished: Listeners<'finished'>;

  constructor(options: SuiteOptions) {
    const history = new History(options.initialConfiguration);
    const proposals = new AcknowledgedProposals(history);
    const reads = new LinearizableReads(history);
    this.history = history;
    this.#proposals = proposals;
    this.#reads = reads;
    // In this order: leaders are known before entries are traced to them, entries before they are committed, and
    // what is committed before it is compared with what is applied or read.
    this.invariants = [
      new MonotonicState(),
      new ElectionSafety(history),
      new LogMatching(history),
      new CommitQuorum(history, options.servers),
      new LeaderCompleteness(history),
      new StateMachineSafety(history),
      new MembershipRules(history),
      reads,
      proposals,
      new RefusalsChangeNothing(),
      new SingleVote(),
      new GatedOutput(history),
      new TruthfulMessages(history, options.servers, options),
      new TruthfulActions(),
      new PacedOutput(options),
      new LeaderDuties(options),
      ...(options.watchers ?? []).map((make) => make(history)),
    ];
    this.#started = this.#listeners('started');
    this.#staged = this.#listeners('staged');
    this.#durable = this.#listeners('durable');
    this.#stepped = this.#listeners('stepped');
    this.#sent = this.#listeners('sent');
    this.#stateReached = this.#listeners('stateReached');
    this.#crashed = this.#listeners('crashed');
    this.#scanned = this.#listeners('scanned');
    this.#finished = this.#listeners('finished');
  }

  /** How many proposals were told to be applied so far. */
  get acknowledgedProposals(): number {
    return this.#proposals.acknowledgedCount;
  }

  /** Reads that running servers were asked and have neither answered nor failed. */
  get unansweredReads(): number {
    return this.#reads.unansweredCount;
  }

  started(server: ServerView, applied: Index): void {
    for (const invariant of this.#started) invariant.started(server, applied);
  }

  staged(server: ServerView, operation: LogOperation): void {
    for (const invariant of this.#staged) invariant.staged(server, operation);
  }

  durable(server: ServerView, operation: LogOperation): void {
    for (const invariant of this.#durable) invariant.durable(server, operation);
  }

  stepped(step: StepView): void {
    for (const invariant of this.#stepped) invariant.stepped(step);
    for (const action of step.actions) if (action.type === 'send') this.#send(step.server, action.message);
  }

  stateReached(server: ServerView, index: Index, digest: number): void {
    for (const invariant of this.#stateReached) invariant.stateReached(server, index, digest);
  }

  crashed(server: ServerView): void {
    for (const invariant of this.#crashed) invariant.crashed(server);
  }

  scanned(servers: readonly ServerView[]): void {
    for (const invariant of this.#scanned) invariant.scanned(servers);
  }

  finished(servers: readonly ServerView[]): void {
    this.scanned(servers);
    for (const invariant of this.#finished) invariant.finished(servers);
  }

  #send(server: ServerView, message: Message): void {
    for (const invariant of this.#sent) invariant.sent(server, message);
  }

  #listeners<Hook extends keyof Invariant>(hook: Hook): Listeners<Hook> {
    return this.invariants.filter(
      (invariant): invariant is Listeners<Hook>[number] => invariant[hook] !== undefined,
    );
  }
}
