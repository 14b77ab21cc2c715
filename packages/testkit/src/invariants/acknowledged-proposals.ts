// What clients rely on: a proposal is at the indexes it was told, an acknowledged one (applied at its index, in its
// term, where it was proposed) is never lost, and no command is committed more often than it was proposed.

import type { Action, Event, Index, Term } from '@waldb/core';
import type { History } from './history.js';
import { sameBytes } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

type Proposed = Extract<Action, { type: 'proposed' }>;

interface Proposal {
  readonly command: Uint8Array;
  readonly term: Term;
}

export class AcknowledgedProposals implements Invariant {
  readonly name: string = 'acknowledged-proposals';
  readonly #history: History;
  /** By server, its present life's proposals by index. */
  readonly #pending: Map<number, Map<Index, Proposal>> = new Map();
  readonly #acknowledged: { readonly index: Index; readonly command: Uint8Array }[] = [];

  constructor(history: History) {
    this.#history = history;
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.length;
  }

  started(server: ServerView): void {
    this.#pending.set(server.id, new Map());
  }

  stepped({ server, event, actions, error }: StepView): void {
    const proposed = actions.find((action): action is Proposed => action.type === 'proposed');
    const commands = commandsOf(event);
    if (commands !== undefined && error === undefined) this.#propose(server, commands, proposed);
    for (const action of actions) {
      if (action.type === 'apply')
        for (const entry of action.entries) this.#apply(server, entry.index, entry.term);
    }
  }

  finished(): void {
    for (const { index, command } of this.#acknowledged) {
      const committed = this.#history.committed(index)?.record.entry.command;
      hold(
        committed !== undefined && sameBytes(committed, command),
        this.name,
        'an acknowledged proposal is lost',
        () => ({ index }),
      );
    }
    this.#checkOnce();
  }

  #propose(server: ServerView, commands: readonly Uint8Array[], proposed: Proposed | undefined): void {
    if (commands.length === 0) return;
    hold(proposed !== undefined, this.name, 'a proposal was taken without saying where', () => ({
      server: server.id,
    }));
    const { first, last, term } = proposed as Proposed; // just held
    const facts = (): Readonly<Record<string, unknown>> => ({ server: server.id, first, last, term });
    hold(
      last - first + 1 === commands.length,
      this.name,
      'a batch was given another number of indexes',
      facts,
    );
    const pending = this.#pending.get(server.id);
    commands.forEach((command, i) => {
      // A log of one voter that takes snapshots may have compacted the entry within the step.
      const entry = server.log.entry(first + i);
      const isThere =
        entry === undefined
          ? first + i < server.log.firstIndex
          : entry.term === term && sameBytes(entry.command, command);
      hold(isThere, this.name, 'a proposal is not at the index it was told', facts);
      pending?.set(first + i, { command, term });
    });
  }

  #apply(server: ServerView, index: Index, term: Term): void {
    const pending = this.#pending.get(server.id);
    const proposal = pending?.get(index);
    pending?.delete(index);
    if (proposal?.term === term) this.#acknowledged.push({ index, command: proposal.command });
  }

  /** Every simulated command is unique, so that one committed twice shows. */
  #checkOnce(): void {
    const seen = new Set<string>();
    for (let index = 1; index <= this.#history.commitIndex; index++) {
      const entry = this.#history.committed(index)?.record.entry;
      if (entry?.kind !== 'normal') continue;
      const command = String.fromCharCode(...entry.command);
      hold(!seen.has(command), this.name, 'a command is committed twice', () => ({ index }));
      seen.add(command);
    }
  }
}

function commandsOf(event: Event): readonly Uint8Array[] | undefined {
  if (event.type === 'propose') return [event.command];
  return event.type === 'proposeBatch' ? event.commands : undefined;
}
