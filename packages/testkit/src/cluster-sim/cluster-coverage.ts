// What happened in runs of whole servers: every kind of fault, request and rare event that a run is meant to have. A run
// that injects nothing, or a kind that no seed reaches any more, must be seen in the summary and not be taken for success.

export const NETWORK_FAULTS = [
  'server isolated',
  'leader isolated',
  'partition',
  'bridge',
  'one-way cut',
  'pair cut',
  'slow link',
  'connections broken',
  'half-open connections',
  'connection stalled',
] as const;

export const MACHINE_FAULTS = [
  'kill',
  'power loss',
  'power loss of all',
  'kill in an I/O operation',
  'power loss in an I/O operation',
  'pause',
  'leader paused',
  'clock rate changed',
  'date jumped',
] as const;

export const DISK_FAULTS = [
  'disk slowed down',
  'disk stalled',
  'write error',
  'lost sync',
  'short write',
  'read error',
  'short read',
  'disk full',
  'bit rot',
  'misdirected write',
] as const;

/** Faults that came later: the schedule has them behind all others, which stay as they were drawn (cluster-scenario.ts). */
export const LATER_FAULTS = ['rot of a proven frame', 'disk lost'] as const;

export const OPERATOR_ACTIONS = [
  'server added',
  'server removed',
  'learner added',
  'learner promoted',
  'membership changed',
  'leadership transferred',
  'snapshot asked',
  'restart',
  'rolling restart',
] as const;

/** Only where there are later releases to upgrade to. */
export const UPGRADE_ACTIONS = ['rolling upgrade', 'rollback'] as const;

/** Requests of the operator that came later: they, too, stand behind all others. */
export const LATER_ACTIONS = ['voter demoted', 'learner awaited', 'address changed', 'backup taken'] as const;

/** Begun by the schedule, and not by a client of its own accord. */
export const CLIENT_ACTIONS = ['session walked'] as const;

/** What comes of upgrades and rollbacks. */
export const UPGRADE_EVENTS = [
  'servers upgraded',
  'upgrades left half done',
  'rollbacks done',
  'rollbacks refused',
] as const;

export const EVENTS = [
  'starts',
  'starts refused',
  'servers failed',
  'servers replaced',
  'servers retired',
  'elections won',
  'steps',
  'entries applied',
  'snapshots taken',
  'snapshots received',
  'snapshots restored',
  'proposals done',
  'proposals refused',
  'proposals unknown',
  'session proposals',
  'session retries',
  'sessions kept',
  'sessions closed',
  'reads done',
  'reads failed',
  'lease reads',
  'eventual reads',
  'requests aborted',
  'troubles',
  'disk errors struck',
  'new logs refused',
] as const;

/** No seed draws these: they belong to runs that are asked for a disaster. */
export const DISASTER_EVENTS = ['majorities lost', 'recoveries interrupted'] as const;

export type ClusterFault =
  | (typeof NETWORK_FAULTS)[number]
  | (typeof MACHINE_FAULTS)[number]
  | (typeof DISK_FAULTS)[number]
  | (typeof LATER_FAULTS)[number];
export type OperatorAction =
  | (typeof OPERATOR_ACTIONS)[number]
  | (typeof LATER_ACTIONS)[number]
  | (typeof UPGRADE_ACTIONS)[number];
export type ClientAction = (typeof CLIENT_ACTIONS)[number];
export type ClusterEvent =
  | ClusterFault
  | OperatorAction
  | ClientAction
  | (typeof EVENTS)[number]
  | (typeof UPGRADE_EVENTS)[number]
  | (typeof DISASTER_EVENTS)[number];

/** What seeds draw, or what comes of it. */
export const CLUSTER_EVENTS: readonly ClusterEvent[] = [
  ...EVENTS,
  ...OPERATOR_ACTIONS,
  ...LATER_ACTIONS,
  ...CLIENT_ACTIONS,
  ...NETWORK_FAULTS,
  ...MACHINE_FAULTS,
  ...DISK_FAULTS,
  ...LATER_FAULTS,
];

/** What happens only in runs that were given more than a seed. */
export const UPGRADES: readonly ClusterEvent[] = [...UPGRADE_ACTIONS, ...UPGRADE_EVENTS];
const RARE_EVENTS: readonly ClusterEvent[] = [...UPGRADES, ...DISASTER_EVENTS];

/** Plain data, so that it can pass between processes. */
export interface ClusterCounts {
  readonly runs: number;
  readonly events: number;
  readonly simulatedMs: number;
  /** How often, and in how many of the runs at least once. */
  readonly times: Readonly<Partial<Record<ClusterEvent, number>>>;
  readonly inRuns: Readonly<Partial<Record<ClusterEvent, number>>>;
}

export class ClusterCoverage {
  readonly #times = new Map<ClusterEvent, number>();

  hit(event: ClusterEvent, times = 1): void {
    this.#times.set(event, this.count(event) + times);
  }

  count(event: ClusterEvent): number {
    return this.#times.get(event) ?? 0;
  }

  /** As the counts of one run. */
  counts(run: { readonly events: number; readonly simulatedMs: number }): ClusterCounts {
    const inRuns = [...this.#times.keys()].map((event) => [event, 1]);
    return {
      runs: 1,
      ...run,
      times: Object.fromEntries(this.#times),
      inRuns: Object.fromEntries(inRuns),
    };
  }
}

export function addCounts(a: ClusterCounts, b: ClusterCounts): ClusterCounts {
  return {
    runs: a.runs + b.runs,
    events: a.events + b.events,
    simulatedMs: a.simulatedMs + b.simulatedMs,
    times: sum(a.times, b.times),
    inRuns: sum(a.inRuns, b.inRuns),
  };
}

export const NO_COUNTS: ClusterCounts = { runs: 0, events: 0, simulatedMs: 0, times: {}, inRuns: {} };

/** One line for each kind of event: how often, and in which share of the runs. */
export function describeCounts(counts: ClusterCounts): string {
  const rare = RARE_EVENTS.filter((event) => counts.times[event] !== undefined);
  const events = [...CLUSTER_EVENTS, ...rare];
  const width = Math.max(...events.map((event) => event.length));
  const lines = events.map((event) => {
    const share = (100 * (counts.inRuns[event] ?? 0)) / Math.max(1, counts.runs);
    const times = String(counts.times[event] ?? 0).padStart(12);
    return `  ${event.padEnd(width)} ${times}  in ${share.toFixed(1).padStart(5)} % of the runs`;
  });
  const seconds = (counts.simulatedMs / 1000).toFixed(0);
  return [...lines, `${counts.runs} runs, ${counts.events} events, ${seconds} simulated seconds`].join('\n');
}

function sum(a: ClusterCounts['times'], b: ClusterCounts['times']): ClusterCounts['times'] {
  const total: Partial<Record<ClusterEvent, number>> = { ...a };
  for (const event of [...CLUSTER_EVENTS, ...RARE_EVENTS]) {
    const more = b[event];
    if (more !== undefined) total[event] = (total[event] ?? 0) + more;
  }
  return total;
}
