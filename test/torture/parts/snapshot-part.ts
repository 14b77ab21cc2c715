// One snapshot store in one process after another. What was acknowledged, or was there when the store opened, stays until
// newer ones have taken its place; nothing is there that nobody wrote; nothing is ever damaged.

import { join } from 'node:path';
import { type LaneJudge, runLanes } from '../lane.js';
import { type Counts, count, type Part } from '../part.js';

/** How many the store keeps. */
const RETAIN = 2;

export const snapshotPart: Part = {
  name: 'snapshots',
  about: 'one snapshot store: written to, received into and read, under the same',
  run: (context) =>
    runLanes(context, {
      name: 'snapshots',
      module: join(import.meta.dirname, '../snapshot-program.ts'),
      makeJudge: () => new SnapshotJudge(),
      excused: ['refused SNAPSHOT_IO', 'refused SNAPSHOT_FULL', 'failed SNAPSHOT_IO', 'failed SNAPSHOT_FULL'],
    }),
};

export class SnapshotJudge implements LaneJudge {
  readonly failures: string[] = [];
  readonly counts: Counts = {};
  /** Acknowledged, or shown by a store that had opened. */
  #durable = new Set<number>();
  readonly #begun = new Set<number>();

  hear(line: string): void {
    const [word = '', ...facts] = line.split(' ');
    const index = Number(facts[0]);
    if (word === 'begin') this.#begun.add(index);
    if (word === 'durable') {
      this.#durable.add(index);
      count(this.counts, 'acknowledged snapshots');
    }
    if (word === 'open')
      this.#open((facts[0] ?? '').split(',').flatMap((text) => (text === '' ? [] : [Number(text)])));
    if (word === 'wrong') throw new Error(facts.join(' '));
    if (word === 'refused' || word === 'failed') this.failures.push(line);
  }

  end(): void {} // the next process shows what is left

  #open(found: readonly number[]): void {
    count(this.counts, 'opened');
    const unknown = found.filter((index) => !this.#begun.has(index));
    if (unknown.length > 0) throw new Error(`Nobody wrote the snapshots at ${unknown}; found were ${found}.`);
    for (const index of this.#durable) {
      const newer = found.filter((other) => other > index).length;
      if (!found.includes(index) && newer < RETAIN)
        throw new Error(`The snapshot at ${index} is gone, with ${newer} newer ones; found were ${found}.`);
    }
    this.#durable = new Set(found);
  }
}
