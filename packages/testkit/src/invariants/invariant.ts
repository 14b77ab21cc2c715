// What an invariant is: a named rule that watches one whole cluster from outside and throws the moment it is broken.
//
// An invariant sees what a server staged, what became durable, what each step took in and gave out, and never what a
// node believes about itself beyond its public accessors. It must not change anything it is shown.

import type {
  Action,
  Configuration,
  Durability,
  Event,
  Index,
  Message,
  NodeId,
  RaftError,
  Role,
  Term,
} from '@waldb/core';
import type { LogOperation, LogView } from '../sim/log-image.js';

/** One server as an invariant sees it. A crashed server shows what its last life left on stable storage. */
export interface ServerView {
  readonly id: NodeId;
  /** Counts its starts, from 1. */
  readonly life: number;
  readonly isRunning: boolean;
  readonly durability: Durability;
  /** Its storage failed: the node has halted, and the process waits to be replaced. */
  readonly isHalted: boolean;
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | undefined;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly configuration: Configuration;
  /** The configuration it was started with: in force until its log or a snapshot says otherwise. */
  readonly initialConfiguration: Configuration;
  /** Everything staged. */
  readonly log: LogView;
  /** What a crash right now is sure to leave. */
  readonly stable: LogView;
}

/** A server's state just before a step. */
export interface StateBefore {
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly lastIndex: Index;
  readonly stagedSeq: number;
  readonly configIndex: Index;
}

/** One step, after it returned. */
export interface StepView {
  readonly server: ServerView;
  readonly before: StateBefore;
  readonly event: Event;
  readonly actions: readonly Action[];
  /** Set when the step refused its event; `actions` is empty then. */
  readonly error: RaftError | undefined;
  readonly stagedSeq: number;
}

export interface Invariant {
  readonly name: string;
  /** A life begins; its state machine stands at `applied`. */
  started?(server: ServerView, applied: Index): void;
  /** Called before the operation changes `server.log`. */
  staged?(server: ServerView, operation: LogOperation): void;
  /** Called before the operation changes `server.stable`. */
  durable?(server: ServerView, operation: LogOperation): void;
  /** Called once for each step, also for a refused one. */
  stepped?(step: StepView): void;
  /** Called for each message of a step, after `stepped`. */
  sent?(server: ServerView, message: Message): void;
  /** The state machine stands at `index` in a state with this digest. */
  stateReached?(server: ServerView, index: Index, digest: number): void;
  /** The process is about to be gone, with whatever is not durable. */
  crashed?(server: ServerView): void;
  /** Now and then, and at the end: whole scans that would cost too much after each step. */
  scanned?(servers: readonly ServerView[]): void;
  /** The end of a run. */
  finished?(servers: readonly ServerView[]): void;
}

/** A rule of Raft, or one of ours, was broken. */
export class InvariantViolation extends Error {
  override readonly name: string = 'InvariantViolation';
  readonly invariant: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(invariant: string, message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
    this.facts = facts;
  }
}

/** A violation found on the way out is passed on; anything else that a node throws unasked is one. */
export function unexpectedError(thrown: unknown, where: string): InvariantViolation {
  if (thrown instanceof InvariantViolation) return thrown;
  const what = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new InvariantViolation('no-unexpected-error', `${where}: ${what}`);
}

/** Throws the violation unless `holds`; the facts are only gathered when it does not. */
export function hold(
  holds: boolean,
  invariant: string,
  message: string,
  facts: () => Readonly<Record<string, unknown>>,
): void {
  if (!holds) throw new InvariantViolation(invariant, message, facts());
}
