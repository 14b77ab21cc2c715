// When a server saves its state machine by itself, and how much of the log it keeps below. By entries (the protocol counts
// those) and by bytes (counted here), whichever comes first. What is kept is for followers that are a little behind; one
// that is further behind, or gone, gets the snapshot and holds up nothing.

export interface CompactionOptions {
  /** Applied bytes after which a snapshot is due; 0 never asks. */
  readonly snapshotThresholdBytes: number;
  readonly snapshotKeepEntries: number;
  readonly snapshotKeepBytes: number;
}

export class CompactionPolicy {
  readonly #options: CompactionOptions;
  #entries = 0;
  #bytes = 0;
  #dueAtBytes: number;

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#dueAtBytes = options.snapshotThresholdBytes;
  }

  /**
   * Committed entries were handed to the state machine. Returns whether a snapshot is due: once for each threshold's
   * worth of bytes, so that one which fails is tried again, and not at every entry.
   */
  applied(entries: number, bytes: number): boolean {
    this.#entries += entries;
    this.#bytes += bytes;
    const { snapshotThresholdBytes } = this.#options;
    if (snapshotThresholdBytes === 0 || this.#bytes < this.#dueAtBytes) return false;
    this.#dueAtBytes = this.#bytes + snapshotThresholdBytes;
    return true;
  }

  /** Entries to keep below the snapshot that is saved now: as many as their average size allows. Counting begins anew. */
  takeKeepEntries(): number {
    const { snapshotKeepEntries, snapshotKeepBytes, snapshotThresholdBytes } = this.#options;
    const averageBytes = this.#entries === 0 ? 0 : this.#bytes / this.#entries;
    this.#entries = 0;
    this.#bytes = 0;
    this.#dueAtBytes = snapshotThresholdBytes;
    return averageBytes === 0
      ? snapshotKeepEntries
      : Math.min(snapshotKeepEntries, Math.floor(snapshotKeepBytes / averageBytes));
  }
}
