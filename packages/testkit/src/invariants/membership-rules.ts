// Membership (§6; thesis §4; Ongaro 2015): the configuration in force is the newest in the log; each follows its
// predecessor by a safe step; none is made before its predecessor is committed, nor before the leader has committed
// an entry of its own term; and none is without voters.

import type { Configuration, LogEntry, NodeId } from '@waldb/core';
import type { LogOperation } from '../sim/log-image.js';
import {
  configurationAt,
  decodedConfiguration,
  isVoterOf,
  sameConfiguration,
  sameMembers,
} from './configuration-in-force.js';
import type { History } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class MembershipRules implements Invariant {
  readonly name: string = 'membership-rules';
  readonly #history: History;
  /** Configurations that the step under way staged, with their predecessors. */
  #made: { readonly entry: LogEntry; readonly previousIndex: number; readonly previous: Configuration }[] =
    [];

  constructor(history: History) {
    this.#history = history;
  }

  crashed(): void {
    this.#made = [];
  }

  started(server: ServerView): void {
    this.#checkInForce(server);
  }

  staged(server: ServerView, operation: LogOperation): void {
    if (operation.type === 'append') this.#noteConfigurations(server, operation.entries);
    else if (operation.type === 'snapshot')
      this.#checkSnapshot(server, operation.snapshot.index, operation.snapshot.configuration);
  }

  stepped(step: StepView): void {
    const { server } = step;
    for (const made of this.#made) this.#checkChange(server, made.entry, made.previousIndex, made.previous);
    const mayHaveChanged = this.#made.length > 0 || step.stagedSeq !== step.before.stagedSeq;
    this.#made = [];
    if (mayHaveChanged) this.#checkInForce(server);
  }

  #noteConfigurations(server: ServerView, entries: readonly LogEntry[]): void {
    const { log, initialConfiguration } = server;
    let previousIndex = log.configIndexBefore(log.lastIndex);
    let previous = configurationAt(log, log.lastIndex, initialConfiguration);
    for (const entry of entries) {
      if (entry.kind !== 'config') continue;
      if (entry.term === server.term && server.role === 'leader')
        this.#made.push({ entry, previousIndex, previous });
      previousIndex = entry.index;
      previous = decodedConfiguration(entry);
    }
  }

  #checkChange(server: ServerView, entry: LogEntry, previousIndex: number, previous: Configuration): void {
    const next = decodedConfiguration(entry);
    const facts = (): Readonly<Record<string, unknown>> => ({
      server: server.id,
      index: entry.index,
      previous,
      next,
    });
    hold(next.voters.length > 0, this.name, 'a configuration without voters', facts);
    hold(
      previousIndex <= server.commitIndex,
      this.name,
      'two configuration changes are under way at once',
      facts,
    );
    const ownTermCommitted = this.#history.committed(server.commitIndex)?.record.term === entry.term;
    hold(ownTermCommitted, this.name, 'a change before the leader committed an entry of its own term', facts);
    hold(
      isSafeStep(previous, next),
      this.name,
      'two configurations follow each other whose majorities may be disjoint',
      facts,
    );
    const overlap = next.learners.find((id) => isVoterOf(next, id));
    hold(overlap === undefined, this.name, 'a server is voter and learner at once', facts);
  }

  #checkInForce(server: ServerView): void {
    const { log, initialConfiguration, configuration } = server;
    const inForce = configurationAt(log, log.lastIndex, initialConfiguration);
    hold(
      sameConfiguration(configuration, inForce),
      this.name,
      'the configuration in force is not the newest in the log',
      () => ({
        server: server.id,
        configuration,
        inForce,
      }),
    );
  }

  #checkSnapshot(server: ServerView, index: number, configuration: Configuration): void {
    const committed = this.#history.configurationAt(index);
    hold(
      sameConfiguration(configuration, committed),
      this.name,
      "a snapshot's configuration is not the one in force at its index",
      () => ({
        server: server.id,
        index,
        configuration,
        committed,
      }),
    );
  }
}

function isSafeStep(previous: Configuration, next: Configuration): boolean {
  if (previous.votersOutgoing.length > 0) {
    return next.votersOutgoing.length === 0 && sameMembers(next.voters, previous.voters);
  }
  if (next.votersOutgoing.length > 0) return sameMembers(next.votersOutgoing, previous.voters);
  return countMissing(previous.voters, next.voters) + countMissing(next.voters, previous.voters) <= 1;
}

function countMissing(ids: readonly NodeId[], among: readonly NodeId[]): number {
  return ids.filter((id) => !among.includes(id)).length;
}
