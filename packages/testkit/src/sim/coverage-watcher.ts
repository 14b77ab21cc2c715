// Watches a run as the invariants do and counts what it reaches. Judges nothing.

import type { Event, LogEntry, Message, Term } from '@waldb/core';
import { decodedConfiguration, isVoterOf } from '../invariants/configuration-in-force.js';
import type { History } from '../invariants/history.js';
import type { Invariant, ServerView, StepView } from '../invariants/invariant.js';
import type { Coverage, Situation } from './coverage.js';
import type { LogOperation } from './log-image.js';
import type { SimulatedServer } from './server.js';

const TERMS_MANY = 7;

const ASKED: Partial<Record<Event['type'], { readonly taken: Situation; readonly refused: Situation }>> = {
  propose: { taken: 'proposals', refused: 'proposals refused' },
  proposeBatch: { taken: 'proposals', refused: 'proposals refused' },
  promoteLearner: { taken: 'learners promoted', refused: 'membership requests refused' },
  addServer: { taken: 'servers added', refused: 'membership requests refused' },
  addLearner: { taken: 'learners added', refused: 'membership requests refused' },
  removeServer: { taken: 'servers removed', refused: 'membership requests refused' },
  changeMembership: { taken: 'whole memberships changed', refused: 'membership requests refused' },
  leaveJoint: { taken: 'joint configurations left on request', refused: 'membership requests refused' },
  transferLeadership: { taken: 'transfers begun', refused: 'transfers refused' },
  read: { taken: 'reads asked', refused: 'reads failed' },
};

export class CoverageWatcher implements Invariant {
  readonly name: string = 'coverage';
  readonly #coverage: Coverage;
  readonly #history: History;
  readonly #servers: ReadonlyMap<number, SimulatedServer>;
  /** Servers that were asked to take over, and have not led since. */
  readonly #successors: Set<number> = new Set();

  constructor(coverage: Coverage, history: History, servers: ReadonlyMap<number, SimulatedServer>) {
    this.#coverage = coverage;
    this.#history = history;
    this.#servers = servers;
  }

  staged(server: ServerView, operation: LogOperation): void {
    const { log } = server;
    switch (operation.type) {
      case 'truncate':
        this.#hit('conflicting suffix truncated');
        if (this.#hasAppendInFlight(server)) this.#hit('truncated with an append in flight');
        if (log.configIndexBefore(log.lastIndex) >= operation.from)
          this.#hit('configuration reverted by truncation');
        return;
      case 'snapshot': {
        const { index, term } = operation.snapshot;
        if (log.termAt(index) === term) return this.#hit('snapshots taken');
        if (log.lastIndex < index) return this.#hit('follower far behind caught up by snapshot');
        return this.#hit('snapshot replaced a conflicting log');
      }
      case 'compact':
        if (operation.through === log.lastIndex) this.#hit('log fully compacted');
        return;
      case 'append':
        for (const entry of operation.entries) if (entry.kind === 'config') this.#configured(server, entry);
        return;
      case 'hardState':
        return;
    }
  }

  crashed(server: ServerView): void {
    if (server.role === 'leader' && server.configuration.votersOutgoing.length > 0) {
      this.#hit('leader crashed in a joint configuration');
    }
  }

  stepped(step: StepView): void {
    const { server, before, event, error } = step;
    this.#hit('steps');
    const asked = ASKED[event.type];
    if (asked !== undefined) this.#hit(error === undefined ? asked.taken : asked.refused);
    if (event.type === 'message') this.#received(server, event.message, before.term);
    if (event.type === 'read' && !this.#hasLeader()) this.#hit('read while leadership changed');
    if (before.role === 'leader' && server.role !== 'leader') this.#deposed(step);
    if (
      server.commitIndex > before.commitIndex &&
      server.stable.lastIndex < server.commitIndex &&
      server.role === 'leader'
    ) {
      this.#hit('committed by others before the leader was durable');
    }
    this.#actions(step);
  }

  finished(): void {
    const { commitIndex } = this.#history;
    this.#coverage.hit('entries committed', commitIndex);
    if (this.#history.leaders.size >= TERMS_MANY) this.#hit('seven or more terms');
    for (let index = 1; index <= commitIndex; index++) {
      if (this.#history.committed(index)?.record.entry.kind === 'config')
        this.#hit('configurations committed');
    }
  }

  #actions({ server, event, actions }: StepView): void {
    for (const action of actions) {
      switch (action.type) {
        case 'roleChanged':
          if (action.role === 'leader') this.#won(server);
          else if (action.role === 'candidate') this.#campaigns(server);
          break;
        case 'send':
          if (
            action.message.type === 'requestVoteReply' &&
            action.message.voteGranted &&
            server.role === 'learner'
          ) {
            this.#hit('learner voted');
          }
          break;
        case 'restoreSnapshot':
          this.#hit('snapshots installed');
          break;
        case 'readReady':
          this.#hit('reads answered');
          if (server.role !== 'leader') this.#hit('follower reads answered');
          else if (event.type === 'read' && server.configuration.voters.length > 1)
            this.#hit('lease reads answered at once');
          break;
        case 'readFailed':
          this.#hit('reads failed');
          if (action.reason === 'leadershipLost') this.#hit('read while leadership changed');
          break;
        case 'transferFailed':
          this.#hit('transfers failed');
          break;
        case 'apply':
        case 'proposed':
        case 'commit':
        case 'snapshot':
        case 'membershipChanged':
          break;
      }
    }
  }

  #received(server: ServerView, message: Message, term: Term): void {
    if (message.type === 'timeoutNow' && message.term === term) this.#successors.add(server.id);
    else if (message.type === 'installSnapshot' && message.term < term)
      this.#hit('snapshot in flight across a term');
    else if (message.type === 'installSnapshotReply' && !message.success)
      this.#hit('snapshots refused or failed');
  }

  #won(server: ServerView): void {
    this.#hit('elections won');
    if (this.#successors.delete(server.id)) this.#hit('transfers completed');
    for (const other of this.#servers.values()) {
      if (other.id !== server.id && other.role === 'leader') return this.#hit('two leaders at once');
    }
  }

  #campaigns(server: ServerView): void {
    this.#hit('elections started');
    const committed = this.#history.configurationAt(this.#history.commitIndex);
    if (!isVoterOf(committed, server.id) && !committed.learners.includes(server.id)) {
      this.#hit('removed server campaigned');
    }
  }

  #deposed({ server, before, event }: StepView): void {
    this.#hit('leaders deposed');
    if (!isVoterOf(server.configuration, server.id)) this.#hit('leader removed itself');
    const gaveUp = event.type === 'tick' && server.term === before.term;
    if (gaveUp && (this.#servers.get(server.id)?.pendingOperations.length ?? 0) > 0)
      this.#hit('stalled leader stepped down');
  }

  #configured(server: ServerView, entry: LogEntry): void {
    if (server.role !== 'leader') return;
    if (decodedConfiguration(entry).votersOutgoing.length > 0) this.#hit('joint configurations');
  }

  #hasAppendInFlight(server: ServerView): boolean {
    const pending = this.#servers.get(server.id)?.pendingOperations ?? [];
    return pending.some((operation) => operation.type === 'append');
  }

  #hasLeader(): boolean {
    for (const server of this.#servers.values()) if (server.role === 'leader') return true;
    return false;
  }

  #hit(situation: Situation): void {
    this.#coverage.hit(situation);
  }
}
