// Notices a disk that takes work and does not finish it, by the same rule by which a leader then steps down
// (docs/protocol.md, section 2): for so many ticks, nothing that was staged has become durable.

export class StallWatch {
  readonly #ticksMax: number;
  #ticks = 0;
  #durableSeq = 0;

  constructor(ticksMax: number) {
    this.#ticksMax = ticksMax;
  }

  get isStalled(): boolean {
    return this.#ticks >= this.#ticksMax;
  }

  /** Called at every tick. Returns whether the disk counts as stalled from now on: once for each stall. */
  tick(stagedSeq: number, durableSeq: number): boolean {
    if (durableSeq >= stagedSeq || durableSeq > this.#durableSeq) this.#ticks = 0;
    else this.#ticks += 1;
    this.#durableSeq = durableSeq;
    return this.#ticks === this.#ticksMax;
  }
}
