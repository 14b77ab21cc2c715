// What clients saw, held against an object that nobody else uses: linearizability, key by key. An outcome that is unknown
// may have happened or not; a refusal that says `mayHaveBeenApplied: false` is taken at its word and left out, so that a
// wrong one shows as an effect out of nowhere. The tries of one request of a session are one operation, however many
// servers were asked: an effect that happened twice has no place in any order.

import type { ClientOperation, ClientOutcome } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import { checkHistory } from '../linearizability/check-history.js';
import type { HistoryEvent } from '../linearizability/history-event.js';
import type { Operation } from '../linearizability/operation.js';
import type { AnyModel } from '../linearizability/sequential-model.js';
import type { ClusterCheck } from './cluster-check.js';

/** Tried for each key before the check gives up and calls the run undecided: a tenth of a second or so. */
const CONFIGURATIONS_MAX = 200_000;

interface Told {
  readonly process: string;
  readonly isRead: boolean;
  readonly key: string;
  readonly input: unknown;
  readonly invokedAt: number;
  /** The first answer. */
  answer: { readonly output: unknown; readonly at: number } | undefined;
  /** Tries that had no answer, or one that leaves it open. */
  unknown: number;
  open: number;
}

export class ClientHistories implements ClusterCheck {
  readonly name: string = 'client-histories';
  readonly #model: AnyModel;
  /** Operations that are no request of a session, by number. */
  readonly #single: Map<number, Told> = new Map();
  /** By session and sequence. */
  readonly #requests: Map<string | number, Map<number, Told>> = new Map();
  readonly #told: Told[] = [];
  readonly #events: HistoryEvent[] = [];
  #undecided = 0;

  constructor(model: AnyModel) {
    this.#model = model;
  }

  /** Everything that clients did, in the form that docs/linearizability.md describes. */
  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  /** Keys that were too hard to decide within the budget. */
  get undecidedKeys(): number {
    return this.#undecided;
  }

  clientBegan(operation: ClientOperation): void {
    const { process, key, input, at } = operation;
    if (operation.consistency === 'eventual') return;
    this.#events.push({ type: 'invoke', process, time: at, key, input });
    const known = this.#find(operation);
    if (known === undefined) this.#keep(operation);
    else known.open += 1;
  }

  clientEnded(operation: ClientOperation, outcome: ClientOutcome): void {
    const { process } = operation;
    if (operation.consistency === 'eventual') return;
    const told = this.#find(operation);
    if (told === undefined) {
      hold(false, this.name, 'an operation ended that never began', () => ({ operation, outcome }));
      return;
    }
    told.open -= 1;
    const time = outcome.at;
    if (outcome.type === 'refused') this.#events.push({ type: 'fail', process, time });
    else if (outcome.type === 'unknown') {
      told.unknown += 1;
      this.#events.push({ type: 'unknown', process, time });
    } else {
      this.#events.push({ type: 'ok', process, time, output: outcome.output });
      this.#answer(told, outcome.output, time);
    }
  }

  finished(): void {
    const result = checkHistory(this.#model(), this.#operations(), {
      configurationsMax: CONFIGURATIONS_MAX,
    });
    if (result.verdict === 'notDecided') this.#undecided = result.keys.length;
    if (result.verdict !== 'violation') return;
    hold(false, this.name, `what clients saw is not linearizable:\n${result.counterexample.text}`, () => ({
      key: result.key,
    }));
  }

  /** A request of a session has one result, whoever tells it and however often. */
  #answer(told: Told, output: unknown, at: number): void {
    const { answer } = told;
    if (answer === undefined) {
      told.answer = { output, at };
      return;
    }
    if (JSON.stringify(answer.output) === JSON.stringify(output)) return;
    hold(false, this.name, 'one request of a session was answered with two results', () => ({
      request: told.process,
      input: told.input,
      first: answer.output,
      second: output,
    }));
  }

  #find({ number, session }: ClientOperation): Told | undefined {
    if (session === undefined) return this.#single.get(number);
    return this.#requests.get(session.session)?.get(session.sequence);
  }

  #keep(operation: ClientOperation): void {
    const { number, session, type, key, input, at } = operation;
    const process = nameOf(operation);
    const isRead = type === 'read';
    const told: Told = { process, isRead, key, input, invokedAt: at, answer: undefined, unknown: 0, open: 1 };
    this.#told.push(told);
    if (session === undefined) {
      this.#single.set(number, told);
      return;
    }
    const requests = this.#requests.get(session.session) ?? new Map<number, Told>();
    requests.set(session.sequence, told);
    this.#requests.set(session.session, requests);
  }

  #operations(): Operation[] {
    const operations: Operation[] = [];
    for (const told of this.#told) {
      // Every try was refused, or it was a read that nobody answered: it certainly had no effect.
      const mayHaveHappened = !told.isRead && (told.unknown > 0 || told.open > 0);
      const { process, key, input, invokedAt, answer } = told;
      if (answer === undefined && !mayHaveHappened) continue;
      operations.push({ process, key, input, output: answer?.output, invokedAt, completedAt: answer?.at });
    }
    return operations;
  }
}

function nameOf({ number, process, session }: ClientOperation): string {
  if (session === undefined) return `${process} #${number}`;
  return `session ${session.session} #${session.sequence}`;
}
