// What happened in a run: every kind of event, fault and rare situation that a run is meant to reach. A run that
// injects nothing, or a situation that no seed reaches any more, must be seen in the summary and not be taken for
// success.

export const SITUATIONS = [
  // What the cluster did.
  'steps',
  'messages delivered',
  'elections started',
  'elections won',
  'leaders deposed',
  'proposals',
  'proposals acknowledged',
  'proposals refused',
  'entries committed',
  'snapshots taken',
  'snapshots installed',
  'snapshots refused or failed',
  'configurations committed',
  'joint configurations',
  'membership requests refused',
  'servers added',
  'learners added',
  'learners promoted',
  'servers removed',
  'whole memberships changed',
  'joint configurations left on request',
  'transfers asked',
  'transfers refused',
  'transfers begun',
  'transfers completed',
  'transfers failed',
  'reads asked',
  'reads answered',
  'reads failed',
  'follower reads answered',
  'lease reads answered at once',
  // What was done to it.
  'messages lost',
  'messages duplicated',
  'messages overtaken',
  'messages cut off',
  'latency spikes',
  'old messages said again',
  'partitions',
  'isolated leaders',
  'bridges',
  'one-way cuts',
  'cut pairs',
  'flapping links',
  'crashes',
  'crashes inside a log call',
  'crashes between two actions',
  'power failures of all',
  'leader cut off, all others restarted',
  'restarts',
  'pauses',
  'disk stalls',
  'disks full',
  'storage failures',
  'unreachable reports',
  'spurious snapshot reports',
  'servers told of their removal',
  'durable out of order',
  // Rare situations.
  'lost undurable suffix',
  'lost staged vote',
  'append cut in two by a crash',
  'staged beyond durable survived a crash',
  'conflicting suffix truncated',
  'truncated with an append in flight',
  'configuration reverted by truncation',
  'snapshot replaced a conflicting log',
  'snapshot in flight across a term',
  'leader crashed in a joint configuration',
  'leader removed itself',
  'transfer during a partition',
  'read while leadership changed',
  'two leaders at once',
  'committed by others before the leader was durable',
  'stalled leader stepped down',
  'learner voted',
  'removed server campaigned',
  'seven or more terms',
  'follower far behind caught up by snapshot',
  'log fully compacted',
] as const;

export type Situation = (typeof SITUATIONS)[number];

const PLACES: ReadonlyMap<Situation, number> = new Map(
  SITUATIONS.map((situation, place) => [situation, place]),
);

export class Coverage {
  /** How often, by place in SITUATIONS. */
  readonly counts: Float64Array = new Float64Array(SITUATIONS.length);
  /** In how many runs at least once, by place in SITUATIONS. */
  readonly runs: Float64Array = new Float64Array(SITUATIONS.length);
  runCount = 0;

  hit(situation: Situation, times = 1): void {
    const place = PLACES.get(situation) as number; // PLACES holds every Situation
    this.counts[place] = (this.counts[place] ?? 0) + times;
  }

  count(situation: Situation): number {
    return this.counts[PLACES.get(situation) as number] ?? 0; // PLACES holds every Situation
  }

  /** Takes in what a batch of runs has counted. */
  addBatch(batch: {
    readonly count: number;
    readonly counts: readonly number[];
    readonly runs: readonly number[];
  }): void {
    this.runCount += batch.count;
    for (let place = 0; place < SITUATIONS.length; place++) {
      this.counts[place] = (this.counts[place] ?? 0) + (batch.counts[place] ?? 0);
      this.runs[place] = (this.runs[place] ?? 0) + (batch.runs[place] ?? 0);
    }
  }

  /** In which share of the runs, from 0 to 1. */
  share(situation: Situation): number {
    return (this.runs[PLACES.get(situation) as number] ?? 0) / Math.max(1, this.runCount); // PLACES holds every Situation
  }

  /** Takes one finished run's counts in. */
  addRun(run: { readonly counts: ArrayLike<number> }): void {
    this.runCount += 1;
    for (let place = 0; place < SITUATIONS.length; place++) {
      const count = run.counts[place] ?? 0;
      this.counts[place] = (this.counts[place] ?? 0) + count;
      if (count > 0) this.runs[place] = (this.runs[place] ?? 0) + 1;
    }
  }

  /** One line for each situation: how often, and in which share of the runs. */
  table(): string {
    const width = Math.max(...SITUATIONS.map((situation) => situation.length));
    return SITUATIONS.map((situation, place) => {
      const share = (100 * (this.runs[place] ?? 0)) / Math.max(1, this.runCount);
      const count = String(this.counts[place] ?? 0).padStart(12);
      return `  ${situation.padEnd(width)} ${count}  in ${share.toFixed(1).padStart(5)} % of the runs`;
    }).join('\n');
  }
}
