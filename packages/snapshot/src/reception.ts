// An image that comes from another server, piece by piece, over as many connections as it takes: what was taken once is
// not asked for again. It has no name until `publish`, and never gets one unless every byte of it is the one that was
// announced.

import type { ImageWriter } from './image-writer.js';
import { closed, invalid, SnapshotError } from './snapshot-error.js';
import type { SnapshotInfo, SnapshotPosition } from './snapshot-info.js';

/** What a sender says of an image. */
export interface ExpectedImage {
  readonly bytes: number;
  /** {@link SnapshotInfo.checksum} */
  readonly checksum: string;
}

export interface ReceptionOptions {
  readonly position: SnapshotPosition;
  readonly expected: ExpectedImage;
  readonly writer: ImageWriter;
  /** Gives the finished file its name. */
  readonly publish: (info: SnapshotInfo, mayGoOn: () => void) => Promise<SnapshotInfo>;
  readonly onEnd: () => void;
}

export class Reception {
  readonly position: SnapshotPosition;
  readonly expected: ExpectedImage;
  readonly #options: ReceptionOptions;
  #offset = 0;
  /** Why nothing more is taken; set once. */
  #ended: SnapshotError | undefined;
  /** The disk is at work: one call at a time. */
  #working: Promise<unknown> | undefined;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.position = options.position;
    this.expected = options.expected;
  }

  /** Bytes taken so far: where the stream goes on. */
  get offset(): number {
    return this.#offset;
  }

  get isComplete(): boolean {
    return this.#offset === this.expected.bytes;
  }

  /** Whether it was published, discarded or given up. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Takes the next piece; it is copied. After an error the reception has ended and its file is gone.
   * Errors: `SNAPSHOT_MISMATCH` for more bytes than were announced, `SNAPSHOT_FULL`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`.
   */
  append(piece: Uint8Array): Promise<void> {
    return this.#work(async () => {
      const { bytes } = this.expected;
      if (this.#offset + piece.length > bytes)
        throw mismatch(this.position, `is longer than the ${bytes} bytes that were announced`);
      await this.#options.writer.append(piece);
      this.#offset += piece.length;
    });
  }

  /**
   * Compares the checksum of it all, and gives the snapshot its name; once this resolves it survives a loss of power.
   * After an error the reception has ended, its file is gone and nothing was published.
   * Errors: `SNAPSHOT_MISMATCH`, `SNAPSHOT_STALE`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`; `SNAPSHOT_INVALID`
   * while bytes are missing, which changes nothing.
   */
  async publish(): Promise<SnapshotInfo> {
    if (!this.isComplete)
      throw invalid(`${this.expected.bytes - this.#offset} bytes of the image are still missing.`, {
        index: this.position.index,
      });
    return this.#work(async () => {
      const { writer, publish } = this.#options;
      const trailer = await writer.finish();
      if (trailer.checksum !== this.expected.checksum)
        throw mismatch(
          this.position,
          `has the checksum ${trailer.checksum}; ${this.expected.checksum} was announced`,
        );
      const info = await publish({ ...this.position, ...trailer }, () => this.#checkOpen());
      this.#end(new SnapshotError('SNAPSHOT_INVALID', 'This snapshot has been published.'));
      return info;
    });
  }

  /** Gives up what was taken, after the work that is under way. Idempotent; harmless once published. Never rejects. */
  async discard(reason: SnapshotError = closed()): Promise<void> {
    const hadEnded = this.hasEnded;
    this.#ended ??= reason;
    await this.#working?.catch(() => {}); // its own caller hears of it
    if (!hadEnded) await this.#giveUp();
  }

  async #work<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#checkOpen();
    if (this.#working !== undefined) throw invalid('A reception does one thing at a time.', {});
    const working = work();
    this.#working = working;
    try {
      return await working;
    } catch (error) {
      if (this.#ended === undefined) {
        this.#ended = error instanceof SnapshotError ? error : closed();
        await this.#giveUp();
      }
      throw error;
    } finally {
      this.#working = undefined;
    }
  }

  async #giveUp(): Promise<void> {
    await this.#options.writer.discard();
    this.#options.onEnd();
  }

  #end(reason: SnapshotError): void {
    this.#ended = reason;
    this.#options.onEnd();
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }
}

function mismatch({ index, term }: SnapshotPosition, why: string): SnapshotError {
  return new SnapshotError('SNAPSHOT_MISMATCH', `The image at index ${index} ${why}.`, { index, term });
}
