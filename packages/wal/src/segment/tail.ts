// The end of the log: the segment that frames are written to, and what is known to be proven there. It owns the file and
// the marks that prove frames durable (docs/durability.md, "Idle frames"). Which segment is the tail, and what frames
// mean, is the writer's business (log-writer.ts).

import type { IoPlan, IoStep, Vfs, VfsFile } from '@waldb/io';
import { encodeFooter } from '../format/footer.js';
import { FrameEffects } from '../state/frame-effects.js';
import type { LiveSegment } from './live-segment.js';
import { encodeMark, MARK_BYTES, type Mark } from './mark.js';
import { type Batch, type StagedFrame, sealFrame, stagedFrameBytes } from './staging.js';

/** One durable write. */
export type TailWrite = Omit<Extract<IoStep, { type: 'writeDurably' }>, 'type'>;

type PlacedMark = Mark & { readonly file: VfsFile };

export class Tail {
  readonly #vfs: Vfs;
  #segment: LiveSegment | undefined;
  #file: VfsFile | undefined;
  /** Frames up to here are said to be durable by something on disk. */
  #provenSeq: number;
  /** The last frame that carries records. */
  #recordsSeq: number;
  /** The idle frame that is being written by callback. */
  #idle: PlacedMark | undefined;
  /** The file that a write by callback may still go to when its segment is no longer the tail. */
  #busyFile: VfsFile | undefined;

  /** `segment` is undefined in a log that is being created: `moveTo` comes first then. */
  constructor(vfs: Vfs, segment: LiveSegment | undefined, provenSeq: number) {
    this.#vfs = vfs;
    this.#provenSeq = provenSeq;
    this.#recordsSeq = segment?.summary.lastSeq ?? 0;
    if (segment !== undefined) this.#open(segment);
  }

  get segment(): LiveSegment {
    return this.#segment as LiveSegment; // every writer in use has one: `begin` runs before anything else
  }

  /** Whether something on disk says of everything written that it is durable. */
  get isProven(): boolean {
    return this.#provenSeq >= this.#recordsSeq;
  }

  /** Whether an idle frame is in flight: `repeatIdle` comes before any other write. */
  get isIdling(): boolean {
    return this.#idle !== undefined;
  }

  /** A file that must not be used for anything else yet. */
  get busyPath(): string | undefined {
    return this.#busyFile?.path;
  }

  /** Something on disk says that the frames up to `seq` are durable. */
  prove(seq: number): void {
    this.#provenSeq = Math.max(this.#provenSeq, seq);
  }

  /** The first `count` frames of the batch, completed for the end of the tail, where they must be written next: one write. */
  place({ bytes, frames }: Batch, count: number): TailWrite {
    const { summary, seed } = this.segment;
    const start = (frames[0] as StagedFrame).start; // in bounds: count > 0
    const position = summary.endOffset;
    const durableSeq = summary.lastSeq;
    let end = start;
    for (let i = 0; i < count; i++) {
      const frame = frames[i] as StagedFrame; // in bounds: the callers counted
      const offset = position + frame.start - start;
      sealFrame(bytes, frame, { seed, offset, frameSeq: durableSeq + 1 + i, durableSeq });
      end = frame.start + stagedFrameBytes(frame);
    }
    return { file: this.#tailFile, bytes: bytes.subarray(start, end), position };
  }

  /** The frames that were placed are durable and in the summary. Each of them said so of those before them. */
  written(durableSeqBefore: number): void {
    this.prove(durableSeqBefore);
    this.#recordsSeq = this.segment.summary.lastSeq;
  }

  /** Nothing depends on the footer arriving: without it the frames are read at the next open. */
  *writeFooter(): IoPlan {
    const { summary, seed, header } = this.segment;
    const footer = encodeFooter(summary, seed);
    const position = header.segmentBytes - footer.length;
    yield { type: 'writeDurably', file: this.#tailFile, bytes: footer, position };
  }

  /** From now on the tail is `segment`, whose name proves its first frames. */
  moveTo(segment: LiveSegment): void {
    // A descriptor that is closed under a write may be another file's by the time of the write.
    if (this.#file !== this.#busyFile) this.#file?.close();
    this.#open(segment);
    this.#provenSeq = segment.header.publishedSeq;
    this.#recordsSeq = segment.header.publishedSeq;
  }

  /** Leaves proof that everything written is durable, so that the next open need not write anything again. */
  *writeClosed(): IoPlan {
    if (this.isProven) return;
    const { bytes, position, durableSeq } = this.#nextMark('close');
    yield { type: 'writeDurably', file: this.#tailFile, bytes, position };
    this.prove(durableSeq);
  }

  /**
   * The same for a log that goes on. Its place and frame seq are taken at once and for good: whatever is written while
   * this is in flight goes behind it, after `repeatIdle`.
   */
  *writeIdle(): IoPlan {
    const file = this.#tailFile;
    const mark = this.#nextMark('idle');
    // Behind the last records there is room for one mark, and none is needed behind this one.
    this.segment.summary.addFrame(new FrameEffects(), MARK_BYTES);
    this.#idle = { ...mark, file };
    this.#busyFile = file;
    try {
      yield { type: 'writeDurably', file, bytes: mark.bytes, position: mark.position };
      this.prove(mark.durableSeq);
    } finally {
      this.#idle = undefined;
      this.#busyFile = undefined;
      if (file !== this.#file) file.close();
    }
  }

  /**
   * A blocking write cannot wait for the idle frame in flight, and nothing may follow a frame that is not durable: so the
   * same bytes are written to the same place again. Whichever of the two writes comes last changes nothing.
   */
  *repeatIdle(): IoPlan {
    if (this.#idle === undefined) return;
    const { file, bytes, position, durableSeq } = this.#idle;
    yield { type: 'writeDurably', file, bytes, position };
    this.#idle = undefined;
    this.prove(durableSeq);
  }

  close(): void {
    this.#file?.close();
  }

  get #tailFile(): VfsFile {
    return this.#file as VfsFile; // opened with the segment
  }

  #open(segment: LiveSegment): void {
    this.#segment = segment;
    this.#file = this.#vfs.open(segment.path, 'update', { durable: true });
  }

  #nextMark(kind: 'idle' | 'close'): Mark {
    const { summary, seed } = this.segment;
    return encodeMark(kind, { seed, offset: summary.endOffset, durableSeq: summary.lastSeq });
  }
}
