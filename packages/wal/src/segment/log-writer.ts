// Puts batches on disk: the only code that changes a log's files once it is open. It owns the order of operations
// (docs/durability.md); each change is a plan that runs blocking or on the thread pool. It never reads, and what it
// knows of the log's state is only what is durable.

import { join } from 'node:path';
import type { HardState } from '@waldb/core';
import { type IoPlan, publishFilePlan, type Vfs, type VfsFile } from '@waldb/io';
import { segmentFile, snapshotFile } from '../format/file-name.js';
import { encodeFooter, footerBytesMax } from '../format/footer.js';
import { FRAME_HEADER_BYTES, frameBytes, writeFrameHeader } from '../format/frame.js';
import { encodeMetadata, type Metadata, metadataSlotOffset } from '../format/metadata.js';
import { encodeStateRecord, type SnapshotRef, type StateRecord } from '../format/record.js';
import type { SegmentHeader } from '../format/segment-header.js';
import { FrameEffects, type LogPosition } from '../state/frame-effects.js';
import { isOutOfSpace } from '../wal-error.js';
import { emptySummary, type LiveSegment, liveSegment, trimEarlier } from './live-segment.js';
import { type FrameContent, newSegmentPlan, outOfSpace, segmentBytesFor } from './new-segment.js';
import { type Batch, type StagedFrame, sealFrame, stagedFrameBytes } from './staging.js';

/** The first segment is this small, so that a log is there at once; each next one doubles up to `segmentBytes`. */
const FIRST_SEGMENT_BYTES = 256 * 1024;

/** What a crash would leave, apart from the entries. */
export interface DurableState {
  hardState: HardState;
  snapshot: SnapshotRef | undefined;
  compacted: LogPosition;
}

export interface WriterStart {
  readonly vfs: Vfs;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly metadata: Metadata;
  readonly metadataFile: VfsFile;
  /** Oldest first; empty for a log that is being created. The last one is the tail. */
  readonly segments: LiveSegment[];
  readonly state: DurableState;
  /** The highest frame seq that what is on disk proves to be durable. */
  readonly provenSeq: number;
  /** Names of the snapshot files in the directory. */
  readonly snapshotFiles: readonly string[];
}

export class LogWriter {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #metadataFile: VfsFile;
  readonly #snapshotFiles: Set<string>;
  readonly #state: DurableState;
  readonly segments: LiveSegment[];
  #metadata: Metadata;
  #tailFile: VfsFile | undefined;
  #provenSeq: number;

  constructor(start: WriterStart) {
    this.#vfs = start.vfs;
    this.#directory = start.directory;
    this.#segmentBytes = start.segmentBytes;
    this.#metadata = start.metadata;
    this.#metadataFile = start.metadataFile;
    this.segments = start.segments;
    this.#state = start.state;
    this.#provenSeq = start.provenSeq;
    this.#snapshotFiles = new Set(start.snapshotFiles);
    const tail = this.segments.at(-1);
    if (tail !== undefined) this.#tailFile = this.#openTail(tail);
  }

  get #tail(): LiveSegment {
    return this.segments.at(-1) as LiveSegment; // every writer in use has one: `begin` runs before anything else
  }

  /** Writes a batch and everything that follows from it. On `WAL_FULL` what is left of it stays in the batch. */
  *write(batch: Batch): IoPlan {
    while (batch.snapshots.length > 0) yield* this.#publishSnapshot(batch);
    while (batch.frames.length > 0) {
      const count = this.#countThatFits(batch.frames);
      if (count > 0) yield* this.#writeFrames(batch, count);
      else yield* this.#rotate(batch.frames[0] as StagedFrame); // in bounds: the loop's condition
    }
    yield* this.#settle();
  }

  /**
   * Starts a new tail. `carried` are frames of the old one that nothing proves to be durable: they are written again,
   * and those in the old segment count no more. Their effects are already in the writer's summaries and state when this
   * returns.
   */
  *begin(carried: readonly FrameContent[]): IoPlan {
    const before = this.segments.at(-1);
    const lastSeq = before?.summary.lastSeq ?? 0;
    const frames = [this.#checkpoint(), ...carried];
    // Small again: opening must not wait for a large file, and a log that crashes often must not fill the disk.
    yield* this.#addSegment(frames, {
      seq: lastSeq + 1,
      before,
      room: undefined,
      bytes: FIRST_SEGMENT_BYTES,
    });
    yield* this.#settle();
  }

  /** Leaves proof that everything written is durable, so that the next open need not write anything again. */
  *markClosed(): IoPlan {
    const { summary, seed } = this.#tail;
    if (this.#provenSeq >= summary.lastSeq) return;
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    const offset = summary.endOffset;
    const seqs = { frameSeq: summary.lastSeq + 1, durableSeq: summary.lastSeq };
    writeFrameHeader(bytes, 0, { ...EMPTY_FRAME, kind: 'close', ...seqs }, { seed, offset });
    yield { type: 'writeDurably', file: this.#tailFile as VfsFile, bytes, position: offset };
    this.#provenSeq = summary.lastSeq;
  }

  /** Removes what no longer belongs here and, where a slot of the metadata is bad, writes it anew. */
  *tidy(options: { readonly hasBadSlot: boolean }): IoPlan {
    if (options.hasBadSlot) yield* this.#writeMetadata();
    yield* this.#settle();
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
    this.#metadataFile.close();
  }

  *#publishSnapshot(batch: Batch): IoPlan {
    const { name, bytes } = batch.snapshots[0] as Batch['snapshots'][number]; // in bounds: the caller checked
    try {
      yield* publishFilePlan(this.#vfs, join(this.#directory, name), bytes);
    } catch (error) {
      throw isOutOfSpace(error) ? outOfSpace(error, bytes.length) : error;
    }
    this.#snapshotFiles.add(name);
    batch.snapshots.shift();
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
    batch.frames.splice(0, count);
  }

  #applied(effects: FrameEffects, bytes: number): void {
    this.#tail.summary.addFrame(effects, bytes);
    if (effects.truncateFrom !== undefined || effects.resetTo !== undefined) trimEarlier(this.segments);
    this.#state.hardState = effects.hardState ?? this.#state.hardState;
    this.#state.snapshot = effects.snapshot ?? this.#state.snapshot;
    for (const position of [effects.resetTo, effects.compacted]) {
      if (position !== undefined && position.index > this.#state.compacted.index)
        this.#state.compacted = position;
    }
  }

  #countThatFits(frames: readonly StagedFrame[]): number {
    const { summary, header } = this.#tail;
    const counts = {
      stretches: summary.stretches.length,
      termRuns: summary.termRuns.length,
      configs: summary.configIndexes.length,
    };
    let end = summary.endOffset;
    let count = 0;
    for (const frame of frames) {
      end += stagedFrameBytes(frame);
      counts.stretches += 1;
      counts.termRuns += frame.effects.termRuns.length;
      counts.configs += frame.effects.configIndexes.length;
      // Behind the last frame there is always room for the mark of a clean close, and for the footer.
      if (end + FRAME_HEADER_BYTES + footerBytesMax(counts) > header.segmentBytes) break;
      count += 1;
    }
    return count;
  }

  *#rotate(room: StagedFrame): IoPlan {
    const before = this.#tail;
    const bytes = before.header.segmentBytes * 2;
    yield* this.#addSegment([this.#checkpoint()], { seq: before.summary.lastSeq + 1, before, room, bytes });
  }

  /**
   * 1. the new segment is complete on disk under its own name  2. the old one gets its footer  3. the metadata names
   * the new one  4. it is used. A crash in between leaves a segment without entries, which the next open adopts.
   */
  *#addSegment(
    frames: readonly FrameContent[],
    at: {
      readonly seq: number;
      readonly before: LiveSegment | undefined;
      readonly room: StagedFrame | undefined;
      readonly bytes: number;
    },
  ): IoPlan {
    const { before, room } = at;
    const header: SegmentHeader = {
      logId: this.#metadata.logId,
      kind: this.#metadata.kind,
      segmentId: before === undefined ? this.#metadata.firstSegmentId : before.header.segmentId + 1,
      segmentBytes: segmentBytesFor(frames, {
        bytesWanted: Math.min(at.bytes, this.#segmentBytes),
        room: room?.effects,
        roomBytes: room === undefined ? 0 : stagedFrameBytes(room),
      }),
      baseIndex: before?.summary.lastIndex ?? 0,
      firstSeq: at.seq,
      publishedSeq: at.seq + frames.length - 1,
      salt: this.#vfs.randomBytes(8),
    };
    const path = join(this.#directory, segmentFile(header.segmentId));
    yield* newSegmentPlan(this.#vfs, path, header, frames);
    if (before !== undefined) yield* this.#seal(before);
    this.#tailFile?.close();
    this.segments.push(liveSegment(this.#directory, header, emptySummary(header)));
    this.#tailFile = this.#openTail(this.#tail);
    for (const { payload, effects } of frames) this.#applied(effects, frameBytes(payload.length));
    this.#provenSeq = header.publishedSeq;
    yield* this.#writeMetadata();
  }

  /** Nothing depends on the footer arriving: without it the frames are read at the next open. */
  *#seal(segment: LiveSegment): IoPlan {
    const footer = encodeFooter(segment.summary, segment.seed);
    const position = segment.header.segmentBytes - footer.length;
    yield { type: 'writeDurably', file: this.#tailFile as VfsFile, bytes: footer, position };
  }

  /** The first frame of every segment: with it, no earlier segment is needed to know the vote. */
  #checkpoint(): FrameContent {
    const { hardState, snapshot, compacted } = this.#state;
    const records: StateRecord[] = [{ type: 'hardState', state: hardState }];
    if (snapshot !== undefined) records.push({ type: 'snapshot', snapshot, resets: false });
    if (compacted.index > 0) records.push({ type: 'compact', ...compacted });
    const effects = new FrameEffects();
    for (const record of records) effects.addState(record);
    return { payload: concatenate(records.map(encodeStateRecord)), effects };
  }

  /** Removes what the durable state no longer needs. */
  *#settle(): IoPlan {
    const obsolete = this.#countObsolete();
    const snapshot = this.#state.snapshot;
    const isSnapshotNamed = snapshot?.index === this.#metadata.snapshot?.index;
    const filesNeeded = snapshot === undefined ? 0 : 1;
    if (obsolete === 0 && isSnapshotNamed && this.#snapshotFiles.size === filesNeeded) return;
    const keep = snapshot === undefined ? undefined : snapshotFile(snapshot.index, snapshot.term);
    const files = [...this.#snapshotFiles].filter((name) => name !== keep);
    // Both slots are written before anything is removed:
    // 1. write both  2. unlink  3. one slot rots  4. the other one still says that the file is gone for a reason.
    // With one slot written, step 4 would find a segment missing.
    const firstSegmentId = (this.segments[obsolete] as LiveSegment).header.segmentId; // the tail is never obsolete
    yield* this.#writeMetadata(firstSegmentId);
    if (obsolete > 0) yield* this.#writeMetadata(firstSegmentId);
    for (let i = 0; i < obsolete; i++) {
      yield { type: 'unlink', path: (this.segments[0] as LiveSegment).path }; // in bounds: obsolete < length
      this.segments.shift();
    }
    for (const name of files) {
      yield { type: 'unlink', path: join(this.#directory, name) };
      this.#snapshotFiles.delete(name);
    }
    if (obsolete + files.length > 0) yield { type: 'syncDirectory', path: this.#directory };
  }

  /** How many of the oldest segments hold nothing but compacted entries. */
  #countObsolete(): number {
    const through = this.#state.compacted.index;
    const needed = this.segments.findIndex(
      (segment, i) =>
        i === this.segments.length - 1 || (segment.summary.stretches.at(-1)?.last ?? 0) > through,
    );
    return Math.max(0, needed);
  }

  *#writeMetadata(firstSegmentId: number = this.#metadata.firstSegmentId): IoPlan {
    const { summary, header } = this.#tail;
    const metadata: Metadata = {
      logId: this.#metadata.logId,
      kind: this.#metadata.kind,
      generation: this.#metadata.generation + 1,
      firstSegmentId,
      lastSegmentId: header.segmentId,
      compacted: this.#state.compacted,
      snapshot: this.#state.snapshot,
      durableSeq: summary.lastSeq,
    };
    const position = metadataSlotOffset(metadata.generation);
    yield { type: 'writeDurably', file: this.#metadataFile, bytes: encodeMetadata(metadata), position };
    this.#metadata = metadata;
    this.#provenSeq = summary.lastSeq;
  }

  #openTail(tail: LiveSegment): VfsFile {
    return this.#vfs.open(tail.path, 'update', { durable: true });
  }
}

const EMPTY_FRAME = {
  payloadCrc: 0,
  payloadBytes: 0,
  recordCount: 0,
  entryCount: 0,
  firstIndex: 0,
  lastTerm: 0,
} as const;

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
