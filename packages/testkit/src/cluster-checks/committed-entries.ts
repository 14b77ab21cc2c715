// One committed log (§5.4): whatever any server, in any life, says is committed at an index is the same entry; a commit
// index never goes back within a life; nobody follows a commit that no leader has made; and a leader makes one only by an
// entry of its own term (§5.4.2): one of an earlier term may be on a majority, and still be replaced (figure 8).

import type { Index, LogEntry, NodeId, Term, TraceRecord } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import type { CommittedLog } from './committed-log.js';

/** Who says it, and in which term. */
interface Said {
  readonly by: NodeId;
  readonly inTerm: Term;
}

interface Place {
  readonly index: Index;
  readonly term: Term;
}

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
    if (record.actions.length > 0) {
      const said: Said = { by: server.id, inTerm: after.term };
      for (const action of record.actions) this.#hear(said, action);
    }
    this.#checkFollows(server, record);
    this.#checkCounts(server, record);
  }

  #hear(said: Said, action: TraceRecord['actions'][number]): void {
    switch (action.type) {
      case 'commit':
      case 'snapshot':
        return this.#claim(said, action);
      case 'apply':
        for (const entry of action.entries) this.#claim(said, entry, entry);
        return;
      case 'restoreSnapshot':
        return this.#claim(said, action.snapshot);
      case 'send': {
        const { message } = action;
        if (message.type === 'installSnapshot') return this.#claim(said, message.snapshot);
        if (message.type !== 'appendEntries') return;
        const { leaderCommit, prevLogIndex, prevLogTerm, entries } = message;
        if (prevLogIndex <= leaderCommit) this.#claim(said, { index: prevLogIndex, term: prevLogTerm });
        for (const entry of entries) {
          if (entry.index > leaderCommit) return;
          this.#claim(said, entry, entry);
        }
        return;
      }
      default:
        return;
    }
  }

  #claim({ by, inTerm }: Said, { index, term }: Place, entry?: LogEntry): void {
    this.#committed.claim({ index, term, by, inTerm, entry }, this.name);
  }

  #checkCounts(server: ServerLife, { before, after, actions }: TraceRecord): void {
    if (before.role !== 'leader' || after.role !== 'leader' || before.term !== after.term) return;
    for (const action of actions) {
      if (action.type === 'commit' && action.term !== after.term)
        hold(false, this.name, 'a leader commits an entry of an earlier term by counting', () => ({
          ...server,
          ...{ leads: after.term, index: action.index, term: action.term },
        }));
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
