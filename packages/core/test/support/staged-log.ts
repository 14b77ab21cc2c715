// A RaftLog whose disk the test holds in its hands: it counts every sync, fails when told to, and after a crash gives
// back what survived: everything durable, and of the staged calls after that whichever prefix the test chooses.
// It keeps every mutation it was given, so it must never be used where memory matters.

import {
  type HardState,
  type Index,
  type LogEntry,
  MemoryLog,
  type RaftLog,
  type Snapshot,
  type Term,
} from '../../src/index.js';

/** One staged call, as it would be repeated on an empty log. */
export type Mutation =
  | { readonly type: 'append'; readonly entries: readonly LogEntry[] }
  | { readonly type: 'truncate'; readonly from: Index }
  | { readonly type: 'setHardState'; readonly state: HardState }
  | { readonly type: 'applySnapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'compact'; readonly through: Index };

export interface Crash {
  /** Staged calls that reached the disk: from `durableSeq` to `stagedSeq()`. Default: only what is durable. */
  readonly keepSeq?: number;
  /** Of the append that follows `keepSeq`, the entries that reached the disk as well. Default 0. */
  readonly tornEntries?: number;
}

export class StagedLog implements RaftLog {
  /** What the test said of the disk; `sync` says it of everything. */
  durableSeq = 0;
  /** Calls of `sync` since open. */
  syncs = 0;
  /** Thrown by the next `sync`, and by every one after it until it is unset. */
  syncError: unknown;
  /** Thrown by the next `append` before it changes anything, until it is unset. */
  appendError: unknown;
  readonly #before: readonly Mutation[];
  readonly #staged: Mutation[] = [];
  readonly #memory = new MemoryLog();

  /** A log that is opened on what `survivors` left. */
  constructor(survivors: readonly Mutation[] = []) {
    this.#before = survivors;
    for (const mutation of survivors) carryOut(this.#memory, mutation);
  }

  /** Everything staged since open, in order: `mutations[i]` has seq `i + 1`. */
  get mutations(): readonly Mutation[] {
    return this.#staged;
  }

  /** The disk has written everything through `seq`. */
  makeDurable(seq: number = this.stagedSeq()): number {
    if (seq > this.stagedSeq()) throw new Error(`seq ${seq} is not staged yet`);
    this.durableSeq = Math.max(this.durableSeq, seq);
    return seq;
  }

  /** What a new process finds after this one stopped dead. */
  crash(crash: Crash = {}): StagedLog {
    const { keepSeq = this.durableSeq, tornEntries = 0 } = crash;
    if (keepSeq < this.durableSeq || keepSeq > this.stagedSeq())
      throw new Error(
        `no crash leaves ${keepSeq}: durable is ${this.durableSeq}, staged ${this.stagedSeq()}`,
      );
    const kept = [...this.#before, ...this.#staged.slice(0, keepSeq)];
    if (tornEntries === 0) return new StagedLog(kept);
    const torn = this.#staged[keepSeq];
    if (torn?.type !== 'append' || tornEntries >= torn.entries.length)
      throw new Error(`call ${keepSeq + 1} cannot be cut after ${tornEntries} entries`);
    return new StagedLog([...kept, { type: 'append', entries: torn.entries.slice(0, tornEntries) }]);
  }

  firstIndex(): Index {
    return this.#memory.firstIndex();
  }

  lastIndex(): Index {
    return this.#memory.lastIndex();
  }

  lastTerm(): Term {
    return this.#memory.lastTerm();
  }

  termAt(index: Index): Term | undefined {
    return this.#memory.termAt(index);
  }

  entry(index: Index): LogEntry | undefined {
    return this.#memory.entry(index);
  }

  entries(from: Index, to: Index, maxBytes?: number): LogEntry[] {
    return this.#memory.entries(from, to, maxBytes);
  }

  configIndexBefore(index: Index): Index {
    return this.#memory.configIndexBefore(index);
  }

  append(entries: readonly LogEntry[]): void {
    if (this.appendError !== undefined) throw this.appendError;
    this.#stage({ type: 'append', entries: [...entries] });
  }

  truncate(from: Index): void {
    this.#stage({ type: 'truncate', from });
  }

  hardState(): HardState {
    return this.#memory.hardState();
  }

  setHardState(state: HardState): void {
    this.#stage({ type: 'setHardState', state: { term: state.term, votedFor: state.votedFor } });
  }

  snapshotIndex(): Index {
    return this.#memory.snapshotIndex();
  }

  snapshot(): Snapshot | undefined {
    return this.#memory.snapshot();
  }

  applySnapshot(snapshot: Snapshot): void {
    this.#stage({ type: 'applySnapshot', snapshot });
  }

  compact(through: Index): void {
    this.#stage({ type: 'compact', through });
  }

  sync(): void {
    this.syncs += 1;
    if (this.syncError !== undefined) throw this.syncError;
    this.durableSeq = this.stagedSeq();
  }

  stagedSeq(): number {
    return this.#staged.length;
  }

  /** A call that the log takes as "nothing to do" takes no seq, here as in any log. */
  #stage(mutation: Mutation): void {
    const before = this.#memory.stagedSeq();
    carryOut(this.#memory, mutation);
    if (this.#memory.stagedSeq() > before) this.#staged.push(mutation);
  }
}

function carryOut(log: RaftLog, mutation: Mutation): void {
  switch (mutation.type) {
    case 'append':
      return log.append(mutation.entries);
    case 'truncate':
      return log.truncate(mutation.from);
    case 'setHardState':
      return log.setHardState(mutation.state);
    case 'applySnapshot':
      return log.applySnapshot(mutation.snapshot);
    case 'compact':
      return log.compact(mutation.through);
  }
}
