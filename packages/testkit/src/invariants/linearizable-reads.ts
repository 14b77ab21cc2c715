// A linearizable read sees everything that was committed anywhere when it was asked (thesis §6.4), and each question
// is answered once, to the life that asked it.

import type { Index, NodeId } from '@waldb/core';
import type { History } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class LinearizableReads implements Invariant {
  readonly name: string = 'linearizable-reads';
  readonly #history: History;
  /** Unanswered questions of each server's present life: what was committed anywhere when they were asked. */
  readonly #asked: Map<NodeId, Map<string, Index>> = new Map();

  constructor(history: History) {
    this.#history = history;
  }

  /** Questions of running servers that wait for an answer. */
  get unansweredCount(): number {
    let count = 0;
    for (const asked of this.#asked.values()) count += asked.size;
    return count;
  }

  crashed(server: ServerView): void {
    this.#asked.delete(server.id);
  }

  started(server: ServerView): void {
    this.#asked.set(server.id, new Map());
  }

  stepped({ server, event, actions, error }: StepView): void {
    const asked = this.#asked.get(server.id) ?? new Map<string, Index>();
    // Noted after the step, but before anybody else's: nothing was committed in between except by this server itself,
    // which makes the demand stricter than linearizability by what this very step committed. See `#askedIndex`.
    if (event.type === 'read' && error === undefined) asked.set(key(event.context), this.#askedIndex);
    for (const action of actions) {
      if (action.type === 'readReady') this.#ready(server, asked, action.context, action.index);
      else if (action.type === 'readFailed') this.#take(server, asked, action.context);
    }
    this.#askedIndex = this.#history.commitIndex;
  }

  /** What was committed anywhere when the step under way began. */
  #askedIndex: Index = 0;

  #ready(server: ServerView, asked: Map<string, Index>, context: Uint8Array, index: Index): void {
    const committed = this.#take(server, asked, context);
    hold(index >= committed, this.name, 'a read is answered with a state older than its question', () => ({
      server: server.id,
      index,
      committed,
    }));
    hold(index <= this.#history.commitIndex, this.name, 'a read waits for what is not committed', () => ({
      server: server.id,
      index,
      committed: this.#history.commitIndex,
    }));
  }

  #take(server: ServerView, asked: Map<string, Index>, context: Uint8Array): Index {
    const committed = asked.get(key(context));
    hold(
      committed !== undefined,
      this.name,
      'a read is answered that this life did not ask, or asked once and was told twice',
      () => ({
        server: server.id,
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
