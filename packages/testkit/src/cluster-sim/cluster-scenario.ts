// From a seed to everything that a run of whole servers is made of: how many servers, with which options, on which disks
// and which network, what clients do, and the schedule of all that is done to them. Swarm testing: every run leaves some
// kinds out and overdoes others. The schedule is drawn beforehand, each line with a seed of its own, so that a run without
// some of its lines is the same run otherwise: that is how a failing one is shrunk.
//
// A change of what is drawn here, or of its order, gives every seed another meaning: raise CLUSTER_GENERATOR_VERSION. A new
// kind of line need not change the others: it goes into the schedule's appendix, with chance of its own.

import type { RaftServerOptions } from '@waldb/runtime';
import type { DiskPace } from '../machines/machine-disk.js';
import type { LinkPace } from '../machines/simulated-network.js';
import { SeededRandom } from '../sim/seeded-random.js';
import {
  CLIENT_ACTIONS,
  type ClientAction,
  type ClusterFault,
  DISK_FAULTS,
  LATER_ACTIONS,
  MACHINE_FAULTS,
  NETWORK_FAULTS,
  OPERATOR_ACTIONS,
  type OperatorAction,
} from './cluster-coverage.js';

/** Recorded with every failing seed: a seed means the same run only under the same version. */
export const CLUSTER_GENERATOR_VERSION = 4;

/** The options that all servers of a run share. */
export type ServerTuning = Pick<
  RaftServerOptions<unknown>,
  | 'tickMs'
  | 'electionTimeoutTicks'
  | 'heartbeatTicks'
  | 'snapshotThreshold'
  | 'snapshotThresholdBytes'
  | 'snapshotKeepEntries'
  | 'blocksForQuickDisk'
  | 'timeResolutionMs'
  | 'requestTimeoutMs'
  | 'closeTimeoutMs'
  | 'limits'
  | 'transportLimits'
> & {
  readonly log: NonNullable<RaftServerOptions<unknown>['log']>;
  readonly raft: NonNullable<RaftServerOptions<unknown>['raft']>;
};

/** One line of the schedule. */
export interface ScheduledAction {
  /** From 0. Not in order of time: the appendix begins anew. */
  readonly index: number;
  /** Simulated milliseconds. */
  readonly at: number;
  readonly kind: ClusterFault | OperatorAction | ClientAction;
  /** Decides everything else about it. */
  readonly seed: number;
}

export interface ClientPlan {
  readonly count: number;
  /** Mean time between an answer and the next request. */
  readonly thinkMs: number;
  readonly readShare: number;
  /** Of the clients. */
  readonly sessionShare: number;
  readonly timeoutMs: readonly [min: number, max: number];
  readonly abortShare: number;
  readonly commandBytesMax: number;
  readonly usesLeaseReads: boolean;
}

export interface ClusterScenario {
  readonly seed: number;
  readonly founders: number;
  /** The operator begins by adding servers until there are so many. */
  readonly growsTo: number;
  readonly tuning: ServerTuning;
  readonly disk: DiskPace;
  readonly hasDurableWrites: boolean;
  readonly network: LinkPace;
  readonly clients: ClientPlan;
  /** How much faster or slower than the world a machine's clock may run, as a ratio. */
  readonly clockDrift: number;
  /** How long a machine or process that ended by itself stays away. */
  readonly downMs: readonly [min: number, max: number];
  /** Faults end then. */
  readonly faultsMs: number;
  readonly schedule: readonly ScheduledAction[];
}

const KIB = 1024;

export function makeClusterScenario(seed: number): ClusterScenario {
  const random = new SeededRandom(seed);
  const founders = random.pick([1, 3, 3, 3, 3, 3, 3, 5, 5]);
  const usesLease = random.chance(0.25);
  const tuning = makeTuning(random.fork(), usesLease);
  const faultsMs = random.between(10_000, 16_000);
  const scenario: Omit<ClusterScenario, 'schedule'> = {
    seed,
    founders,
    growsTo: founders === 1 || random.chance(0.15) ? random.pick([3, 5]) : founders,
    tuning,
    disk: makeDisk(random.fork()),
    hasDurableWrites: random.chance(0.75),
    network: makeNetwork(random.fork()),
    clients: makeClients(random.fork(), usesLease),
    clockDrift: usesLease ? 0.03 : random.pick([0, 0.02, 0.2]),
    downMs: random.pick([
      [20, 500],
      [100, 3_000],
    ]),
    faultsMs,
  };
  const schedule = makeSchedule(random.fork(), faultsMs);
  return { ...scenario, schedule: [...schedule, ...makeAppendix(seed, faultsMs, schedule.length)] };
}

function makeTuning(random: SeededRandom, usesLease: boolean): ServerTuning {
  const tickMs = random.pick([10, 25, 25, 40]);
  const timeoutMin = random.pick([8, 10, 16]);
  return {
    tickMs,
    electionTimeoutTicks: [timeoutMin, timeoutMin * 2],
    heartbeatTicks: random.pick([2, 4]),
    snapshotThreshold: random.pick([0, 20, 60, 200]),
    snapshotThresholdBytes: random.pick([0, 20 * KIB, 200 * KIB]),
    snapshotKeepEntries: random.pick([0, 5, 50]),
    blocksForQuickDisk: random.chance(0.6),
    timeResolutionMs: random.pick([0, 0, 100]),
    requestTimeoutMs: random.pick([1_000, 3_000]),
    closeTimeoutMs: random.pick([500, 2_000]),
    log: {
      segmentBytes: random.pick([8, 16, 32, 64]) * KIB,
      spareSegments: random.pick([0, 1, 2]),
      cacheBytes: random.pick([0, 2 * KIB, 32 * KIB]),
      frameBytesMax: random.pick([256, 1 * KIB, 8 * KIB]),
      entryBytesMax: 64 * KIB,
      flushMode: random.pick(['deferred', 'adaptive']),
    },
    raft: makeProtocol(random, usesLease),
    ...(random.chance(0.3) && { limits: makeLimits(random) }),
    ...(random.chance(0.25) && { transportLimits: makeTransportLimits(random) }),
  };
}

function makeProtocol(random: SeededRandom, usesLease: boolean): ServerTuning['raft'] {
  return {
    preVote: random.chance(0.85),
    checkQuorum: usesLease || random.chance(0.85),
    maxBatchEntries: random.pick([1, 3, 64, 1024]),
    maxInflightMessages: random.pick([1, 2, 8, 64]),
    maxBatchBytes: random.pick([500, 4 * KIB, 1024 * KIB]),
    maxUncommittedBytes: random.pick([2 * KIB, 1024 * KIB, 1024 * KIB]),
    ...(usesLease && { readPolicy: 'lease' as const }),
  };
}

/** Queues so small that every bound is met. */
function makeLimits(random: SeededRandom): NonNullable<ServerTuning['limits']> {
  return {
    proposalsMax: random.pick([2, 8, 1000]),
    batchCommandsMax: random.pick([1, 4, 1024]),
    readsMax: random.pick([2, 1000]),
    readRoundsMax: random.pick([1, 4]),
    inboxMessagesMax: random.pick([4, 32, 8192]),
    inboxBytesMax: random.pick([4 * KIB, 1024 * KIB]),
    sliceMessagesMax: random.pick([1, 4, 128]),
    applyEntriesMax: random.pick([1, 5, 1024]),
    applyBacklogBytesMax: random.pick([1 * KIB, 1024 * KIB]),
    sessionsMax: random.pick([2, 100]),
  };
}

function makeTransportLimits(random: SeededRandom): NonNullable<ServerTuning['transportLimits']> {
  return {
    queueMessagesMax: random.pick([4, 64, 4096]),
    queueBytesMax: random.pick([4 * KIB, 1024 * KIB]),
    silenceMs: random.pick([1_500, 5_000]),
    pingIntervalMs: random.pick([300, 1_000]),
    redialMsMax: random.pick([200, 2_000]),
    snapshotSilenceMs: random.pick([1_000, 10_000]),
  };
}

function makeDisk(random: SeededRandom): DiskPace {
  return random.pick<DiskPace>([
    { read: [0.01, 0.1], write: [0.005, 0.05], sync: [0.05, 0.3] },
    { read: [0.01, 0.1], write: [0.005, 0.05], sync: [0.05, 0.3] },
    { read: [0.05, 1], write: [0.01, 0.1], sync: [0.3, 3] },
    { read: [0.2, 4], write: [0.01, 0.5], sync: [1, 12] },
  ]);
}

function makeNetwork(random: SeededRandom): LinkPace {
  return {
    latencyMs: random.pick([
      [0.05, 0.5],
      [0.1, 2],
      [0.5, 8],
    ]),
    bytesPerMs: random.pick([1_000, 100_000]),
  };
}

function makeClients(random: SeededRandom, usesLease: boolean): ClientPlan {
  return {
    count: random.between(2, 6),
    thinkMs: random.pick([20, 50, 150]),
    readShare: random.pick([0, 0.3, 0.5]),
    sessionShare: random.pick([0, 0.5, 1]),
    timeoutMs: random.pick([
      [50, 400],
      [200, 2_000],
    ]),
    abortShare: random.pick([0, 0, 0.1]),
    commandBytesMax: random.pick([20, 100, 1_500]),
    usesLeaseReads: usesLease,
  };
}

/** Which kinds a run has at all, and how close they come upon each other. */
function makeSchedule(random: SeededRandom, faultsMs: number): ScheduledAction[] {
  // An operator who does everything at once, and not much else: changes upon changes, and crashes in between.
  const isRestless = random.chance(0.25);
  const share = isRestless ? 0.2 : random.pick([0.15, 0.3, 0.5, 0.8]);
  const kinds = [
    ...random.some(NETWORK_FAULTS, share),
    ...random.some(MACHINE_FAULTS, share),
    ...random.some(DISK_FAULTS, isRestless ? 0.05 : share),
    ...random.some(OPERATOR_ACTIONS, isRestless ? 1 : random.pick([0, 0.3, 0.6])),
  ];
  const schedule: ScheduledAction[] = [];
  if (kinds.length === 0) return schedule;
  const meanMs = random.pick([300, 700, 1_500]);
  for (let at = random.wait(1_000); at < faultsMs; at += random.wait(meanMs)) {
    schedule.push({ index: schedule.length, at, kind: random.pick(kinds), seed: random.next() });
  }
  return schedule;
}

/** What stands in the appendix: kinds that belong together, their share of the runs, and how close they come. New ones go last. */
const APPENDIX: readonly {
  readonly kinds: readonly [ScheduledAction['kind'], ...ScheduledAction['kind'][]];
  readonly share: number;
  readonly meanMs: number;
}[] = [
  { kinds: ['rot of a proven frame'], share: 0.5, meanMs: 3_000 },
  // Nobody goes back who has not gone ahead.
  { kinds: ['rolling upgrade', 'rolling upgrade', 'rollback'], share: 0.4, meanMs: 2_500 },
  { kinds: ['disk lost'], share: 0.3, meanMs: 5_000 },
  { kinds: [...LATER_ACTIONS, ...CLIENT_ACTIONS], share: 0.4, meanMs: 2_000 },
];

/**
 * Lines behind all others, with a generator of their own for each item: what was drawn before an item came is drawn still, and a run that leaves its lines out is the run that it was without them.
 */
function makeAppendix(seed: number, faultsMs: number, firstIndex: number): ScheduledAction[] {
  const lines: ScheduledAction[] = [];
  const chance = new SeededRandom(Number.MAX_SAFE_INTEGER - seed);
  for (const { kinds, share, meanMs } of APPENDIX) {
    const random = chance.fork();
    if (!random.chance(share)) continue;
    for (let at = random.wait(meanMs); at < faultsMs; at += random.wait(meanMs)) {
      const kind = kinds.length > 1 ? random.pick(kinds) : kinds[0];
      lines.push({ index: firstIndex + lines.length, at, kind, seed: random.next() });
    }
  }
  return lines;
}
