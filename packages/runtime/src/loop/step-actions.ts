// Carries out the actions of a step, in their order, before the next event is looked at: what the driver does for the
// node, and whom it tells. Decides nothing, and must never step the node itself.

import type { Action, Index, LogEntry, NodeId, Role, Term } from '@waldb/core';
import type { Applier } from '../apply/applier.js';
import type { Changes } from '../request/changes.js';
import type { ClientWork, ProposedAction } from '../request/client-work.js';
import type { Proposals } from '../request/proposals.js';
import { type Reads, readError } from '../request/reads.js';
import type { SessionReply } from '../session/session-reply.js';
import type { CompactionPolicy } from '../snapshot/compaction-policy.js';
import type { SnapshotWork } from '../snapshot/snapshot-work.js';
import type { DriverOptions } from './driver-options.js';

export interface StepActionsOptions<Result>
  extends Pick<DriverOptions<Result>, 'node' | 'transport' | 'listener' | 'recorder' | 'notLeader'> {
  readonly proposals: Proposals<Result | SessionReply>;
  readonly reads: Reads;
  readonly changes: Changes;
  readonly clientWork: ClientWork<Result>;
  readonly applier: Applier<Result>;
  readonly snapshots: SnapshotWork;
  readonly compactionPolicy: CompactionPolicy;
  /** What a read of the state machine shows now, at least. */
  readonly readableIndex: () => Index;
  readonly onProposed: (action: ProposedAction) => void;
}

export class StepActions<Result> {
  readonly #options: StepActionsOptions<Result>;
  #isLeading = false;
  /** A configuration that was not told as committed yet; 0 for none. */
  #configurationIndex: Index = 0;

  constructor(options: StepActionsOptions<Result>) {
    this.#options = options;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  perform(action: Action): void {
    const { listener, transport, reads } = this.#options;
    switch (action.type) {
      case 'send':
        return transport.send(action.to, action.message);
      case 'apply':
        return this.#apply(action.entries);
      case 'proposed':
        return this.#options.onProposed(action);
      case 'commit':
        return this.#committed(action.index);
      case 'snapshot':
        return this.#takeSnapshot();
      case 'restoreSnapshot':
        return this.#options.applier.restore(action.snapshot);
      case 'membershipChanged':
        this.#configurationIndex = action.index;
        return listener.onConfiguration(action.configuration, action.index);
      case 'readReady':
        return reads.ready(action.context, action.index, this.#options.readableIndex());
      case 'readFailed':
        return reads.failed(action.context, readError(action.reason, this.#options.notLeader));
      case 'roleChanged':
        return this.#roleChanged(action.role, action.term, action.leader);
      case 'transferFailed':
        return this.#options.changes.transferFailed(action.reason);
    }
  }

  /** All actions of a step are done. */
  stepped(): void {
    const { applier, node } = this.#options;
    applier.handedOver(node.lastApplied);
    this.#tellConfiguration();
  }

  /**
   * What a committed configuration allows, or ends, is kept beside the log: it waits until the log has it on its disk.
   * 1. the configuration is committed  2. an old log is forgotten  3. crash  4. the configuration is gone, the log forgotten.
   */
  #tellConfiguration(): void {
    const { node, listener } = this.#options;
    const at = this.#configurationIndex;
    if (at === 0 || node.lastApplied < at) return;
    this.#configurationIndex = 0;
    listener.onConfigurationCommitted(node.configuration, at);
  }

  #apply(entries: readonly LogEntry[]): void {
    const { recorder, applier, compactionPolicy } = this.#options;
    recorder.commandsCommitted(entries.length);
    const bytes = applier.apply(entries);
    if (compactionPolicy.applied(entries.length, bytes)) this.#takeSnapshot();
  }

  #takeSnapshot(): void {
    void this.#options.snapshots.take().catch(() => {}); // `onTrouble` has heard of it
  }

  #committed(index: Index): void {
    const { clientWork, changes, node, listener } = this.#options;
    clientWork.quotaMayHaveRoom();
    changes.committed(node.commitIndex);
    listener.onCommit(index);
  }

  #roleChanged(role: Role, term: Term, leader: NodeId | undefined): void {
    const { proposals, changes, clientWork, node, listener } = this.#options;
    if (role !== 'leader') {
      // The node's state is that of the step's end: what it has handed over by then will be applied.
      if (this.#isLeading) proposals.leadershipLost(node.lastApplied);
      changes.committed(node.commitIndex);
    }
    // Also where this server leads again: whom it handed leadership to has not taken it.
    changes.leadershipLost(leader);
    this.#isLeading = role === 'leader';
    clientWork.roleChanged();
    listener.onRole(role, term, leader);
  }
}
