// Makes a violation small enough to be understood: leaves out what is not needed for it, and draws the rest over time.
// Must never leave out what explains it away: what remains is a violation by itself.

import type { Operation } from './operation.js';
import { type SearchBudget, type SearchResult, search } from './search.js';
import type { SequentialModel } from './sequential-model.js';

export interface Counterexample<Input = unknown, Output = unknown> {
  /** No order explains this operation's outcome after the others. */
  readonly culprit: Operation<Input, Output>;
  /** What is needed to see it, in order of invocation, the culprit among them. */
  readonly operations: readonly Operation<Input, Output>[];
  /** What the object may have held just before the culprit returned, in words. */
  readonly statesBefore: readonly string[];
  /** For people: several lines. */
  readonly text: string;
}

type Violation<State, Input, Output> = Extract<SearchResult<State, Input, Output>, { verdict: 'violation' }>;

/** Searches made to leave reads out, each no longer than the one that found the violation. */
const ATTEMPTS_MAX = 64;
const LINES_MAX = 16;
/** One column for each invocation and return, so many characters wide. */
const COLUMN_WIDTH = 3;

/** `operations` are those of one key, in order of invocation, and `found` is what the search said of them. */
export function makeCounterexample<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  found: Violation<State, Input, Output>,
): Counterexample<Input, Output> {
  const { culprit } = found;
  const budget = { configurationsMax: found.configurations * 2, isOver: () => false };
  const until = operations.filter(({ invokedAt }) => invokedAt <= endOf(culprit));
  const needed = withoutNeedlessReads(model, until, culprit, budget);
  const statesBefore = found.statesBefore.map((state) => model.describeState(state));
  const text = render(model, needed, culprit, statesBefore);
  return { culprit, operations: needed, statesBefore, text };
}

/**
 * Without a read, an order that explained everything still explains the rest: so whatever has none after a read is left
 * out is a violation all the same. (Not so for a write: what it wrote may have been read.) Halves of the reads are
 * tried, then halves of halves.
 */
function withoutNeedlessReads<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  culprit: Operation<Input, Output>,
  budget: SearchBudget,
): readonly Operation<Input, Output>[] {
  let needed = operations;
  let attempts = 0;
  const tryWithout = (reads: readonly Operation<Input, Output>[]): void => {
    if (reads.length === 0 || attempts++ >= ATTEMPTS_MAX) return;
    const rest = needed.filter((operation) => !reads.includes(operation));
    const result = search(model, rest, budget);
    if (result.verdict === 'violation' && result.culprit === culprit) {
      needed = rest;
    } else if (reads.length > 1) {
      const half = Math.ceil(reads.length / 2);
      tryWithout(reads.slice(0, half));
      tryWithout(reads.slice(half));
    }
  };
  tryWithout(operations.filter((operation) => operation !== culprit && model.isReadOnly(operation.input)));
  return needed;
}

function render<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  needed: readonly Operation<Input, Output>[],
  culprit: Operation<Input, Output>,
  statesBefore: readonly string[],
): string {
  const shown = lastOf(needed, culprit);
  const columns = columnsOf(shown, endOf(culprit));
  const names = shown.map(({ process }) => process);
  const nameWidth = Math.max(...names.map((name) => name.length));
  const lines = shown.map((operation) => {
    const said = operation.completedAt === undefined ? '  outcome unknown' : '';
    const mark = operation === culprit ? '   <-- cannot be' : '';
    const output = operation.completedAt === undefined ? undefined : operation.output;
    const what = `${model.describe(operation.input, output)}${said}${mark}`;
    return `  ${operation.process.padEnd(nameWidth)}  ${bar(operation, columns)}  ${what}`;
  });
  const left = needed.length - shown.length;
  return [
    `key ${JSON.stringify(culprit.key)}: no order of the operations explains what process ${culprit.process} was told.`,
    `Just before it returned the object held ${statesBefore.join(' or ')}.`,
    ...(left > 0 ? [`  ${left} earlier operations are not shown`] : []),
    ...lines,
  ].join('\n');
}

/** Those that end last, since what went before them is settled; in the order of invocation. */
function lastOf<Input, Output>(
  needed: readonly Operation<Input, Output>[],
  culprit: Operation<Input, Output>,
): Operation<Input, Output>[] {
  const others = needed.filter((operation) => operation !== culprit);
  // One without an outcome matters around the time at which it was asked for; later it is as likely to matter as not.
  const recency = (operation: Operation): number => operation.completedAt ?? operation.invokedAt;
  const last = others.sort((a, b) => recency(b) - recency(a)).slice(0, LINES_MAX - 1);
  return [...last, culprit].sort((a, b) => a.invokedAt - b.invokedAt || endOf(a) - endOf(b));
}

/** The column of each moment at which something began or ended. */
function columnsOf(shown: readonly Operation[], last: number): Map<number, number> {
  const moments = shown.flatMap((operation) => [operation.invokedAt, Math.min(endOf(operation), last)]);
  const ordered = [...new Set(moments)].sort((a, b) => a - b);
  return new Map(ordered.map((moment, column) => [moment, column * COLUMN_WIDTH]));
}

function bar(operation: Operation, columns: ReadonlyMap<number, number>): string {
  const width = Math.max(...columns.values()) + 2;
  const from = columns.get(operation.invokedAt) ?? 0;
  const to = columns.get(endOf(operation));
  const line =
    to === undefined ? `|${'-'.repeat(width - from - 2)}>` : `|${'-'.repeat(Math.max(to - from - 1, 0))}|`;
  return `${' '.repeat(from)}${line}`.padEnd(width);
}

function endOf({ completedAt }: Operation): number {
  return completedAt ?? Number.POSITIVE_INFINITY;
}
