// What reads show of a list to which everybody appends. An eventual read may be old, and is still of the one history: of any
// two answers about a list one begins with the other, whoever gave them and however; and a server, in one life, never shows
// less than it has shown before. How fresh an answer must be is asked elsewhere.

import type { ClientOperation, ClientOutcome, ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';

export class LocalReads implements ClusterCheck {
  readonly name: string = 'local-reads';
  /** By list: the longest answer so far. */
  readonly #longest: Map<string, readonly unknown[]> = new Map();
  /** By server, then list: how much of it the present life has shown. */
  readonly #shown: Map<number, Map<string, number>> = new Map();

  serverStarting({ id }: ServerLife): void {
    this.#shown.set(id, new Map());
  }

  clientEnded(operation: ClientOperation, outcome: ClientOutcome): void {
    if (operation.type !== 'read' || outcome.type !== 'done' || !Array.isArray(outcome.output)) return;
    const list: readonly unknown[] = outcome.output;
    this.#checkHistory(operation, list);
    this.#checkLife(operation, list.length);
  }

  #checkHistory({ key, server, consistency }: ClientOperation, list: readonly unknown[]): void {
    const longest = this.#longest.get(key) ?? [];
    const common = Math.min(list.length, longest.length);
    for (let at = 0; at < common; at++) {
      if (list[at] !== longest[at])
        hold(false, this.name, `two reads of ${key} show two histories`, () => ({
          ...{ server: server.id, life: server.life, consistency, at },
          ...{ shown: list[at], shownBefore: longest[at] },
        }));
    }
    if (list.length > longest.length) this.#longest.set(key, list);
  }

  #checkLife({ key, server, consistency }: ClientOperation, length: number): void {
    const shown = this.#shown.get(server.id) ?? new Map<string, number>();
    this.#shown.set(server.id, shown);
    const before = shown.get(key) ?? 0;
    if (length < before)
      hold(false, this.name, `server ${server.id} shows less of ${key} than it has shown before`, () => ({
        ...{ server: server.id, life: server.life, consistency, length, before },
      }));
    shown.set(key, length);
  }
}
