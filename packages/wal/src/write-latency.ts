// Whether the next write may block: only while writes have been quick of late. A thread-pool hop costs a small write
// about a third of its speed (bench/wal, "commits"); a blocked event loop costs everything else whatever the disk takes.

/** Above this a write is never made to block. A quick disk takes a tenth of it. */
const BLOCKING_MS_MAX = 0.5;
/** So is one of more bytes than this: the hop is a small part of it. */
const BLOCKING_BYTES_MAX = 64 * 1024;
/** How much of the observed latency one quick write takes back; a slow one counts in full at once. */
const DECAY = 1 / 8;

export class WriteLatency {
  /** Unknown at first: the first write does not block. */
  #observedMs: number = Number.POSITIVE_INFINITY;

  observe(milliseconds: number): void {
    if (!(milliseconds < this.#observedMs) || this.#observedMs === Number.POSITIVE_INFINITY) {
      this.#observedMs = milliseconds;
    } else {
      this.#observedMs += (milliseconds - this.#observedMs) * DECAY;
    }
  }

  suitsBlocking(bytes: number): boolean {
    return bytes <= BLOCKING_BYTES_MAX && this.#observedMs <= BLOCKING_MS_MAX;
  }
}
