// What a server hands to its state machine (§5.3, §5.4.3): committed commands, in index order, each exactly once in a
// life, none left out. A life begins at the snapshot that its log names; a snapshot that arrives later only leads forward. And
// what was handed over is in the log of every later life: a machine that keeps its own state is never ahead of the disk.

import type { Index, LogEntry, NodeId, TraceRecord, TraceState } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import type { CommittedLog } from './committed-log.js';

export class AppliedEntries implements ClusterCheck {
  readonly name: string = 'applied-entries';
  readonly #committed: CommittedLog;
  /** By server: up to where its present life has handed over. */
  readonly #reached: Map<NodeId, Index> = new Map();
  /** By server: up to where any of its lives has. */
  readonly #handedOver: Map<NodeId, Index> = new Map();

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  serverStarted(server: ServerLife): void {
    this.#reached.delete(server.id);
  }

  diskLost(id: NodeId): void {
    this.#handedOver.delete(id);
  }

  stepped(server: ServerLife, { before, after, actions }: TraceRecord): void {
    if (!this.#reached.has(server.id)) this.#begin(server, before);
    for (const action of actions) {
      if (action.type === 'apply') for (const entry of action.entries) this.#apply(server, entry);
      else if (action.type === 'restoreSnapshot') this.#restore(server, action.snapshot.index);
    }
    if (after.lastApplied > after.commitIndex)
      hold(false, this.name, 'a server applies what it does not know to be committed', () => ({
        ...server,
        lastApplied: after.lastApplied,
        commitIndex: after.commitIndex,
      }));
    this.#pass(server, after.lastApplied);
    this.#handedOver.set(server.id, Math.max(this.#reached.get(server.id) ?? 0, this.#ever(server)));
  }

  #begin(server: ServerLife, { lastApplied, lastIndex }: TraceState): void {
    this.#reached.set(server.id, lastApplied);
    if (lastIndex < this.#ever(server))
      hold(false, this.name, 'a server has lost what it had given to its state machine', () => ({
        ...server,
        lastIndex,
        given: this.#ever(server),
      }));
  }

  #ever({ id }: ServerLife): Index {
    return this.#handedOver.get(id) ?? 0;
  }

  #apply(server: ServerLife, entry: LogEntry): void {
    const reached = this.#reached.get(server.id) ?? 0;
    if (entry.index <= reached || entry.kind !== 'normal')
      hold(
        false,
        this.name,
        'a server applies an entry twice, out of order, or one that is no command',
        () => ({
          ...server,
          reached,
          index: entry.index,
          kind: entry.kind,
        }),
      );
    this.#pass(server, entry.index - 1);
    this.#reached.set(server.id, entry.index);
  }

  #restore(server: ServerLife, index: Index): void {
    const reached = this.#reached.get(server.id) ?? 0;
    if (index < reached)
      hold(false, this.name, 'a snapshot leads a state machine back', () => ({ ...server, reached, index }));
    this.#reached.set(server.id, index);
  }

  /** What is no command needs no applying; a command may not be passed over. */
  #pass(server: ServerLife, index: Index): void {
    const reached = this.#reached.get(server.id) ?? 0;
    for (let passed = reached + 1; passed <= index; passed++) {
      if (this.#committed.at(passed)?.kind === 'normal')
        hold(false, this.name, 'a committed command is passed over', () => ({ ...server, index: passed }));
    }
    if (index > reached) this.#reached.set(server.id, index);
  }
}
