// One committed log (§5.4): whatever any server, in any life, says is committed at an index is the same entry; a commit
// index never goes back within a life; and nobody follows a commit that no leader has made.

import type { Index, NodeId, TraceRecord } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import type { CommitClaim, CommittedLog } from './committed-log.js';

export class CommittedEntries implements ClusterCheck {
  readonly name: string = 'committed-entries';
  readonly #committed: CommittedLog;
  /** By server: the commit index of its present life. */
  readonly #reached: Map<NodeId, Index> = new Map();

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  serverStarted(server: ServerLife): void {
    this.#reached.delete(server.id);
  }

  stepped(server: ServerLife, record: TraceRecord): void {
    const { before, after } = record;
    const reached = this.#reached.get(server.id) ?? before.commitIndex;
    if (before.commitIndex < reached || after.commitIndex < before.commitIndex)
      hold(false, this.name, 'a commit index went back', () => ({ ...server, reached, before, after }));
    this.#reached.set(server.id, after.commitIndex);
    for (const action of record.actions) this.#hear(server, record, action);
    this.#checkFollows(server, record);
  }

  #hear(server: ServerLife, record: TraceRecord, action: TraceRecord['actions'][number]): void {
    const claim = (index: Index, term: number, entry?: CommitClaim['entry']): void => {
      const said = { index, term, by: server.id, inTerm: record.after.term };
      this.#committed.claim(entry === undefined ? said : { ...said, entry }, this.name);
    };
    switch (action.type) {
      case 'commit':
      case 'snapshot':
        return claim(action.index, action.term);
      case 'apply':
        for (const entry of action.entries) claim(entry.index, entry.term, entry);
        return;
      case 'restoreSnapshot':
        return claim(action.snapshot.index, action.snapshot.term);
      case 'send': {
        const { message } = action;
        if (message.type === 'installSnapshot') return claim(message.snapshot.index, message.snapshot.term);
        if (message.type !== 'appendEntries') return;
        const { leaderCommit, prevLogIndex, prevLogTerm, entries } = message;
        if (prevLogIndex <= leaderCommit) claim(prevLogIndex, prevLogTerm);
        for (const entry of entries) {
          if (entry.index > leaderCommit) return;
          claim(entry.index, entry.term, entry);
        }
        return;
      }
      default:
        return;
    }
  }

  /** Only a leader commits what nobody has committed before. */
  #checkFollows(server: ServerLife, { before, after }: TraceRecord): void {
    if (after.commitIndex <= this.#committed.lastIndex) return;
    if (before.role === 'leader' || after.role === 'leader') return;
    hold(false, this.name, 'a server that does not lead commits what nobody committed before', () => ({
      ...server,
      commitIndex: after.commitIndex,
      known: this.#committed.lastIndex,
    }));
  }
}
