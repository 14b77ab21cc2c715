// A run told line by line, for people. Runs are not traced unless asked: a failing seed is run again with a trace.

import type { Action, Event, RaftError } from '@waldb/core';
import type { ServerView } from '../invariants/invariant.js';
import { describeAction, describeEvent } from './describe.js';

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
    this.note(
      `S${server.id} ${describeEvent(event)}${error === undefined ? '' : `  refused: ${error.code} ${error.message}`}`,
    );
    for (const action of actions) this.note(`      ${describeAction(action)}`);
    const { term, role, commitIndex, lastApplied, log, stable } = server;
    if (event.type === 'tick' && actions.length === 0) return;
    this.note(
      `      = ${role} term=${term} vote=${log.hardState.votedFor ?? '-'} commit=${commitIndex} applied=${lastApplied} ` +
        `log=${log.firstIndex}..${log.lastIndex}@${log.lastTerm} durable=..${stable.lastIndex}@${stable.lastTerm} ` +
        `durableTerm=${stable.hardState.term}`,
    );
  }
}
