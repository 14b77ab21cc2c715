// Puts batches on disk: the only code that changes a log's files once it is open. It owns the order of operations
// (docs/durability.md); each change is a plan that runs blocking or on the thread pool. It never reads, and what it
// knows of the log's state is only what is durable.

import { join } from 'node:path';
import { type IoPlan, publishFilePlan, type Vfs, type VfsFile } from '@waldb/io';
import { segmentFile, snapshotFile } from '../format/file-name.js';
import { encodeFooter } from '../format/footer.js';
import { frameBytes } from '../format/frame.js';
import type { SegmentHeader } from '../format/segment-header.js';
import { FrameEffects } from '../state/frame-effects.js';
import { isFull, isOutOfSpace } from '../wal-error.js';
import { countFitting } from './count-fitting.js';
import { DurableState } from './durable-state.js';
import { factsAhead } from './facts-ahead.js';
import { countObsolete, emptySummary, type LiveSegment, liveSegment, trimEarlier } from './live-segment.js';
import { encodeMark, MARK_BYTES, type Mark } from './mark.js';
import { MetadataFile } from './metadata-file.js';
import { type FrameContent, newSegmentPlan, outOfSpace, segmentBytesMin } from './new-segment.js';
import { type SpareSegment, SpareSegments } from './spare-segments.js';
import { type Batch, type StagedFrame, type StagedSnapshot, sealFrame, stagedFrameBytes } from './staging.js';
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
  #tailFile: VfsFile | undefined;
  /** Frames up to here are said to be durable by something on disk. */
  #provenSeq: number;
  /** The last frame that carries records. */
  #recordsSeq: number;
  /** Size of the largest segment so far. */
  #largestBytes: number;
  /** The idle frame that is being written by callback, and the file it goes to. */
  #idle: (Mark & { readonly file: VfsFile }) | undefined;
  /** The file that a write by callback may still go to when its segment is no longer the tail. */
  #busyFile: VfsFile | undefined;
  #hasWritten = false;

  constructor(start: WriterStart) {
    this.#vfs = start.vfs;
    this.#directory = start.directory;
    this.#segmentBytes = start.segmentBytes;
    this.#metadata = new MetadataFile(start.metadataFile, start.metadata);
    this.segments = start.segments;
    this.#state = new DurableState(start.state);
    this.#provenSeq = start.provenSeq;
    this.#recordsSeq = start.segments.at(-1)?.summary.lastSeq ?? 0;
    this.#largestBytes = Math.max(0, ...start.segments.map(({ header }) => header.segmentBytes));
    this.#snapshotFiles = new Set(start.snapshotFiles);
    this.#spares = new SpareSegments({
      vfs: start.vfs,
      clock: start.clock,
      directory: start.directory,
      count: start.spareSegments,
      found: start.spareNumbers,
    });
    const tail = this.segments.at(-1);
    if (tail !== undefined) this.#tailFile = this.#openTail(tail);
  }

  get #tail(): LiveSegment {
    return this.segments.at(-1) as LiveSegment; // every writer in use has one: `begin` runs before anything else
  }

  /**
   * Writes a batch and everything that follows from it. On `WAL_FULL` what is left of it stays in the batch. `unwritten`
   * is all that waits to be written, this batch first.
   */
  *write(batch: Batch, unwritten: readonly Batch[]): IoPlan {
    if (this.#idle !== undefined) yield* this.#repeatIdle(this.#idle);
    while (batch.snapshots.length > 0) {
      yield* this.#withRoom(unwritten, () => this.#publishNext(batch));
    }
    while (batch.frames.length > 0) {
      const count = countFitting(this.#tail, batch.frames);
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
    return this.#provenSeq >= this.#recordsSeq;
  }

  /** Leaves proof that everything written is durable, so that the next open need not write anything again. */
  *markClosed(): IoPlan {
    if (this.isProven) return;
    const { bytes, position, durableSeq } = this.#nextMark('close');
    yield { type: 'writeDurably', file: this.#tailFile as VfsFile, bytes, position };
    this.#provenSeq = durableSeq;
  }

  /**
   * The same for a log that goes on. Its place and frame seq are taken at once and for good: whatever is written while
   * this is in flight goes behind it, after `#repeatIdle`.
   */
  *writeIdle(): IoPlan {
    const file = this.#tailFile as VfsFile; // every writer in use has one
    const mark = { ...this.#nextMark('idle'), file };
    // Behind the last records there is room for one mark, and none is needed behind this one.
    this.#tail.summary.addFrame(new FrameEffects(), MARK_BYTES);
    this.#idle = mark;
    this.#busyFile = file;
    try {
      yield { type: 'writeDurably', file, bytes: mark.bytes, position: mark.position };
      this.#provenSeq = Math.max(this.#provenSeq, mark.durableSeq);
    } finally {
      this.#idle = undefined;
      this.#busyFile = undefined;
      if (file !== this.#tailFile) file.close();
    }
  }

  /**
   * A blocking write cannot wait for the idle frame in flight, and nothing may follow a frame that is not durable: so the
   * same bytes are written to the same place again. Whichever of the two writes comes last changes nothing.
   */
  *#repeatIdle({ file, bytes, position, durableSeq }: Mark & { readonly file: VfsFile }): IoPlan {
    yield { type: 'writeDurably', file, bytes, position };
    this.#idle = undefined;
    this.#provenSeq = Math.max(this.#provenSeq, durableSeq);
  }

  #nextMark(kind: 'idle' | 'close'): Mark {
    const { summary, seed } = this.#tail;
    return encodeMark(kind, { seed, offset: summary.endOffset, durableSeq: summary.lastSeq });
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
    this.#tailFile?.close();
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
      lastIndex: this.#tail.summary.lastIndex,
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

  /** One write for all of them: the frames lie in the batch as they will lie in the file. */
  *#writeFrames(batch: Batch, count: number): IoPlan {
    const { summary, seed } = this.#tail;
    const frames = batch.frames.slice(0, count);
    const start = (frames[0] as StagedFrame).start; // in bounds: count > 0
    const position = summary.endOffset;
    const durableSeq = summary.lastSeq;
    let end = start;
    for (const [i, frame] of frames.entries()) {
      const offset = position + frame.start - start;
      sealFrame(batch.bytes, frame, { seed, offset, frameSeq: durableSeq + 1 + i, durableSeq });
      end = frame.start + stagedFrameBytes(frame);
    }
    const bytes = batch.bytes.subarray(start, end);
    yield { type: 'writeDurably', file: this.#tailFile as VfsFile, bytes, position };
    this.#provenSeq = durableSeq;
    for (const frame of frames) this.#applied(frame.effects, stagedFrameBytes(frame));
    this.#recordsSeq = summary.lastSeq;
    batch.frames.splice(0, count);
  }

  #applied(effects: FrameEffects, bytes: number): void {
    this.#tail.summary.addFrame(effects, bytes);
    if (effects.truncateFrom !== undefined || effects.resetTo !== undefined) trimEarlier(this.segments);
    this.#state.apply(effects);
  }

  *#rotate(room: StagedFrame): IoPlan {
    const before = this.#tail;
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
    if (before !== undefined) yield* this.#seal(before);
    // A descriptor that is closed under a write may be another file's by the time of the write.
    if (this.#tailFile !== this.#busyFile) this.#tailFile?.close();
    this.segments.push(liveSegment(this.#directory, header, emptySummary(header)));
    this.#tailFile = this.#openTail(this.#tail);
    for (const { payload, effects } of frames) this.#applied(effects, frameBytes(payload.length));
    this.#largestBytes = Math.max(this.#largestBytes, header.segmentBytes);
    this.#provenSeq = header.publishedSeq;
    this.#recordsSeq = header.publishedSeq;
    yield* this.#writeMetadata();
  }

  /** Nothing depends on the footer arriving: without it the frames are read at the next open. */
  *#seal(segment: LiveSegment): IoPlan {
    const footer = encodeFooter(segment.summary, segment.seed);
    const position = segment.header.segmentBytes - footer.length;
    yield { type: 'writeDurably', file: this.#tailFile as VfsFile, bytes: footer, position };
  }

  /** Removes what the durable state no longer needs. Says whether that was anything. */
  *#settle(): IoPlan<boolean> {
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
      const isFree = path !== this.#busyFile?.path;
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
    const { summary, header } = this.#tail;
    const durableSeq = summary.lastSeq;
    yield* this.#metadata.write({
      firstSegmentId,
      lastSegmentId: header.segmentId,
      compacted: this.#state.compacted,
      snapshot: this.#state.snapshot,
      durableSeq,
    });
    this.#provenSeq = durableSeq;
  }

  #openTail(tail: LiveSegment): VfsFile {
    return this.#vfs.open(tail.path, 'update', { durable: true });
  }
}
