// A run told line by line, for people. Runs are not traced unless asked: a failing seed is run again with a trace.

import { type Action, describeAction, describeEvent, type Event, type RaftError } from '@waldb/core';
import type { ServerView } from '../invariants/invariant.js';

/** Lines kept; a run that writes more forgets its beginning. */
const LINES_MAX = 200_000;

export class Trace {
  readonly #lines: string[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  note(what: string): void {
    if (this.#lines.length >= LINES_MAX) this.#lines.splice(0, LINES_MAX / 2);
    this.#lines.push(`${this.#now().toFixed(1).padStart(8)}  ${what}`);
  }

  step(server: ServerView, event: Event, actions: readonly Action[], error: RaftError | undefined): void {
    const refused = error === undefined ? '' : `  refused: ${error.code}, ${error.message}`;
    this.note(`S${server.id}  ${describeEvent(event)}${refused}`);
    for (const action of actions) this.note(`      -> ${describeAction(action)}`);
    if (actions.length > 0 || event.type === 'message') this.note(`      == ${describeServer(server)}`);
  }
}

/** A server in one line, what is staged and what is durable apart. */
export function describeServer(server: ServerView): string {
  if (!server.isRunning)
    return `S${server.id} is off, log ..${server.stable.lastIndex}/t${server.stable.lastTerm}`;
  const { id, role, term, commitIndex, lastApplied, log, stable } = server;
  const { votedFor } = log.hardState;
  return (
    `S${id} ${role} t${term} vote ${votedFor === undefined ? 'none' : `S${votedFor}`} ` +
    `commit ${commitIndex} applied ${lastApplied} log ${log.firstIndex}..${log.lastIndex}/t${log.lastTerm} ` +
    `durable ..${stable.lastIndex}/t${stable.lastTerm} in t${stable.hardState.term}`
  );
}
