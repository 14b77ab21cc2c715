// What every log on segments shares, whatever its records mean: one FIFO of staged calls, group commit, poison, closing.
// It knows when something may be written and what is durable; the order of the writes is the writer's
// (segment/log-writer.ts), the meaning of the records its owner's (wal-log.ts, wal.ts).
//
// Group commit without a timer: one write is in flight at a time, and what is staged meanwhile is the next one. A group
// begins to be written when the write before it has ended or, on an idle log, when everything that is ready to run has
// run: callers that were woken together share a write.

import type { Index } from '@waldb/core';
import {
  type IoPlan,
  runBlocking,
  runWithCallbacks,
  type VfsLock,
  writeDurably,
  writeDurablyWithCallback,
} from '@waldb/io';
import type { LogKind } from './format/page.js';
import { IdleProof } from './idle-proof.js';
import { MetricsRecorder, type WalMetrics } from './metrics.js';
import { openForReading, openForWriting } from './open-directory.js';
import type { ResolvedOptions } from './options.js';
import { RecordReader } from './record-reader.js';
import { isGivenUp } from './recovery/beside-writer.js';
import { addUp, type Recovered, type RecoveryReport } from './recovery/recover.js';
import { ColdReader } from './segment/cold-reader.js';
import type { LogWriter } from './segment/log-writer.js';
import { type Batch, Staging } from './segment/staging.js';
import type { TailWrite } from './segment/tail.js';
import type { LogView } from './state/log-view.js';
import { UnwrittenBatches } from './unwritten-batches.js';
import { WalError } from './wal-error.js';
import { type Group, newGroup } from './write-group.js';
import { WriteLatency } from './write-latency.js';

interface Parts {
  readonly directory: string;
  readonly options: ResolvedOptions;
  readonly recovered: Recovered;
  /** Absent in a log that is only read. */
  readonly writer: LogWriter | undefined;
  readonly lock: VfsLock | undefined;
}

export class LogEngine {
  readonly directory: string;
  readonly options: ResolvedOptions;
  readonly recovered: Recovered;
  /** The state with everything that is staged. The owner stages: in `staging` and here. */
  readonly view: LogView;
  readonly staging: Staging;
  /** Reads entries that are durable. */
  readonly cold: ColdReader;
  /** Reads entries wherever they are. */
  readonly records: RecordReader;
  /** What a flush resolves with. */
  flushed: () => number = () => this.#durableSeq;
  /** Called whenever more has become durable. */
  onDurable: () => void = () => {};
  readonly #writer: LogWriter | undefined;
  readonly #lock: VfsLock | undefined;
  readonly #latency = new WriteLatency();
  readonly #idleProof: IdleProof | undefined;
  readonly metrics: MetricsRecorder;
  #durableSeq = 0;
  readonly #unwritten = new UnwrittenBatches();
  #durableThrough: Index;
  /** Whose write is in flight, and who comes next. */
  #writing: Group | undefined;
  #gathering: Group | undefined;
  #poison: WalError | undefined;
  /** The same, as long as no caller has heard of it. */
  #untold: WalError | undefined;
  #closing: Promise<void> | undefined;

  /** Errors: those of `WalLog.open`. */
  static async open(directory: string, options: ResolvedOptions, kind: LogKind): Promise<LogEngine> {
    if (options.readOnly) {
      const recovered = openForReading(directory, options, kind);
      return new LogEngine({ directory, options, recovered, writer: undefined, lock: undefined });
    }
    const opened = await openForWriting(directory, options, kind);
    try {
      return new LogEngine({ directory, options, ...opened });
    } catch (error) {
      // What was read does not add up. Whoever tries again must not find the log locked.
      await opened.writer.stopPreparing();
      opened.writer.close();
      opened.lock.release();
      throw error;
    }
  }

  private constructor({ directory, options, recovered, writer, lock }: Parts) {
    this.directory = directory;
    this.options = options;
    this.recovered = recovered;
    this.metrics = new MetricsRecorder(directory, recovered.metadata.logId);
    this.#writer = writer;
    this.#lock = lock;
    const segments = writer?.segments ?? recovered.segments;
    this.view = writer === undefined ? recovered.proven : addUp(segments, recovered.metadata);
    this.#durableThrough = this.view.lastIndex;
    this.cold = new ColdReader(options.vfs, segments, (id) => isGivenUp(options.vfs, directory, id));
    this.staging = new Staging(options.frameBytesMax);
    this.records = new RecordReader({
      staging: this.staging,
      unwritten: this.#unwritten.batches,
      cold: this.cold,
      durableThrough: () => this.#durableThrough,
    });
    this.#idleProof = writer && this.#makeIdleProof(writer);
  }

  /** Made when the log was created, 16 hex digits: a log that was wiped and made again has another one. */
  get logId(): string {
    return this.recovered.metadata.logId;
  }

  /** What opening found and did. */
  get recovery(): RecoveryReport {
    return this.recovered.report;
  }

  /** The highest staged seq that is durable. */
  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** Entries up to here are on disk as they are in `view`. */
  get durableThrough(): Index {
    return this.#durableThrough;
  }

  summary(cachedBytes: number): WalMetrics {
    const segments = this.#writer?.segments ?? this.recovered.segments;
    return this.metrics.summary({
      segments: segments.length,
      segmentBytes: segments.reduce((sum, { header }) => sum + header.segmentBytes, 0),
      stagedBytes: this.stagedBytes,
      cachedBytes,
    });
  }

  /** Bytes that are staged or being written. */
  get stagedBytes(): number {
    return this.staging.bytes + this.#unwritten.bytes;
  }

  /** Entries from here on differ, from now on, from those on disk or in the batch with the same index. */
  forgetDurableFrom(index: Index): void {
    this.#durableThrough = Math.min(this.#durableThrough, index - 1);
    this.#unwritten.through = Math.min(this.#unwritten.through, index - 1);
  }

  /** Blocks until everything staged is durable. Errors: `WAL_BUSY` while a flush is in flight; `WAL_FULL`; `WAL_POISONED`. */
  sync(): void {
    this.checkWritable();
    if (this.#writing !== undefined || this.#gathering !== undefined) {
      throw new WalError('WAL_BUSY', 'A flush is in flight; only one write can be under way at a time.', {});
    }
    if (!this.#isIdle()) this.#writeBlocking();
  }

  /** Resolves once everything staged at the call is durable, with the seq that is. Errors (rejections): as `sync`, but for `WAL_BUSY`. */
  flush(): Promise<number> {
    try {
      this.checkWritable();
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#gathering !== undefined) return this.#gathering.promise;
    if (this.#writing === undefined) {
      if (this.#isIdle()) return Promise.resolve(this.flushed());
      this.#gathering = newGroup();
      process.nextTick(startGathered, this);
      return this.#gathering.promise;
    }
    if ((this.#unwritten.batches.at(-1)?.seq ?? this.#durableSeq) === this.staging.seq)
      return this.#writing.promise;
    this.#gathering = newGroup();
    return this.#gathering.promise;
  }

  /** Writes what is staged, leaves the mark of a clean close and gives the lock back. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  checkReadable(): void {
    if (this.#poison !== undefined) {
      this.#untold = undefined;
      throw this.#poison;
    }
    if (this.#closing !== undefined) {
      throw new WalError('WAL_CLOSED', `The log in ${this.directory} was closed.`, {});
    }
  }

  checkWritable(): void {
    this.checkReadable();
    if (this.#writer !== undefined) return;
    throw new WalError('WAL_READ_ONLY', `The log in ${this.directory} was opened to be read only.`, {});
  }

  /** Writes for those who gathered, if nobody's write is under way. */
  startGathered(): void {
    const group = this.#gathering;
    if (group === undefined || this.#writing !== undefined || this.#idleProof?.isWriting) return;
    this.#gathering = undefined;
    if (this.#poison !== undefined) {
      this.#untold = undefined;
      group.reject(this.#poison);
      return;
    }
    this.#writing = group;
    const mayBlock = this.options.flushMode === 'adaptive' && this.#latency.suitsBlocking(this.stagedBytes);
    if (mayBlock) this.#writeInline(group);
    else this.#writeDeferred(group);
  }

  #writeInline(group: Group): void {
    let failure: WalError | undefined;
    try {
      this.#writeBlocking();
    } catch (error) {
      failure = error as WalError; // #writeBlocking throws nothing else
    }
    this.#ended(group, failure);
  }

  #writeDeferred(group: Group): void {
    const { vfs, clock } = this.options;
    const began = clock.now();
    const done = (error: unknown): void => {
      if (error === undefined) this.#observe(clock.now() - began, false);
      this.#ended(group, error === undefined ? undefined : this.#failed(error));
    };
    const seq = this.#take();
    const write = this.#tailWrite();
    if (write === undefined) {
      runWithCallbacks(vfs, this.#writePlan(seq)).then(() => done(undefined), done);
      return;
    }
    writeDurablyWithCallback(write.file, write.bytes, write.position, (error) => {
      if (error === undefined) this.#tailWritten(seq);
      done(error);
    });
  }

  #writeBlocking(): void {
    const { vfs, clock } = this.options;
    const began = clock.now();
    try {
      const seq = this.#take();
      const write = this.#tailWrite();
      if (write === undefined) {
        runBlocking(vfs, this.#writePlan(seq));
      } else {
        writeDurably(write.file, write.bytes, write.position);
        this.#tailWritten(seq);
      }
    } catch (error) {
      throw this.#failed(error);
    }
    this.#observe(clock.now() - began, true);
  }

  #observe(milliseconds: number, isBlocking: boolean): void {
    this.#latency.observe(milliseconds);
    this.metrics.synced({
      bytes: this.#unwritten.writtenBytes,
      entries: this.#unwritten.writtenEntries,
      isBlocking,
      milliseconds,
    });
    this.#idleProof?.touched(isBlocking);
  }

  #makeIdleProof(writer: LogWriter): IdleProof {
    const { vfs, clock } = this.options;
    return new IdleProof({
      vfs,
      clock,
      writer,
      isQuiet: () => this.#writing === undefined && this.#gathering === undefined,
      onEnd: (error) => {
        if (error !== undefined) this.#untold = this.#failed(error);
        this.startGathered();
      },
    });
  }

  #ended(group: Group, failure: WalError | undefined): void {
    this.#writing = undefined;
    if (failure === undefined) group.resolve(this.flushed());
    else group.reject(failure);
    // At once, not when those who were just woken have run: their next records make the group after.
    if (this.#gathering !== undefined) this.startGathered();
  }

  async #close(): Promise<void> {
    // Whoever waits for them is told how they ended.
    while (this.#writing !== undefined || this.#gathering !== undefined) {
      await (this.#writing ?? this.#gathering)?.promise.catch(() => {});
    }
    await this.#idleProof?.stop();
    try {
      if (this.#untold !== undefined) throw this.#untold;
      if (this.#writer !== undefined && this.#poison === undefined) await this.#closeCleanly(this.#writer);
    } finally {
      await this.#writer?.stopPreparing();
      this.cold.close();
      this.#writer?.close();
      this.#lock?.release();
    }
  }

  async #closeCleanly(writer: LogWriter): Promise<void> {
    try {
      await runWithCallbacks(this.options.vfs, this.#writePlan(this.#take()));
      await runWithCallbacks(this.options.vfs, writer.markClosed());
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Takes what is staged to be written. The seq that is durable then. */
  #take(): number {
    this.#unwritten.take(this.staging, this.view.lastIndex);
    return this.staging.seq; // calls that had nothing to write are done with those before them
  }

  /** Whether a blocking write is likely to be over soon. */
  get isSyncQuick(): boolean {
    const isFree = this.#writing === undefined && this.#gathering === undefined;
    return isFree && this.#latency.suitsBlocking(this.stagedBytes);
  }

  /** What was taken, where a single write does. */
  #tailWrite(): TailWrite | undefined {
    const { single } = this.#unwritten;
    return single && this.#writer?.tailWrite(single);
  }

  #tailWritten(seq: number): void {
    const batch = this.#unwritten.single as Batch; // it was written
    this.#writer?.tailWritten(batch);
    this.#written(batch);
    this.#allWritten(seq);
  }

  /** Everything that was taken, whatever it takes. */
  *#writePlan(seq: number): IoPlan {
    const writer = this.#writer as LogWriter; // the callers checked that the log is writable
    const { batches } = this.#unwritten;
    for (let batch = batches[0]; batch !== undefined; batch = batches[0]) {
      yield* writer.write(batch, batches);
      this.#written(batch);
    }
    this.#allWritten(seq);
  }

  #written(batch: Batch): void {
    this.#durableSeq = batch.seq;
    this.#unwritten.written(batch);
    this.staging.release(batch);
  }

  #allWritten(seq: number): void {
    this.#durableSeq = seq;
    this.#durableThrough = this.#unwritten.through;
    this.cold.forgetRemoved();
    this.onDurable();
  }

  #isIdle(): boolean {
    if (!this.#unwritten.isEmpty || !this.staging.isEmpty) return false;
    this.#durableSeq = this.staging.seq; // calls that had nothing to write
    return true;
  }

  /** A full disk leaves everything as it was. Any other failure is final: nobody knows what the disk holds now. */
  #failed(error: unknown): WalError {
    if (error instanceof WalError && error.code === 'WAL_FULL') {
      this.metrics.failed(error, true);
      this.cold.forgetRemoved(); // the writer has removed what it could
      return error;
    }
    void this.#writer?.stopPreparing(); // these never fail, and closing waits for them
    void this.#idleProof?.stop();
    if (this.#poison !== undefined) return this.#poison;
    this.#poison = new WalError(
      'WAL_POISONED',
      `Writing the log in ${this.directory} failed, so nothing more is accepted: ${error instanceof Error ? error.message : String(error)}`,
      {},
      { cause: error },
    );
    this.metrics.failed(this.#poison, false);
    return this.#poison;
  }
}

function startGathered(engine: LogEngine): void {
  engine.startGathered();
}
