// What clients have asked for and how they were answered: for each command how often and how long, and which errors they
// got. Counted for every request: a few additions each, and nothing that grows with the number of requests.

import { DURATION_MS, Histogram, type HistogramData } from '@waldb/io';
import { type Command, isOperationCommand } from '../command/command.js';
import { ErrorReply, type Reply } from '../resp/reply.js';

/** Writes go into the log, reads ask a majority or what is here; all else is answered by the server alone. */
export type RequestKind = 'read' | 'write' | 'local';

/** One command, since the start. */
export interface CommandCount {
  readonly kind: RequestKind;
  /** Requests that were taken, answered or not; those that a transaction has queued are among them. */
  calls: number;
  /** Milliseconds from the arrival of each request to the moment its reply left, added up. */
  milliseconds: number;
  /** Refused without being carried out: wrong number of arguments, a user who may not. */
  rejected: number;
  /** Carried out, and answered with an error. */
  failed: number;
}

/** Where the reply to one request is awaited. */
export interface CountedPlace {
  /** What it is counted as; undefined when no command was found, or none was carried out. */
  readonly count: CommandCount | undefined;
  /** When the request arrived. */
  readonly since: number;
}

/** Sees the replies of a connection leave. */
export interface ReplyCounter {
  now(): number;
  left(place: CountedPlace, reply: Reply, now: number): void;
}

export interface CommandStatisticsOptions {
  readonly now: () => number;
}

export class CommandStatistics implements ReplyCounter {
  readonly now: () => number;
  readonly #commands = new Map<Command, CommandCount>();
  readonly #errors = new Map<string, number>();
  readonly #durations: Readonly<Record<RequestKind, Histogram>> = {
    read: new Histogram(DURATION_MS),
    write: new Histogram(DURATION_MS),
    local: new Histogram(DURATION_MS),
  };

  constructor({ now }: CommandStatisticsOptions) {
    this.now = now;
  }

  /** By name, of commands that were asked for. */
  *commands(): Generator<readonly [name: string, count: Readonly<CommandCount>]> {
    for (const [{ name }, count] of this.#commands) yield [name, count];
  }

  /** How often each error was answered, by its code: `ERR`, `MOVED`, `WRONGTYPE`. */
  errors(): Iterable<readonly [code: string, count: number]> {
    return this.#errors;
  }

  /** How long replies took, from the arrival of the request. */
  durations(): Readonly<Record<RequestKind, HistogramData>> {
    const { read, write, local } = this.#durations;
    return { read: read.data(), write: write.data(), local: local.data() };
  }

  of(command: Command): CommandCount {
    const known = this.#commands.get(command);
    if (known !== undefined) return known;
    const count = { kind: kindOf(command), calls: 0, milliseconds: 0, rejected: 0, failed: 0 };
    this.#commands.set(command, count);
    return count;
  }

  left({ count, since }: CountedPlace, reply: Reply, now: number): void {
    const isError = reply instanceof ErrorReply;
    if (isError) {
      const { code } = reply;
      this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
    }
    if (count === undefined) return;
    const milliseconds = Math.max(0, now - since);
    count.milliseconds += milliseconds;
    if (isError) count.failed += 1;
    this.#durations[count.kind].record(milliseconds);
  }
}

function kindOf(command: Command): RequestKind {
  if (isOperationCommand(command)) return command.kind;
  const isLogged = command.kind === 'transaction' && (command.step === 'exec' || command.step === 'watch');
  return isLogged ? 'write' : 'local';
}
