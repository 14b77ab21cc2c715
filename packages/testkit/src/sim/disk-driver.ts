// The deferred discipline's driver: starts flushes, lets the simulated disk take its time, and tells the node what is
// durable. Completions may overtake one another and reach the node late; a crash may fall between the disk's
// completion and the node's hearing of it.

import type { Event } from '@waldb/core';
import { SimulatedDiskFailure, type SimulatedLog } from './simulated-log.js';
import type { World } from './world.js';

/** Between two tries on a disk that is stalled or full. */
const RETRY_MS = 20;

/** Milliseconds, once the faults have ended. */
const CALM_LATENCY: readonly [min: number, max: number] = [0, 1];

interface DiskOwner {
  isAlive(): boolean;
  report(event: Event): void;
}

export class DiskDriver {
  readonly #log: SimulatedLog;
  readonly #world: World;
  readonly #owner: DiskOwner;
  #flushedTo = 0;
  #flushes = 0;
  #stalledUntil = 0;
  #reported = 0;
  #hasFailed = false;

  constructor(log: SimulatedLog, world: World, owner: DiskOwner) {
    this.#log = log;
    this.#world = world;
    this.#owner = owner;
    this.#flushedTo = log.durableSeq;
    this.#reported = log.durableSeq;
  }

  stall(ms: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#world.queue.now + ms);
  }

  /** Something may have been staged: starts a flush unless enough are under way. */
  wake(): void {
    const { scenario, random } = this.#world;
    const staged = this.#log.stagedSeq();
    if (this.#hasFailed || staged <= this.#flushedTo || this.#flushes >= scenario.disk.flushesMax) return;
    this.#flushes += 1;
    this.#flushedTo = staged;
    const [min, max] = this.#world.isCalm ? CALM_LATENCY : scenario.disk.latency;
    this.#complete(staged, random.real(min, max));
  }

  #complete(seq: number, delay: number): void {
    const { queue } = this.#world;
    queue.after(delay, () => {
      if (!this.#owner.isAlive()) return;
      const mustWait = queue.now < this.#stalledUntil && !this.#world.isCalm;
      if (mustWait || this.#log.health === 'full') return this.#complete(seq, RETRY_MS);
      this.#flushes -= 1;
      if (this.#log.health === 'failing') return this.#fail();
      this.#log.makeDurable(seq);
      this.#report(seq);
      this.wake();
    });
  }

  #report(seq: number): void {
    const { queue, random, scenario } = this.#world;
    if (scenario.disk.reportDelay === 0) this.#tell(seq);
    else queue.after(random.real(0, scenario.disk.reportDelay), () => this.#tell(seq));
  }

  #tell(seq: number): void {
    if (!this.#owner.isAlive()) return;
    if (seq < this.#reported) this.#world.coverage.hit('durable out of order');
    this.#reported = Math.max(this.#reported, seq);
    this.#owner.report({ type: 'durable', seq });
  }

  #fail(): void {
    this.#hasFailed = true;
    this.#owner.report({ type: 'storageFailed', error: new SimulatedDiskFailure('EIO') });
  }
}
