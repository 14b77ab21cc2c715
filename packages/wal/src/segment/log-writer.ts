// Puts batches on disk: the only code that changes a log's files once it is open. It owns the order of operations
// (docs/durability.md); each change is a plan that runs blocking or on the thread pool. It never reads, and what it
// knows of the log's state is only what is durable.

import { join } from 'node:path';
import { type IoPlan, publishFilePlan, type Vfs } from '@waldb/io';
import { segmentFile, snapshotFile } from '../format/file-name.js';
import { frameBytes } from '../format/frame.js';
import type { SegmentHeader } from '../format/segment-header.js';
import type { FrameEffects } from '../state/frame-effects.js';
import { isFull, isOutOfSpace } from '../wal-error.js';
import { countFitting } from './count-fitting.js';
import { DurableState } from './durable-state.js';
import { factsAhead } from './facts-ahead.js';
import { countObsolete, emptySummary, type LiveSegment, liveSegment, trimEarlier } from './live-segment.js';
import { MetadataFile } from './metadata-file.js';
import { type FrameContent, newSegmentPlan, outOfSpace, segmentBytesMin } from './new-segment.js';
import { type SpareSegment, SpareSegments } from './spare-segments.js';
import { type Batch, type StagedFrame, type StagedSnapshot, stagedFrameBytes } from './staging.js';
import { Tail, type TailWrite } from './tail.js';
import type { WriterStart } from './writer-start.js';

/** The first segment is this small, so that a log is there at once; each next one doubles up to `segmentBytes`. */
const FIRST_SEGMENT_BYTES = 256 * 1024;
/**
 * A segment that has to be filled while a commit waits, because no spare is ready yet, is no larger than this: filling
 * it bounds the stall, its size bounds the number of files (docs/durability.md, "Spare segments").
 */
const UNPREPARED_SEGMENT_BYTES_MAX = 4 * 1024 * 1024;

export class LogWriter {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #metadata: MetadataFile;
  readonly #snapshotFiles: Set<string>;
  /** Snapshots in place whose records are not durable yet: nothing names them, and they are needed. */
  readonly #unnamedFiles = new Set<string>();
  readonly #state: DurableState;
  readonly #spares: SpareSegments;
  readonly segments: LiveSegment[];
  readonly #tail: Tail;
  /** Size of the largest segment so far. */
  #largestBytes: number;
  #hasWritten = false;
  /** Nothing on disk is there that the durable state no longer needs. */
  #isSettled = false;

  constructor(start: WriterStart) {
    this.#vfs = start.vfs;
    this.#directory = start.directory;
    this.#segmentBytes = start.segmentBytes;
    this.#metadata = new MetadataFile(start.metadataFile, start.metadata);
    this.segments = start.segments;
    this.#state = new DurableState(start.state);
    this.#tail = new Tail(start.vfs, start.segments.at(-1), start.provenSeq);
    this.#largestBytes = Math.max(0, ...start.segments.map(({ header }) => header.segmentBytes));
    this.#snapshotFiles = new Set(start.snapshotFiles);
    this.#spares = new SpareSegments({
      vfs: start.vfs,
      clock: start.clock,
      directory: start.directory,
      count: start.spareSegments,
      found: start.spareNumbers,
    });
  }

  /**
   * Writes a batch and everything that follows from it. On `WAL_FULL` what is left of it stays in the batch. `unwritten`
   * is all that waits to be written, this batch first.
   */
  *write(batch: Batch, unwritten: readonly Batch[]): IoPlan {
    yield* this.#tail.repeatIdle();
    while (batch.snapshots.length > 0) {
      yield* this.#withRoom(unwritten, () => this.#publishNext(batch));
    }
    while (batch.frames.length > 0) {
      const count = countFitting(this.#tail.segment, batch.frames);
      const [next] = batch.frames as [StagedFrame]; // the loop's condition
      if (count > 0) yield* this.#writeFrames(batch, count);
      else yield* this.#withRoom(unwritten, () => this.#rotate(next));
    }
    yield* this.#settle();
    // Whoever writes will want another segment one day; whoever only looks will not.
    if (!this.#hasWritten) this.#spares.want(this.#nextSegmentBytes());
    this.#hasWritten = true;
  }

  /**
   * The batch as one write to the tail, if there is nothing else to be done for it: what most batches are, and then no
   * plan is needed (bench/wal, "commit"). `tailWritten` follows as soon as it is durable, and before anything else.
   */
  tailWrite(batch: Batch): TailWrite | undefined {
    const { frames, snapshots } = batch;
    if (!this.#hasWritten || !this.#isSettled || this.#tail.isIdling || snapshots.length > 0)
      return undefined;
    for (const { effects } of frames) if (!effects.onlyAdds) return undefined;
    if (frames.length === 0 || countFitting(this.#tail.segment, frames) < frames.length) return undefined;
    return this.#tail.place(batch, frames.length);
  }

  tailWritten(batch: Batch): void {
    this.#framesWritten(batch, batch.frames.length);
  }

  /**
   * Starts a new tail. `carried` are frames of the old one that nothing proves to be durable: they are written again,
   * and those in the old segment count no more. Their effects are already in the writer's summaries and state when this
   * returns.
   */
  *begin(carried: readonly FrameContent[]): IoPlan {
    const before = this.segments.at(-1);
    const frames = [this.#state.checkpoint(), ...carried];
    // Small again: opening must not wait for a large file, and a log that crashes often must not fill the disk.
    const at = { before, room: undefined };
    const bytes = Math.min(FIRST_SEGMENT_BYTES, this.#segmentBytes);
    try {
      yield* this.#addSegment(frames, { ...at, spare: undefined, bytes });
    } catch (error) {
      if (!isFull(error)) throw error;
      // A spare has its space already. Without one, there may be enough for what has to be written again.
      const spare = this.#spares.take(segmentBytesMin(frames, undefined));
      if (spare === undefined) yield* this.#spares.giveUp();
      yield* this.#addSegment(frames, { ...at, spare, bytes: 0 });
    }
    yield* this.#settle();
  }

  /** Whether something on disk says of everything written that it is durable. */
  get isProven(): boolean {
    return this.#tail.isProven;
  }

  /** Leaves proof that everything written is durable. */
  markClosed(): IoPlan {
    return this.#tail.writeClosed();
  }

  /** The same for a log that goes on; other writes may come in between. */
  writeIdle(): IoPlan {
    return this.#tail.writeIdle();
  }

  /** Removes what no longer belongs here and, where a slot of the metadata is bad, writes it anew. */
  *tidy(options: { readonly hasBadSlot: boolean }): IoPlan {
    if (options.hasBadSlot) yield* this.#writeMetadata();
    yield* this.#settle();
  }

  /** Of the spares that an earlier process has left, keeps what this one has use for. */
  tidySpares(): IoPlan {
    return this.#spares.keepOnly(this.#nextSegmentBytes());
  }

  /** Ends what goes on in the background. Nothing is written afterwards but what the callers ask for. */
  stopPreparing(): Promise<void> {
    return this.#spares.stop();
  }

  /** Removes segments that an earlier process gave up and that a crash has kept. */
  *removeObsolete(names: readonly string[]): IoPlan {
    // The slot that gave them up may be one that never reached the disk: both are written before anything goes.
    yield* this.#writeMetadata();
    yield* this.#writeMetadata();
    for (const name of names) yield { type: 'unlink', path: join(this.#directory, name) };
    yield { type: 'syncDirectory', path: this.#directory };
  }

  close(): void {
    this.#tail.close();
    this.#metadata.close();
  }

  /** Unless making room has done so already. */
  *#publishNext(batch: Batch): IoPlan {
    if (batch.snapshots.length > 0) yield* this.#publishSnapshot(batch, 0);
  }

  *#publishSnapshot(batch: Batch, at: number): IoPlan {
    const { name, bytes } = batch.snapshots[at] as StagedSnapshot; // in bounds: the callers checked
    try {
      yield* publishFilePlan(this.#vfs, join(this.#directory, name), bytes);
    } catch (error) {
      throw isOutOfSpace(error) ? outOfSpace(error, bytes.length) : error;
    }
    this.#unnamedFiles.add(name);
    batch.snapshots.splice(at, 1);
  }

  /** Where there is no space for something, makes what room can be made and tries once more. */
  *#withRoom(unwritten: readonly Batch[], attempt: () => IoPlan): IoPlan {
    try {
      yield* attempt();
      return;
    } catch (error) {
      if (!isFull(error) || !(yield* this.#makeRoom(unwritten))) throw error;
    }
    yield* attempt();
  }

  /** Gives up what is only kept for speed, and what staged compactions no longer need. Says whether that was anything. */
  *#makeRoom(unwritten: readonly Batch[]): IoPlan<boolean> {
    const hadSpares = yield* this.#spares.giveUp();
    const { snapshot, compacted } = factsAhead(unwritten, {
      lastIndex: this.#tail.segment.summary.lastIndex,
      snapshot: this.#state.snapshot,
      needsSnapshot: this.#metadata.current.kind === 'raft',
    });
    const name = snapshot && snapshotFile(snapshot.index, snapshot.term);
    for (const batch of unwritten) {
      const at = batch.snapshots.findIndex((staged) => staged.name === name);
      if (at === -1) continue;
      try {
        yield* this.#publishSnapshot(batch, at);
      } catch (error) {
        if (!isFull(error)) throw error;
        return hadSpares;
      }
    }
    this.#state.advance(snapshot, compacted);
    const hasRemoved = yield* this.#settle();
    return hadSpares || hasRemoved;
  }

  *#writeFrames(batch: Batch, count: number): IoPlan {
    yield { type: 'writeDurably', ...this.#tail.place(batch, count) };
    this.#framesWritten(batch, count);
  }

  #framesWritten({ frames }: Batch, count: number): void {
    const before = this.#tail.segment.summary.lastSeq;
    for (let i = 0; i < count; i++) {
      const frame = frames[i] as StagedFrame; // in bounds: the callers counted
      this.#applied(frame.effects, stagedFrameBytes(frame));
    }
    this.#tail.written(before);
    if (count === frames.length) frames.length = 0;
    else frames.splice(0, count);
  }

  #applied(effects: FrameEffects, bytes: number): void {
    this.#tail.segment.summary.addFrame(effects, bytes);
    if (effects.truncateFrom !== undefined || effects.resetTo !== undefined) trimEarlier(this.segments);
    this.#state.apply(effects);
    if (!effects.onlyAdds) this.#isSettled = false;
  }

  *#rotate(room: StagedFrame): IoPlan {
    const before = this.#tail.segment;
    const frames = [this.#state.checkpoint()];
    const next = this.#nextSegmentBytes();
    const spare = this.#spares.take(segmentBytesMin(frames, room));
    if (spare === undefined) this.#spares.ranDry();
    const bytes = this.#spares.isKept ? Math.min(next, UNPREPARED_SEGMENT_BYTES_MAX) : next;
    yield* this.#addSegment(frames, { before, room, spare, bytes });
    this.#spares.want(this.#nextSegmentBytes());
  }

  /** Twice the largest so far: the small ones that bridge the time until a spare is there do not count. */
  #nextSegmentBytes(): number {
    return Math.min(this.#largestBytes * 2, this.#segmentBytes);
  }

  /**
   * 1. the new segment is complete on disk under its own name  2. the old one gets its footer  3. the metadata names
   * the new one  4. it is used. A crash in between leaves a segment without entries, which the next open adopts.
   */
  *#addSegment(
    frames: readonly FrameContent[],
    at: {
      readonly before: LiveSegment | undefined;
      readonly room: StagedFrame | undefined;
      /** Where its space comes from: this file, or a new one of at least so many bytes. */
      readonly spare: SpareSegment | undefined;
      readonly bytes: number;
    },
  ): IoPlan {
    const { before, room, spare } = at;
    const { logId, kind, firstSegmentId } = this.#metadata.current;
    const firstSeq = (before?.summary.lastSeq ?? 0) + 1;
    const header: SegmentHeader = {
      logId,
      kind,
      segmentId: before === undefined ? firstSegmentId : before.header.segmentId + 1,
      segmentBytes: spare?.bytes ?? Math.max(at.bytes, segmentBytesMin(frames, room)),
      baseIndex: before?.summary.lastIndex ?? 0,
      firstSeq,
      publishedSeq: firstSeq + frames.length - 1,
      salt: this.#vfs.randomBytes(8),
      wasUsed: spare?.wasUsed ?? false,
    };
    const path = join(this.#directory, segmentFile(header.segmentId));
    yield* newSegmentPlan(this.#vfs, path, header, frames, spare);
    if (before !== undefined) yield* this.#tail.writeFooter();
    const segment = liveSegment(this.#directory, header, emptySummary(header));
    this.segments.push(segment);
    this.#tail.moveTo(segment);
    for (const { payload, effects } of frames) this.#applied(effects, frameBytes(payload.length));
    this.#largestBytes = Math.max(this.#largestBytes, header.segmentBytes);
    yield* this.#writeMetadata();
  }

  /** Removes what the durable state no longer needs. Says whether that was anything. */
  *#settle(): IoPlan<boolean> {
    const hasRemoved = yield* this.#removeUnneeded();
    this.#isSettled = true;
    return hasRemoved;
  }

  *#removeUnneeded(): IoPlan<boolean> {
    const obsolete = countObsolete(this.segments, this.#state.compacted.index);
    const snapshot = this.#state.snapshot;
    const keep = snapshot === undefined ? '' : snapshotFile(snapshot.index, snapshot.term);
    // Names rise with their index: what comes behind the newest that is durable still waits for its record.
    for (const name of this.#unnamedFiles) {
      if (name <= keep && this.#unnamedFiles.delete(name)) this.#snapshotFiles.add(name);
    }
    const isSnapshotNamed = snapshot?.index === this.#metadata.current.snapshot?.index;
    const filesNeeded = snapshot === undefined ? 0 : 1;
    if (obsolete === 0 && isSnapshotNamed && this.#snapshotFiles.size === filesNeeded) return false;
    const files = [...this.#snapshotFiles].filter((name) => name !== keep);
    // Both slots are written before anything is removed or used again:
    // 1. write both  2. unlink  3. one slot rots  4. the other one still says that the file is gone for a reason.
    // With one slot written, step 4 would find a segment missing.
    const firstSegmentId = (this.segments[obsolete] as LiveSegment).header.segmentId; // the tail is never obsolete
    yield* this.#writeMetadata(firstSegmentId);
    if (obsolete + files.length > 0) yield* this.#writeMetadata(firstSegmentId);
    for (let i = 0; i < obsolete; i++) {
      const { path, header } = this.segments[0] as LiveSegment; // in bounds: obsolete < length
      // What is still being written to must not be written to again for another purpose.
      const isFree = path !== this.#tail.busyPath;
      const isKept = isFree && (yield* this.#spares.recycle({ path, bytes: header.segmentBytes }));
      if (!isKept) yield { type: 'unlink', path };
      this.segments.shift();
    }
    for (const name of files) {
      yield { type: 'unlink', path: join(this.#directory, name) };
      this.#snapshotFiles.delete(name);
    }
    if (obsolete + files.length > 0) yield { type: 'syncDirectory', path: this.#directory };
    return obsolete + files.length > 0;
  }

  *#writeMetadata(firstSegmentId: number = this.#metadata.current.firstSegmentId): IoPlan {
    const { summary, header } = this.#tail.segment;
    const durableSeq = summary.lastSeq;
    yield* this.#metadata.write({
      firstSegmentId,
      lastSegmentId: header.segmentId,
      compacted: this.#state.compacted,
      snapshot: this.#state.snapshot,
      durableSeq,
    });
    this.#tail.prove(durableSeq);
  }
}
