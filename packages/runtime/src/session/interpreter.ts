// Stands between the log and the state machine: picks out the runtime's own entries, tells the session table of them,
// and puts results back in their places. What the state machine sees are its own commands only, each with its index. A
// stretch of ordinary commands, the frequent case, passes through as it is.

import type { LogEntry } from '@waldb/core';
import { RuntimeError } from '../runtime-error.js';
import type { ApplyContext } from '../state-machine.js';
import type { ResultCodec } from './result-codec.js';
import { decodeRuntimeCommand, isMarked, type RuntimeCommand } from './runtime-command.js';
import { DONE, NOT_KEPT, SessionReply } from './session-reply.js';
import type { SessionTable, Slot } from './session-table.js';

export interface InterpreterOptions<Result> {
  readonly table: SessionTable;
  readonly codec: ResultCodec<Result>;
  readonly sessionResultBytesMax: number;
  /** All sessions with their results: one that has no room left is not kept. */
  readonly sessionBytesMax: number;
  /** A result could not be kept. The server goes on. */
  readonly onTrouble: (error: RuntimeError) => void;
}

/** What an entry comes to: given to the machine as its nth, the same and kept, a repetition, or an answer at once. */
type Fate =
  | { readonly type: 'user'; readonly nth: number }
  | { readonly type: 'session'; readonly nth: number; readonly slot: Slot }
  | { readonly type: 'repeat'; readonly slot: Slot }
  | { readonly type: 'answer'; readonly reply: SessionReply };

/** A stretch of the log as the state machine is to see it. */
export interface Interpreted {
  readonly entries: readonly LogEntry[];
  readonly context: ApplyContext;
  /** Undefined where all entries are the machine's own, as they are. */
  readonly fates: readonly Fate[] | undefined;
}

export class Interpreter<Result> {
  readonly #options: InterpreterOptions<Result>;
  /** Why results were not kept, as far as that was told: the next ones would say the same. */
  readonly #told = new Set<string>();

  constructor(options: InterpreterOptions<Result>) {
    this.#options = options;
  }

  /** Advances the session table over `entries`, which must follow those of the last call. Errors: `ENTRY_UNSUPPORTED`. */
  interpret(entries: readonly LogEntry[]): Interpreted {
    const { table } = this.#options;
    if (!entries.some((entry) => isMarked(entry.command))) {
      const { time } = table;
      return { entries, context: { timeOf: () => time }, fates: undefined };
    }
    const own: LogEntry[] = [];
    const times: number[] = [];
    const fates: Fate[] = [];
    for (const entry of entries) {
      const command = isMarked(entry.command) ? decodeRuntimeCommand(entry.command) : undefined;
      const fate = command === undefined ? undefined : this.#runtimeFate(command, entry, own.length);
      fates.push(fate ?? { type: 'user', nth: own.length });
      if (fate !== undefined && fate.type !== 'session') continue;
      const unwrapped = command !== undefined && 'command' in command ? command.command : entry.command;
      own.push(unwrapped === entry.command ? entry : bare(entry, unwrapped));
      times.push(table.time);
    }
    return { entries: own, context: { timeOf: (nth) => times[nth] ?? table.time }, fates };
  }

  /** One result or reply for each of the interpreted entries. `results` are the machine's, one for each it was given. */
  conclude(interpreted: Interpreted, results: readonly Result[]): readonly (Result | SessionReply)[] {
    const { fates } = interpreted;
    if (fates === undefined) return results;
    return fates.map((fate) => this.#conclusion(fate, results));
  }

  /** Like `interpret` for entries that the machine has applied by itself before: decided alike, but without results. */
  replay(entries: readonly LogEntry[]): void {
    this.interpret(entries);
  }

  #conclusion(fate: Fate, results: readonly Result[]): Result | SessionReply {
    switch (fate.type) {
      case 'user':
        return results[fate.nth] as Result; // one result for each entry that the machine was given
      case 'session': {
        const result = results[fate.nth] as Result; // as above
        this.#options.table.settle(fate.slot, this.#encode(result));
        return result;
      }
      case 'repeat':
        return repeated(fate.slot);
      case 'answer':
        return fate.reply;
    }
  }

  /** Undefined for a user's command that only looked like one of the runtime's. */
  #runtimeFate(command: RuntimeCommand, entry: LogEntry, nth: number): Fate | undefined {
    const { table } = this.#options;
    if (command.type !== 'user') table.advance(command.time);
    switch (command.type) {
      case 'user':
        return undefined;
      case 'openSession':
        return { type: 'answer', reply: table.open(entry.index, command) };
      case 'keepSession':
        return { type: 'answer', reply: table.keep(command.session, command.acknowledged) };
      case 'closeSession':
        return { type: 'answer', reply: table.close(command.session) };
      case 'clock':
        return { type: 'answer', reply: DONE };
      case 'sessionCommand': {
        const decision = table.begin(command);
        return decision.type === 'apply' ? { type: 'session', nth, slot: decision.slot } : decision;
      }
    }
  }

  #encode(result: Result): Uint8Array | undefined {
    const { table, codec, sessionResultBytesMax, sessionBytesMax } = this.#options;
    try {
      const bytes = codec.encode(result);
      if (bytes.length > sessionResultBytesMax) {
        this.#tell(
          'sessionResultBytesMax',
          `it has ${bytes.length} bytes, and the limit is ${sessionResultBytesMax}`,
        );
      } else if (table.bytes + bytes.length > sessionBytesMax) {
        this.#tell(
          'sessionBytesMax',
          `all sessions together have ${table.bytes} of ${sessionBytesMax} bytes`,
        );
      } else return bytes;
    } catch (error) {
      this.#tell('codec', error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }

  #tell(limit: string, why: string): void {
    if (this.#told.has(limit)) return;
    this.#told.add(limit);
    this.#options.onTrouble(
      new RuntimeError(
        'RESULT_FORGOTTEN',
        `A session's result cannot be kept, a retry will not get it: ${why}.`,
        { detail: { reason: 'notKept', limit }, mayHaveBeenApplied: true },
      ),
    );
  }
}

function repeated({ result }: Slot): SessionReply {
  return result === undefined ? NOT_KEPT : new SessionReply({ type: 'repeated', result });
}

/** The user's part of an entry. Without `encoded`: those bytes are of the whole. */
function bare({ term, index, kind }: LogEntry, command: Uint8Array): LogEntry {
  return { term, index, kind, command };
}
