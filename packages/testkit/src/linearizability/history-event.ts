// A history as it is written down while it happens, and read again: one JSON object in a line. docs/linearizability.md
// describes it. What is read is not trusted: a line that cannot be is an error with its number, never a guess.

import type { Operation } from './operation.js';

/** Processes do one thing at a time; one whose operation ended `unknown` may go on. */
export type HistoryEvent =
  | {
      readonly type: 'invoke';
      readonly process: string;
      readonly time: number;
      readonly key: string;
      readonly input: unknown;
    }
  | { readonly type: 'ok'; readonly process: string; readonly time: number; readonly output: unknown }
  /** It certainly had no effect and never will. */
  | { readonly type: 'fail'; readonly process: string; readonly time: number }
  /** It may have had an effect, may have one later, or never. */
  | { readonly type: 'unknown'; readonly process: string; readonly time: number };

export class HistoryError extends Error {
  override readonly name: string = 'HistoryError';
  /** From 1. */
  readonly line: number;

  constructor(line: number, why: string) {
    super(`Line ${line} of the history ${why}.`);
    this.line = line;
  }
}

/** Writes a history down, one line for each event. */
export class HistoryWriter {
  readonly #writeLine: (line: string) => void;
  readonly #now: () => number;
  #operations = 0;

  /** `now` must never go back. */
  constructor(options: { readonly writeLine: (line: string) => void; readonly now: () => number }) {
    this.#writeLine = options.writeLine;
    this.#now = options.now;
  }

  /** Invoked so far. */
  get operations(): number {
    return this.#operations;
  }

  invoke(process: string, key: string, input: unknown): void {
    this.#operations += 1;
    this.#write({ type: 'invoke', process, time: this.#now(), key, input });
  }

  ok(process: string, output: unknown): void {
    this.#write({ type: 'ok', process, time: this.#now(), output });
  }

  fail(process: string): void {
    this.#write({ type: 'fail', process, time: this.#now() });
  }

  unknown(process: string): void {
    this.#write({ type: 'unknown', process, time: this.#now() });
  }

  #write(event: HistoryEvent): void {
    this.#writeLine(JSON.stringify(event));
  }
}

/** Errors: `HistoryError`. */
export async function* readHistory(
  lines: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<HistoryEvent> {
  let number = 0;
  for await (const line of lines) {
    number += 1;
    yield parse(line, number);
  }
}

/**
 * The operations of a history: every invocation with its end. Those that failed are left out; those that never ended
 * have an unknown outcome. Errors: `HistoryError` where an end has no beginning, a process does two things at once, or
 * time goes back.
 */
export async function readOperations(
  events: Iterable<HistoryEvent> | AsyncIterable<HistoryEvent>,
): Promise<Operation[]> {
  const operations: Operation[] = [];
  const open = new Map<string, Extract<HistoryEvent, { type: 'invoke' }>>();
  let number = 0;
  let last = Number.NEGATIVE_INFINITY;
  for await (const event of events) {
    number += 1;
    const { process, time } = event;
    if (time < last) throw new HistoryError(number, 'is earlier than the one before it');
    last = time;
    const begun = open.get(process);
    if (event.type === 'invoke') {
      if (begun !== undefined) throw new HistoryError(number, `begins while process ${process} is busy`);
      open.set(process, event);
      continue;
    }
    if (begun === undefined) throw new HistoryError(number, `ends what process ${process} has not begun`);
    open.delete(process);
    if (event.type === 'ok') operations.push(operationOf(begun, { output: event.output, completedAt: time }));
    if (event.type === 'unknown') operations.push(operationOf(begun));
  }
  for (const begun of open.values()) operations.push(operationOf(begun));
  return operations;
}

function operationOf(
  begun: Extract<HistoryEvent, { type: 'invoke' }>,
  end: { readonly output?: unknown; readonly completedAt?: number } = {},
): Operation {
  const { process, key, input, time } = begun;
  return { process, key, input, output: end.output, invokedAt: time, completedAt: end.completedAt };
}

function parse(line: string, number: number): HistoryEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new HistoryError(number, 'is not JSON');
  }
  if (!isEvent(value)) throw new HistoryError(number, 'is no event');
  return value;
}

function isEvent(value: unknown): value is HistoryEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { type, process, time, key } = value as Record<string, unknown>; // any object has string keys
  if (typeof process !== 'string' || typeof time !== 'number' || !Number.isFinite(time)) return false;
  if (type === 'invoke') return typeof key === 'string' && 'input' in value;
  if (type === 'ok') return 'output' in value;
  return type === 'fail' || type === 'unknown';
}
