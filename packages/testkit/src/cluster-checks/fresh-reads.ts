// A linearizable read covers everything that was committed anywhere when it was asked (thesis §6.4), on whatever server,
// through a lease as well as through a round; and it is answered once, to the life that asked.

import type { Index, NodeId, TraceRecord } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import type { CommittedLog } from './committed-log.js';

export class FreshReads implements ClusterCheck {
  readonly name: string = 'fresh-reads';
  readonly #committed: CommittedLog;
  /** Unanswered questions of each server's present life: what was committed anywhere when they were asked. */
  readonly #asked: Map<NodeId, Map<string, Index>> = new Map();

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  serverStarted(server: ServerLife): void {
    this.#asked.set(server.id, new Map());
  }

  /** Called before what this very step commits is taken note of: the read may have been first. */
  stepped(server: ServerLife, { event, actions }: TraceRecord): void {
    const asked = this.#askedBy(server.id);
    if (event.type === 'read') asked.set(key(event.context), this.#committed.lastIndex);
    for (const action of actions) {
      if (action.type === 'readReady') this.#ready(server, asked, action.context, action.index);
      else if (action.type === 'readFailed') this.#take(server, asked, action.context);
    }
  }

  #askedBy(id: NodeId): Map<string, Index> {
    const known = this.#asked.get(id);
    if (known !== undefined) return known;
    const asked = new Map<string, Index>();
    this.#asked.set(id, asked);
    return asked;
  }

  #ready(server: ServerLife, asked: Map<string, Index>, context: Uint8Array, index: Index): void {
    const committed = this.#take(server, asked, context);
    if (index >= committed) return;
    hold(false, this.name, 'a read is answered with a state older than its question', () => ({
      ...server,
      index,
      committed,
    }));
  }

  #take(server: ServerLife, asked: Map<string, Index>, context: Uint8Array): Index {
    const committed = asked.get(key(context));
    if (committed === undefined)
      hold(
        false,
        this.name,
        'a read is answered that this life did not ask, or that was answered before',
        () => ({
          ...server,
          context,
        }),
      );
    asked.delete(key(context));
    return committed ?? 0; // just held
  }
}

function key(context: Uint8Array): string {
  return String.fromCharCode(...context);
}
