// A log whose disk the simulator commands: nothing becomes durable but by `sync` or by the simulator's word, and a
// crash keeps the durable prefix, any prefix of what was staged beyond it, and may cut an append between two entries.
//
// What it promises is RaftLog's contract and not a bit more: that is the point of it.

import type { DeferredRaftLog, HardState, Index, LogEntry, Snapshot, Term } from '@waldb/core';
import { entryBytes } from '@waldb/core';
import { LogImage, LogMisuse, type LogOperation, type LogView } from './log-image.js';
import type { SeededRandom } from './seeded-random.js';

/** Thrown out of a log call when the simulator lets the process die inside it. */
export class SimulatedCrash extends Error {
  override readonly name: string = 'SimulatedCrash';
}

/** Thrown out of `sync` when the simulator fails the disk; final, as for every log. */
export class SimulatedDiskFailure extends Error {
  override readonly name: string = 'SimulatedDiskFailure';
  readonly code: string;

  constructor(code: 'EIO' | 'WAL_FULL') {
    super(code === 'EIO' ? 'the disk failed' : 'no space is left on the disk');
    this.code = code;
  }
}

/** Hears of every operation, first when it is staged, later when it has reached stable storage. */
export interface LogObserver {
  staged(operation: LogOperation): void;
  /** Called before `operation` changes the stable image. */
  durable(operation: LogOperation): void;
}

/** What a crash left, and what it took. */
export interface CrashReport {
  /** For the next life to open. */
  readonly stable: LogImage;
  /** Operations that were not durable. */
  readonly stagedCount: number;
  /** Those of them that are gone; of the first, a part may have stayed when `isCut`. */
  readonly lost: readonly LogOperation[];
  readonly isCut: boolean;
}

/** How `sync` behaves: `full` throws WAL_FULL and keeps what is staged; `failing` throws EIO now and for ever. */
export type DiskHealth = 'working' | 'full' | 'failing';

export class SimulatedLog implements DeferredRaftLog {
  /** Everything staged. */
  readonly view: LogView;
  readonly #staged: LogImage;
  readonly #stable: LogImage;
  readonly #observer: LogObserver | undefined;
  /** Staged and not durable, oldest first; `#pending[i]` has seq `#durableSeq + 1 + i`. */
  #pending: LogOperation[] = [];
  #durableSeq = 0;
  #health: DiskHealth = 'working';
  #crashed = false;
  /** Log calls until the process dies inside one; undefined while it is not to. */
  #callsUntilCrash: number | undefined;

  /** Opens what `stable` holds and goes on changing it as operations become durable. */
  constructor(stable: LogImage = new LogImage(), observer?: LogObserver) {
    this.#stable = stable;
    this.#staged = stable.copy();
    this.view = this.#staged;
    this.#observer = observer;
  }

  /** What a crash at this moment is sure to leave. */
  get stable(): LogView {
    return this.#stable;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** Whether the process died inside a log call: nothing it did afterwards may count. */
  get crashed(): boolean {
    return this.#crashed;
  }

  /** What is staged beyond the durable prefix, oldest first. */
  get pending(): readonly LogOperation[] {
    return this.#pending;
  }

  set health(health: DiskHealth) {
    this.#health = health;
  }

  get health(): DiskHealth {
    return this.#health;
  }

  firstIndex(): Index {
    return this.#staged.firstIndex;
  }

  lastIndex(): Index {
    return this.#staged.lastIndex;
  }

  lastTerm(): Term {
    return this.#staged.lastTerm;
  }

  termAt(index: Index): Term | undefined {
    return this.#staged.termAt(index);
  }

  entry(index: Index): LogEntry | undefined {
    return this.#staged.entry(index);
  }

  entries(from: Index, to: Index, maxBytes: number = Number.POSITIVE_INFINITY): LogEntry[] {
    if (from < this.firstIndex() || to > this.lastIndex()) {
      throw new LogMisuse(`entries ${from} to ${to} are not all in the log`);
    }
    const found = this.#staged.slice(from, to);
    let bytes = 0;
    const fitting = found.findIndex((entry, i) => {
      bytes += entryBytes(entry);
      return i > 0 && bytes > maxBytes;
    });
    if (fitting > 0) found.length = fitting;
    return found;
  }

  configIndexBefore(index: Index): Index {
    return this.#staged.configIndexBefore(index);
  }

  hardState(): HardState {
    return this.#staged.hardState;
  }

  snapshotIndex(): Index {
    return this.#staged.snapshot?.index ?? 0;
  }

  snapshot(): Snapshot | undefined {
    return this.#staged.snapshot;
  }

  append(entries: readonly LogEntry[]): void {
    this.#stage({ type: 'append', entries: entries.slice() });
  }

  truncate(from: Index): void {
    this.#stage({ type: 'truncate', from });
  }

  setHardState(state: HardState): void {
    this.#stage({ type: 'hardState', state: { term: state.term, votedFor: state.votedFor } });
  }

  applySnapshot(snapshot: Snapshot): void {
    this.#stage({ type: 'snapshot', snapshot });
  }

  compact(through: Index): void {
    this.#stage({ type: 'compact', through });
  }

  stagedSeq(): number {
    return this.#durableSeq + this.#pending.length;
  }

  sync(): void {
    this.#dieBefore();
    this.#refuseIfUnhealthy();
    this.makeDurable(this.stagedSeq());
    this.#dieAfter();
  }

  flush(): Promise<number> {
    this.sync();
    return Promise.resolve(this.#durableSeq);
  }

  /** The disk has written everything up to `seq`. */
  makeDurable(seq: number): void {
    const count = Math.min(seq, this.stagedSeq()) - this.#durableSeq;
    if (count <= 0) return;
    const operations = this.#pending.splice(0, count);
    this.#durableSeq += count;
    for (const operation of operations) this.#land(operation);
  }

  /** The process dies inside the `calls`-th mutating or syncing call from now: 1 is the next. */
  crashInside(calls: number): void {
    this.#callsUntilCrash = calls;
  }

  /**
   * The process is gone. Keeps some staged prefix beyond what is durable, perhaps with an append cut short.
   */
  crash(random: SeededRandom): CrashReport {
    this.#crashed = true;
    const stagedCount = this.#pending.length;
    const keep = random.chance(0.4) ? 0 : random.between(0, this.#pending.length);
    this.makeDurable(this.#durableSeq + keep);
    const next = this.#pending[0];
    const isCut = next?.type === 'append' && next.entries.length > 1 && random.chance(0.5);
    if (isCut) {
      const cut = random.between(1, next.entries.length - 1);
      this.#land({ type: 'append', entries: next.entries.slice(0, cut) });
    }
    return { stable: this.#stable, stagedCount, lost: this.#pending, isCut };
  }

  #stage(operation: LogOperation): void {
    this.#dieBefore();
    if (this.#health === 'failing') throw new SimulatedDiskFailure('EIO');
    this.#staged.check(operation);
    if (this.#staged.isNoOp(operation)) return;
    this.#observer?.staged(operation);
    this.#staged.apply(operation);
    this.#pending.push(operation);
    this.#dieAfter();
  }

  #land(operation: LogOperation): void {
    this.#observer?.durable(operation);
    this.#stable.apply(operation);
  }

  #refuseIfUnhealthy(): void {
    if (this.#health === 'failing') throw new SimulatedDiskFailure('EIO');
    if (this.#health === 'full' && this.#pending.length > 0) throw new SimulatedDiskFailure('WAL_FULL');
  }

  /** The count falls at each call; the process dies before or after the call's effect, by the count's parity. */
  #dieBefore(): void {
    if (this.#crashed) throw new SimulatedCrash('the process is gone');
    if (this.#callsUntilCrash === undefined) return;
    this.#callsUntilCrash -= 1;
    if (this.#callsUntilCrash === 0) this.#die();
  }

  #dieAfter(): void {
    if (this.#callsUntilCrash === undefined) return;
    this.#callsUntilCrash -= 1;
    if (this.#callsUntilCrash === 0) this.#die();
  }

  #die(): never {
    this.#crashed = true;
    throw new SimulatedCrash('the process died inside a log call');
  }
}
