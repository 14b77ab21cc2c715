// All checks of whole servers together, by name. The order matters: a read is compared with what was committed before its
// step, and what a step commits is known before leaders and state machines are held against it.

import type { ClusterObserver } from '../cluster-sim/cluster-observer.js';
import type { HistoryEvent } from '../linearizability/history-event.js';
import type { AnyModel } from '../linearizability/sequential-model.js';
import { AppliedEntries } from './applied-entries.js';
import { ClientHistories } from './client-histories.js';
import type { ClusterCheck } from './cluster-check.js';
import { CommittedEntries } from './committed-entries.js';
import { CommittedLog } from './committed-log.js';
import { EqualEnds } from './equal-ends.js';
import { FreshReads } from './fresh-reads.js';
import { Leaders } from './leaders.js';
import { LocalReads } from './local-reads.js';
import { LostDisks } from './lost-disks.js';
import { PromisedEntries } from './promised-entries.js';
import { PromisedVotes } from './promised-votes.js';
import { ReplicatedMachines } from './replicated-machines.js';
import { SentEntries } from './sent-entries.js';
import { SettledRequests } from './settled-requests.js';
import { together } from './together.js';

export interface ClusterChecksOptions {
  /** What clients' words mean; without it, histories are not checked. */
  readonly model?: AnyModel | undefined;
  /** Clients append to lists, and reads answer with all of one. */
  readonly readsLists?: boolean;
  /** Longer than any request of the run waits. Default 60 simulated seconds. */
  readonly patienceMs?: number;
}

export interface ClusterChecks {
  readonly checks: readonly ClusterCheck[];
  /** Hears everything of one run, and throws an `InvariantViolation` when a rule is broken. */
  readonly observer: ClusterObserver;
  /** What clients did and saw so far, in the form that docs/linearizability.md describes. */
  history(): readonly HistoryEvent[];
  /** Keys whose history was too hard to decide. */
  undecidedKeys(): number;
}

const PATIENCE_MS = 60_000;

/** The checks of one run: they remember what they saw, so each run needs its own. */
export function makeClusterChecks(options: ClusterChecksOptions = {}): ClusterChecks {
  const committed = new CommittedLog();
  const histories = options.model && new ClientHistories(options.model);
  const checks: ClusterCheck[] = [
    new PromisedVotes(),
    new PromisedEntries(),
    new LostDisks(),
    new FreshReads(committed),
    new CommittedEntries(committed),
    new SentEntries(),
    new Leaders(committed),
    new AppliedEntries(committed),
    new ReplicatedMachines(),
    new SettledRequests(options.patienceMs ?? PATIENCE_MS),
    new EqualEnds(committed),
  ];
  if (histories !== undefined) checks.push(histories);
  if (options.readsLists === true) checks.push(new LocalReads());
  return {
    checks,
    observer: together(checks),
    history: () => histories?.events ?? [],
    undecidedKeys: () => histories?.undecidedKeys ?? 0,
  };
}
