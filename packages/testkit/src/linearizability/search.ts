// Whether the operations on one object can be put in one order that the object allows and that contradicts nobody's
// clock: the search of Wing and Gong ("Testing and verifying concurrent objects", 1993), with the just-in-time
// linearization and the memory of states of Lowe ("Testing for linearizability", 2017). Must never say "no" without
// having tried everything, nor "yes" without having found an order.
//
// The history is walked by its *returns*. An operation is given its place as late as can be: when its return comes and
// it has none yet. It may then be preceded by any operations that are open at that moment. So a configuration is
//
//     position      how many returns are behind it
//     state         the object after the operations placed so far
//     known         of the operations open now that return later: those already placed
//     unknown       of those that never return: those already placed
//
// and everything returned before `position` is placed. A configuration seen before is not tried again. Nor is one with
// the same position, state and `known`, and *more* of the unknown placed: whatever can follow it can follow the other,
// which has them still to spend and need not spend any. This is what keeps a history with hundreds of crashed clients
// from being exponential in them.

import type { Operation } from './operation.js';
import type { SequentialModel } from './sequential-model.js';

export interface SearchBudget {
  /** Configurations looked at before the search gives up. */
  readonly configurationsMax: number;
  /** Tells the search to give up; asked now and then. */
  readonly isOver: () => boolean;
}

export type SearchResult<State, Input, Output> =
  | { readonly verdict: 'linearizable'; readonly configurations: number }
  | { readonly verdict: 'notDecided'; readonly configurations: number }
  | {
      readonly verdict: 'violation';
      readonly configurations: number;
      /** No order explains everything up to this operation's return; one explains everything before it. */
      readonly culprit: Operation<Input, Output>;
      /** States that the object may have been in just before, a handful at most. */
      readonly statesBefore: readonly State[];
    };

/** How many configurations are tried between two looks at the clock. */
const PATIENCE = 1024;
const STATES_KEPT_MAX = 4;

/** `operations` are those of one key. */
export function search<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  budget: SearchBudget,
): SearchResult<State, Input, Output> {
  return new Search(model, operations, budget).run();
}

/** An operation that returns, with the bit that stands for it while it is open. */
interface Known<Input, Output> {
  readonly operation: Operation<Input, Output>;
  readonly bit: bigint;
}

interface Unknown<Input, Output> extends Known<Input, Output> {
  /** An earlier one with the same input: which of the two takes effect makes no difference, so that one goes first. */
  readonly twin: bigint;
}

/** One return, and who is open just before it. */
interface Return<Input, Output> {
  readonly returning: Known<Input, Output>;
  /** The returning one first, then the others, soonest return first. */
  readonly open: readonly Known<Input, Output>[];
  /** So many of the unknown were invoked by then. */
  readonly unknownCount: number;
}

interface Configuration<State> {
  readonly position: number;
  readonly state: State;
  readonly known: bigint;
  readonly unknown: bigint;
  /** The next choice to be tried from here. */
  choice: number;
}

class Search<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #budget: SearchBudget;
  readonly #unknown: readonly Unknown<Input, Output>[];
  readonly #returns: readonly Return<Input, Output>[];
  /** By position, then by `known` and state: the sets of unknown that were tried. */
  readonly #seen: Map<string, bigint[]>[];
  #configurations = 0;
  #deepest = 0;
  #statesAtDeepest = new Map<string | number, State>();

  constructor(
    model: SequentialModel<State, Input, Output>,
    operations: readonly Operation<Input, Output>[],
    budget: SearchBudget,
  ) {
    this.#model = model;
    this.#budget = budget;
    this.#unknown = unknownOf(operations, model);
    this.#returns = returnsOf(operations, this.#unknown);
    this.#seen = this.#returns.map(() => new Map());
  }

  run(): SearchResult<State, Input, Output> {
    const path: Configuration<State>[] = [];
    const enter = (configuration: Configuration<State>): void => {
      if (this.#isNew(configuration)) path.push(configuration);
    };
    if (this.#returns.length === 0) return { verdict: 'linearizable', configurations: 0 };
    enter({ position: 0, state: this.#model.init(), known: 0n, unknown: 0n, choice: 0 });
    for (let present = path.at(-1); present !== undefined; present = path.at(-1)) {
      if (this.#isSpent()) return { verdict: 'notDecided', configurations: this.#configurations };
      const next = this.#next(present);
      if (next === undefined) path.pop();
      else if (next.position === this.#returns.length)
        return { verdict: 'linearizable', configurations: this.#configurations };
      else enter(next);
    }
    return this.#violation();
  }

  /** The next configuration to try from this one; undefined when all have been. */
  #next(from: Configuration<State>): Configuration<State> | undefined {
    const at = this.#returns[from.position] as Return<Input, Output>; // positions on the path are below the length
    const { bit } = at.returning;
    if ((from.known & bit) !== 0n) {
      // It has its place already, and its bit is free for another.
      return from.choice++ === 0
        ? { ...from, position: from.position + 1, known: from.known ^ bit, choice: 0 }
        : undefined;
    }
    while (from.choice < at.open.length) {
      const next = this.#place(from, at, from.choice++);
      if (next !== undefined) return next;
    }
    while (from.choice < at.open.length + at.unknownCount) {
      const next = this.#placeUnknown(from, from.choice++ - at.open.length);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  #place(
    from: Configuration<State>,
    at: Return<Input, Output>,
    choice: number,
  ): Configuration<State> | undefined {
    const { operation, bit } = at.open[choice] as Known<Input, Output>; // the caller's bound
    if ((from.known & bit) !== 0n) return undefined;
    const { state, allows } = this.#model.step(from.state, operation.input);
    if (!allows(operation.output as Output)) return undefined; // an operation that returns has its output
    const { position, unknown, known } = from;
    if (choice === 0) return { position: position + 1, state, known, unknown, choice: 0 };
    return { position, state, known: known | bit, unknown, choice: 0 };
  }

  #placeUnknown(from: Configuration<State>, number: number): Configuration<State> | undefined {
    const { operation, bit, twin } = this.#unknown[number] as Unknown<Input, Output>; // the caller's bound
    if ((from.unknown & bit) !== 0n || (twin !== 0n && (from.unknown & twin) === 0n)) return undefined;
    const { state } = this.#model.step(from.state, operation.input);
    if (this.#model.identify(state) === this.#model.identify(from.state)) return undefined; // it would explain nothing
    return { ...from, state, unknown: from.unknown | bit, choice: 0 };
  }

  #isNew({ position, state, known, unknown }: Configuration<State>): boolean {
    this.#configurations += 1;
    const identity = this.#model.identify(state);
    this.#note(position, identity, state);
    const seen = this.#seen[position] as Map<string, bigint[]>; // one for each position on the path
    const name = `${known}:${identity}`;
    const sets = seen.get(name);
    if (sets === undefined) seen.set(name, [unknown]);
    else if (sets.some((set) => (set & ~unknown) === 0n)) return false;
    else sets.push(unknown);
    return true;
  }

  #note(position: number, identity: string | number, state: State): void {
    if (position < this.#deepest) return;
    if (position > this.#deepest) this.#statesAtDeepest.clear();
    this.#deepest = position;
    if (this.#statesAtDeepest.size < STATES_KEPT_MAX) this.#statesAtDeepest.set(identity, state);
  }

  #isSpent(): boolean {
    const { configurationsMax, isOver } = this.#budget;
    return this.#configurations > configurationsMax || (this.#configurations % PATIENCE === 0 && isOver());
  }

  #violation(): SearchResult<State, Input, Output> {
    const { returning } = this.#returns[this.#deepest] as Return<Input, Output>; // where the search got stuck
    return {
      verdict: 'violation',
      configurations: this.#configurations,
      culprit: returning.operation,
      statesBefore: [...this.#statesAtDeepest.values()],
    };
  }
}

/** The operations without outcome, but for those that would change nothing if they took effect. */
function unknownOf<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  model: SequentialModel<State, Input, Output>,
): Unknown<Input, Output>[] {
  const twins = new Map<string, bigint>();
  return operations
    .filter(({ completedAt, input }) => completedAt === undefined && !model.isReadOnly(input))
    .map((operation, number) => {
      const bit = 1n << BigInt(number);
      const input = JSON.stringify(operation.input);
      const twin = twins.get(input) ?? 0n;
      twins.set(input, bit);
      return { operation, bit, twin };
    });
}

/** Every return in order. At equal times an invocation comes before a return: such operations overlap. */
function returnsOf<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  unknown: readonly Unknown<Input, Output>[],
): Return<Input, Output>[] {
  const completed = operations.filter(({ completedAt }) => completedAt !== undefined);
  const returning = [...completed].sort((a, b) => endOf(a) - endOf(b));
  const open: Known<Input, Output>[] = [];
  const bits = new FreeBits();
  let invoked = 0;
  let unknownCount = 0;
  return returning.map((operation) => {
    const now = endOf(operation);
    for (
      let next = completed[invoked];
      next !== undefined && next.invokedAt <= now;
      next = completed[++invoked]
    )
      insertByEnd(open, { operation: next, bit: bits.take() });
    while ((unknown[unknownCount]?.operation.invokedAt ?? Number.POSITIVE_INFINITY) <= now) unknownCount += 1;
    const at = open.findIndex((known) => known.operation === operation);
    const [own] = open.splice(at, 1) as [Known<Input, Output>]; // it was invoked before it returned
    bits.give(own.bit);
    return { returning: own, open: [own, ...open], unknownCount };
  });
}

function insertByEnd<Input, Output>(open: Known<Input, Output>[], known: Known<Input, Output>): void {
  const at = open.findIndex(({ operation }) => endOf(operation) > endOf(known.operation));
  open.splice(at < 0 ? open.length : at, 0, known);
}

function endOf({ completedAt }: Operation): number {
  return completedAt ?? Number.POSITIVE_INFINITY;
}

/** Bits for what is open: as many as are open at once, used again and again, so that sets stay small numbers. */
class FreeBits {
  readonly #free: bigint[] = [];
  #count = 0n;

  take(): bigint {
    return this.#free.pop() ?? 1n << this.#count++;
  }

  give(bit: bigint): void {
    this.#free.push(bit);
  }
}
