// A server that a test makes up: whatever it is said to be, it is. For planting violations that no real node commits.

import {
  type Action,
  type Configuration,
  type Durability,
  type EntryKind,
  type Event,
  encodeConfiguration,
  encodeEntry,
  type Index,
  type LogEntry,
  type NodeId,
  type RaftError,
  type Role,
  type Term,
} from '@waldb/core';
import { expect } from 'vitest';
import { History } from '../../src/invariants/history.js';
import {
  type Invariant,
  InvariantViolation,
  type ServerView,
  type StepView,
} from '../../src/invariants/invariant.js';
import { LogImage, type LogOperation } from '../../src/sim/log-image.js';

export function configurationOf(
  voters: readonly NodeId[],
  parts: Partial<Configuration> = {},
): Configuration {
  return {
    voters,
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses: {},
    ...parts,
  };
}

export const THREE: Configuration = configurationOf([1, 2, 3]);

export class FakeServer implements ServerView {
  readonly id: NodeId;
  life = 1;
  isRunning = true;
  isHalted = false;
  durability: Durability = 'deferred';
  role: Role = 'follower';
  term: Term = 1;
  leader: NodeId | undefined;
  commitIndex: Index = 0;
  lastApplied: Index = 0;
  configuration: Configuration;
  initialConfiguration: Configuration;
  log: LogImage = new LogImage();
  stable: LogImage = new LogImage();

  constructor(id: NodeId, initialConfiguration: Configuration = THREE) {
    this.id = id;
    this.configuration = initialConfiguration;
    this.initialConfiguration = initialConfiguration;
  }

  /** Stages an operation under the eyes of `invariants`. */
  stage(operation: LogOperation, ...invariants: Invariant[]): this {
    for (const invariant of invariants) invariant.staged?.(this, operation);
    this.log.apply(operation);
    return this;
  }

  /** Makes an operation durable that was staged before, or need not have been. */
  land(operation: LogOperation, ...invariants: Invariant[]): this {
    for (const invariant of invariants) invariant.durable?.(this, operation);
    this.stable.apply(operation);
    return this;
  }

  both(operation: LogOperation, ...invariants: Invariant[]): this {
    return this.stage(operation, ...invariants).land(operation, ...invariants);
  }
}

interface StepParts {
  readonly before?: Partial<StepView['before']>;
  readonly event?: Event;
  readonly actions?: readonly Action[];
  readonly error?: RaftError;
  readonly stagedSeq?: number;
}

/** A step that changed nothing but what the parts say. */
export function stepOf(server: FakeServer, parts: StepParts = {}): StepView {
  const { role, term, commitIndex, lastApplied, log } = server;
  const stagedSeq = parts.stagedSeq ?? 0;
  return {
    server,
    before: {
      role,
      term,
      votedFor: log.hardState.votedFor,
      commitIndex,
      lastApplied,
      lastIndex: log.lastIndex,
      stagedSeq,
      configIndex: log.configIndexBefore(log.lastIndex),
      ...parts.before,
    },
    event: parts.event ?? { type: 'tick' },
    actions: parts.actions ?? [],
    error: parts.error,
    stagedSeq,
  };
}

export function entryOf(index: Index, term: Term, kind: EntryKind = 'normal', text = `${index}`): LogEntry {
  return encodeEntry({ index, term, kind, command: new TextEncoder().encode(text) });
}

export function configEntry(index: Index, term: Term, configuration: Configuration): LogEntry {
  return encodeEntry({ index, term, kind: 'config', command: encodeConfiguration(configuration) });
}

export function append(...entries: LogEntry[]): LogOperation {
  return { type: 'append', entries };
}

export function vote(term: Term, votedFor?: NodeId): LogOperation {
  return { type: 'hardState', state: { term, votedFor } };
}

/** A history in which `entries`, one after another, were made and committed by a leader of `term`. */
export function historyOf(entries: readonly LogEntry[], initial: Configuration = THREE): History {
  const history = new History(initial);
  let previousTerm = 0;
  for (const entry of entries) {
    const record = { term: entry.term, index: entry.index, previousTerm, entry, creator: 1 };
    history.register(record);
    history.commit(record, entry.term);
    history.leaders.set(entry.term, 1);
    previousTerm = entry.term;
  }
  return history;
}

/** `act` must break the invariant of this name, by a message that says so. */
export function expectViolation(invariant: string, message: RegExp, act: () => void): void {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(InvariantViolation);
  const violation = thrown as InvariantViolation; // just expected
  expect(violation.invariant).toBe(invariant);
  expect(violation.message).toMatch(message);
}
