// Feeds the state machine: in index order, each entry once, one call at a time, however long a call takes and without
// ever holding up the loop. Commits may run ahead of a slow machine: what waits is bounded in bytes, and beyond that
// only the indexes are kept and the entries are read back from the log, which gives up nothing that is not applied.

import { entryBytes, type Index, type LogEntry, type RaftLog, type Snapshot } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { RuntimeError, storageError } from '../runtime-error.js';
import type { Interpreted, Interpreter } from '../session/interpreter.js';
import type { SessionReply } from '../session/session-reply.js';
import type { StateMachine } from '../state-machine.js';

export interface ApplierOptions<Result> {
  readonly stateMachine: StateMachine<Result>;
  /** Brings the state machine, and all that is replicated beside it, to what a snapshot holds. */
  readonly restore: (snapshot: Snapshot) => Promise<void>;
  /** Picks out the runtime's own entries; nothing else must call it. */
  readonly interpreter: Interpreter<Result>;
  readonly log: RaftLog;
  readonly clock: Clock;
  readonly appliedIndex: Index;
  readonly applyEntriesMax: number;
  readonly applyBacklogBytesMax: number;
  readonly onApplied: (entries: readonly LogEntry[], results: readonly (Result | SessionReply)[]) => void;
  readonly onRestored: (index: Index, milliseconds: number) => void;
  /** The state machine now shows everything up to `index`. */
  readonly onAdvanced: (index: Index) => void;
  readonly onFailed: (error: RuntimeError) => void;
}

/** One thing to do to the machine. When it is done, everything up to `through` is applied. */
type Work =
  | { readonly type: 'entries'; entries: readonly LogEntry[]; readonly bytes: number; through: Index }
  | { readonly type: 'range'; from: Index; given: Index; through: Index }
  | { readonly type: 'restore'; readonly snapshot: Snapshot; through: Index }
  | { readonly type: 'call'; readonly call: () => void; through: Index };

export class Applier<Result> {
  readonly #options: ApplierOptions<Result>;
  readonly #queue: Work[] = [];
  #backlogBytes = 0;
  #appliedIndex: Index;
  #isRunning = false;
  #hasStopped = false;
  /**
   * The log gave up entries that wait here, for a snapshot that is installed and perhaps not durable yet: nothing more is
   * applied, nor called applied, before that is restored. A read of what the machine never saw would be a stale one.
   */
  #awaitsRestore = false;
  #restoringTo: Index | undefined;
  #entriesThisTurn = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: ApplierOptions<Result>) {
    this.#options = options;
    this.#appliedIndex = options.appliedIndex;
  }

  /** Everything at or below was applied; visible in the state machine, but for the time of a restore. */
  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  /** The snapshot that the machine is being brought to: what it shows meanwhile is the state of no index. */
  get restoringTo(): Index | undefined {
    return this.#restoringTo;
  }

  /** Committed `normal` entries, following those of the last call. Returns their bytes. */
  apply(entries: readonly LogEntry[]): number {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return 0;
    let bytes = 0;
    for (const entry of entries) bytes += entryBytes(entry);
    const tail = this.#queue.at(-1);
    if (tail?.type === 'range') tail.through = last.index;
    else if (this.#backlogBytes > 0 && this.#backlogBytes + bytes > this.#options.applyBacklogBytesMax) {
      this.#queue.push({ type: 'range', from: first.index, given: 0, through: last.index });
    } else {
      this.#backlogBytes += bytes;
      this.#queue.push({ type: 'entries', entries, bytes, through: last.index });
    }
    this.#run();
    return bytes;
  }

  /** The machine's whole state is replaced, after what waits before it. */
  restore(snapshot: Snapshot): void {
    this.#queue.push({ type: 'restore', snapshot, through: snapshot.index });
    this.#run();
  }

  /** Calls back when everything handed over so far is applied and nothing after it. */
  call(call: () => void): void {
    this.#queue.push({ type: 'call', call, through: this.#queue.at(-1)?.through ?? this.#appliedIndex });
    this.#run();
  }

  /** Everything up to `index` has been handed over; what was not an entry of ours (noop, config) needs no applying. */
  handedOver(index: Index): void {
    if (this.#hasStopped) return; // perhaps in the very step that handed it over: nothing is applied any more
    const tail = this.#queue.at(-1);
    if (tail !== undefined) tail.through = Math.max(tail.through, index);
    else this.#advance(index);
  }

  /** Nothing more is applied. Resolves when a call that is under way has ended. */
  stop(): Promise<void> {
    this.#hasStopped = true;
    this.#queue.length = 0;
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#continue();
  }

  #continue(): void {
    for (;;) {
      const work = this.#queue[0];
      if (work === undefined || this.#hasStopped) break;
      if (work.type === 'restore' && this.#isSuperseded()) {
        this.#skipToLastRestore();
        continue;
      }
      if (work.type === 'range' && work.from < this.#options.log.firstIndex()) this.#awaitsRestore = true;
      if (this.#awaitsRestore && work.type !== 'restore') {
        this.#queue.shift();
        this.#skip(work);
        continue;
      }
      if (this.#entriesThisTurn >= this.#options.applyEntriesMax) {
        this.#entriesThisTurn = 0;
        this.#options.clock.defer(() => this.#continue());
        return;
      }
      const pending = this.#attempt(work);
      if (pending !== undefined) {
        void pending.then(() => this.#continue()); // never rejects: `#attempt` has turned a failure into a stop
        return;
      }
    }
    this.#isRunning = false;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #isSuperseded(): boolean {
    return this.#queue.some((later, at) => at > 0 && later.type === 'restore');
  }

  /** A later snapshot replaces this one and all that follows it; the image of the older may be gone by now. */
  #skipToLastRestore(): void {
    const last = this.#queue.findLastIndex((work) => work.type === 'restore');
    for (const work of this.#queue.splice(0, last)) this.#skip(work);
  }

  /** A snapshot takes the place of this. */
  #skip(work: Work): void {
    if (work.type === 'entries') this.#backlogBytes -= work.bytes;
    else if (work.type === 'call') work.call(); // of the machine as it is
  }

  /** Does a piece of the work. A promise when the machine takes its time. Never throws: it may be a timer that calls. */
  #attempt(work: Work): Promise<void> | undefined {
    let entries: readonly LogEntry[] = [];
    try {
      entries = this.#entriesOf(work);
    } catch (error) {
      this.#stopFor(storageError(error));
      return undefined;
    }
    try {
      const pending = this.#perform(work, entries);
      if (pending === undefined) return undefined;
      return pending.catch((error: unknown) => this.#fail(error, work, entries));
    } catch (error) {
      this.#fail(error, work, entries);
      return undefined;
    }
  }

  #perform(work: Work, entries: readonly LogEntry[]): Promise<void> | undefined {
    const { clock } = this.#options;
    const began = clock.now();
    if (work.type === 'restore') {
      this.#restoringTo = work.snapshot.index;
      return this.#options.restore(work.snapshot).then(() => {
        this.#restoringTo = undefined;
        this.#awaitsRestore = false;
        this.#options.onRestored(work.snapshot.index, clock.now() - began);
        this.#done(work);
      });
    }
    if (work.type === 'call') {
      work.call();
      this.#done(work);
      return undefined;
    }
    this.#entriesThisTurn += entries.length;
    const { stateMachine, interpreter } = this.#options;
    const interpreted = interpreter.interpret(entries);
    const own = interpreted.entries;
    const results = own.length === 0 ? [] : stateMachine.apply(own, interpreted.context);
    if (results instanceof Promise) {
      return results.then((settled) => this.#concluded(work, entries, interpreted, settled));
    }
    this.#concluded(work, entries, interpreted, results);
    return undefined;
  }

  #entriesOf(work: Work): readonly LogEntry[] {
    const { log, applyEntriesMax } = this.#options;
    if (work.type === 'entries') {
      return work.entries.length <= applyEntriesMax ? work.entries : work.entries.slice(0, applyEntriesMax);
    }
    if (work.type !== 'range') return [];
    // Remembered: while the machine takes its time with these, `through` may rise.
    work.given = Math.min(work.through, work.from + applyEntriesMax - 1);
    return log.entries(work.from, work.given).filter((entry) => entry.kind === 'normal');
  }

  #concluded(
    work: Work,
    entries: readonly LogEntry[],
    interpreted: Interpreted,
    results: readonly Result[],
  ): void {
    if (this.#hasStopped) return;
    const given = interpreted.entries.length;
    if (results.length !== given) {
      throw new Error(`apply returned ${results.length} results for ${given} entries`);
    }
    const last = entries.at(-1);
    if (last !== undefined) {
      this.#options.onApplied(entries, this.#options.interpreter.conclude(interpreted, results));
      this.#advance(last.index);
    }
    if (work.type === 'entries' && entries.length < work.entries.length) {
      work.entries = work.entries.slice(entries.length);
      return;
    }
    if (work.type === 'range') {
      work.from = work.given + 1;
      if (work.from <= work.through) return;
    }
    this.#done(work);
  }

  #done(work: Work): void {
    if (this.#hasStopped) return;
    this.#queue.shift();
    if (work.type === 'entries') this.#backlogBytes -= work.bytes;
    this.#advance(work.through);
  }

  #advance(index: Index): void {
    if (this.#awaitsRestore || index <= this.#appliedIndex) return;
    this.#appliedIndex = index;
    this.#options.onAdvanced(index);
  }

  #stopFor(error: RuntimeError): void {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    this.#queue.length = 0;
    this.#options.onFailed(error);
  }

  #fail(error: unknown, work: Work, entries: readonly LogEntry[]): void {
    if (this.#hasStopped) return;
    if (error instanceof RuntimeError) return this.#stopFor(error);
    const first = entries[0]?.index ?? work.through;
    const last = entries.at(-1)?.index ?? work.through;
    const what =
      work.type === 'restore'
        ? `restoring the snapshot at index ${last}`
        : `applying ${describe(first, last)}`;
    this.#stopFor(
      new RuntimeError('STATE_MACHINE', `The state machine failed while ${what}: ${messageOf(error)}.`, {
        detail: { index: first, lastIndex: last },
        cause: error,
      }),
    );
  }
}

function describe(first: Index, last: Index): string {
  return first === last ? `index ${first}` : `indexes ${first} to ${last}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
