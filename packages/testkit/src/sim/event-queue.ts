// Simulated time: what is to happen, by when, and first come first served among equals. A binary heap.

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class EventQueue {
  /** Milliseconds since the start of the run. */
  now = 0;
  readonly #heap: Scheduled[] = [];
  #order = 0;

  /** When the next thing happens; undefined when nothing is left. */
  get nextAt(): number | undefined {
    return this.#heap[0]?.at;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Runs `run` after `delay` milliseconds. */
  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run);
  }

  /** Runs `run` at a time that is not past. */
  at(at: number, run: () => void): void {
    this.#order += 1;
    this.#heap.push({ at, order: this.#order, run });
    this.#rise(this.#heap.length - 1);
  }

  /** Lets the next thing happen; false when nothing is left. */
  runNext(): boolean {
    const first = this.#heap[0];
    if (first === undefined) return false;
    const last = this.#heap.pop() as Scheduled; // the heap is not empty
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    this.now = first.at;
    first.run();
    return true;
  }

  #rise(start: number): void {
    const heap = this.#heap;
    let at = start;
    const moving = heap[at] as Scheduled; // start is in the heap
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Scheduled; // parent < at
      if (!isBefore(moving, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = moving;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    let at = start;
    const moving = heap[at] as Scheduled; // start is in the heap
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Scheduled)) child += 1;
      const below = heap[child] as Scheduled; // child < length
      if (!isBefore(below, moving)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moving;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
