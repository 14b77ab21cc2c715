// From a seed to everything a run is made of: how many servers, which options, which disks, which network, which
// faults and how much of each. Swarm testing: every run leaves some things out and overdoes others, because a run
// with all faults at moderate rates never reaches the states that one fault alone would drive it into.
//
// A change of what is drawn here, or of its order, gives every seed another meaning: raise GENERATOR_VERSION.

import type { Durability, NodeId, RaftConfig } from '@waldb/core';
import type { NetworkOptions } from './network.js';
import { SeededRandom } from './seeded-random.js';

/** Recorded with every failing seed: a seed means the same run only under the same version. */
export const GENERATOR_VERSION = 2;

export const TICK_MS = 10;

export const FAULTS = [
  'partition',
  'isolateLeader',
  'bridge',
  'oneWayCut',
  'cutPair',
  'flapping',
  'crash',
  'crashInLog',
  'crashBetweenActions',
  'powerFailure',
  'pause',
  'diskStall',
  'diskFull',
  'storageFailure',
  'unreachable',
  'snapshotReport',
] as const;

export type Fault = (typeof FAULTS)[number];

/** Mean milliseconds between two of a kind; undefined is never. */
export interface ClientRates {
  readonly propose: number;
  readonly batch: number | undefined;
  readonly read: number | undefined;
  readonly snapshot: number | undefined;
  readonly membership: number | undefined;
  readonly transfer: number | undefined;
}

export interface DiskOptions {
  readonly latency: readonly [min: number, max: number];
  /** Milliseconds from the disk's completion until the node hears of it, at most. */
  readonly reportDelay: number;
  /** Flushes under way at once; more than one complete in any order. */
  readonly flushesMax: number;
}

/** What a run is mostly about; most runs are about everything at once. */
export type Theme = 'mixed' | 'reads' | 'membership' | 'conflicts' | 'disks';

/** Options that every server of a run shares, all of them drawn: a default would hide what it covers. */
export type ProtocolOptions = Required<
  Pick<
    RaftConfig,
    | 'electionTimeoutTicks'
    | 'heartbeatTicks'
    | 'preVote'
    | 'checkQuorum'
    | 'maxBatchEntries'
    | 'maxBatchBytes'
    | 'maxInflightMessages'
    | 'maxInflightBytes'
    | 'maxUncommittedBytes'
    | 'maxApplyBytes'
    | 'maxPendingReads'
    | 'snapshotThreshold'
    | 'snapshotRetryTicks'
    | 'diskStallTicks'
    | 'transferTimeoutTicks'
    | 'readPolicy'
    | 'leaseMs'
    | 'clockDriftMax'
  >
>;

export interface Scenario {
  readonly seed: number;
  readonly theme: Theme;
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Not part of the cluster at first; membership changes may add them. */
  readonly spares: readonly NodeId[];
  readonly protocol: ProtocolOptions;
  readonly durability: 'inline' | 'deferred' | 'mixed';
  readonly keepEntries: number;
  readonly snapshotsBy: 'value' | 'reference';
  /** The state machine has stable storage of its own and tells the node what it has applied. */
  readonly hasDurableMachine: boolean;
  readonly commandBytesMax: number;
  readonly usesCodec: boolean;
  readonly freezes: boolean;
  /** Events carry the server's clock. */
  readonly stampsTime: boolean;
  readonly clockDrift: number;
  readonly tickJitterMs: number;
  readonly network: NetworkOptions;
  readonly disk: DiskOptions;
  readonly clients: ClientRates;
  readonly faults: readonly Fault[];
  readonly faultIntervalMs: number;
  readonly faultDurationMs: number;
  /** Things that happen before the faults stop. */
  readonly eventsMax: number;
}

export function makeScenario(seed: number): Scenario {
  const random = new SeededRandom(seed);
  const mixed = makeMixed(seed, random);
  const theme = random.pick<Theme>(THEMES);
  return { ...mixed, ...EMPHASIS[theme](random, mixed), theme };
}

const THEMES: readonly Theme[] = ['mixed', 'mixed', 'mixed', 'reads', 'membership', 'conflicts', 'disks'];

/** What a theme changes in a run about everything. */
const EMPHASIS: Readonly<Record<Theme, (random: SeededRandom, mixed: Scenario) => Partial<Scenario>>> = {
  mixed: () => ({}),
  reads: emphasiseReads,
  membership: emphasiseMembership,
  conflicts: emphasiseConflicts,
  disks: emphasiseDisks,
};

function makeMixed(seed: number, random: SeededRandom): Scenario {
  const protocol = makeProtocol(random);
  return {
    seed,
    theme: 'mixed',
    ...makeIds(random),
    protocol,
    durability: random.pick(['inline', 'deferred', 'deferred', 'mixed']),
    keepEntries: random.pick([0, 0, 1, 4, 20]),
    snapshotsBy: random.pick(['value', 'reference']),
    hasDurableMachine: random.chance(0.3),
    commandBytesMax: random.pick([8, 8, 40, 200]),
    usesCodec: random.chance(0.3),
    freezes: random.chance(0.3),
    stampsTime: protocol.readPolicy === 'lease' || random.chance(0.2),
    clockDrift: random.pick([0, 0.05, 0.1]),
    tickJitterMs: random.pick([0, 1, 5]),
    network: makeNetwork(random, protocol),
    disk: makeDisk(random),
    clients: makeClients(random),
    faults: random.some(FAULTS, random.pick([0, 0.2, 0.35, 0.5, 0.8])),
    faultIntervalMs: random.pick([25, 60, 120, 250]),
    faultDurationMs: random.pick([40, 120, 300]),
    eventsMax: random.between(1_000, 3_500),
  };
}

/** Two leaders at once and many questions to both: cut-off leaders, quick restarts, leases near their end. */
function emphasiseReads(random: SeededRandom, { protocol }: Scenario): Partial<Scenario> {
  const electionTimeoutTicks = random.pick([
    [5, 6],
    [5, 10],
    [10, 12],
  ] as const);
  const usesLease = random.chance(0.7);
  return {
    voters: random.pick([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ]),
    learners: [],
    spares: random.pick([[], [6]]),
    protocol: {
      ...protocol,
      electionTimeoutTicks,
      heartbeatTicks: random.pick([1, 2]),
      maxPendingReads: 1000,
      ...(usesLease ? leaseOptions(random, electionTimeoutTicks[0]) : { readPolicy: 'linearizable' }),
    },
    stampsTime: true,
    network: {
      latency: [0.2, random.pick([1, 4])],
      loss: 0,
      duplication: 0,
      spike: random.pick([0, 0.1]),
      spikeMs: 100,
      fifo: false,
    },
    clients: {
      propose: 4,
      batch: undefined,
      read: 3,
      snapshot: undefined,
      membership: undefined,
      transfer: random.pick([undefined, 60]),
    },
    faults: [
      'isolateLeader',
      'oneWayCut',
      'cutPair',
      ...random.some(['crash', 'pause', 'bridge', 'crashBetweenActions'] as const, 0.5),
    ],
    faultIntervalMs: random.pick([25, 60]),
    faultDurationMs: random.pick([10, 40, 120]),
  };
}

/** One change after the other on small clusters, with the leader struck down in between. */
function emphasiseMembership(random: SeededRandom, { protocol, network }: Scenario): Partial<Scenario> {
  return {
    voters: random.pick([[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]),
    learners: random.pick([[], [], [5]]),
    spares: [6, 7],
    protocol: { ...protocol, electionTimeoutTicks: [5, 10], heartbeatTicks: 1 },
    network: { ...network, latency: [0.5, random.pick([2, 8])] },
    clients: {
      propose: 30,
      batch: undefined,
      read: 60,
      snapshot: random.pick([undefined, 60]),
      membership: random.pick([15, 30]),
      transfer: random.pick([undefined, 80]),
    },
    faults: [
      'crash',
      ...random.some(
        [
          'partition',
          'isolateLeader',
          'crashBetweenActions',
          'powerFailure',
          'crashInLog',
          'diskStall',
        ] as const,
        0.5,
      ),
    ],
    faultIntervalMs: random.pick([40, 80]),
    faultDurationMs: random.pick([10, 40, 120]),
  };
}

/** Long uncommitted suffixes on both sides of a cut, brought together in small steps. */
function emphasiseConflicts(random: SeededRandom, { protocol }: Scenario): Partial<Scenario> {
  return {
    voters: random.pick([
      [1, 2, 3],
      [1, 2, 3, 4, 5],
    ]),
    learners: [],
    protocol: {
      ...protocol,
      electionTimeoutTicks: [5, 10],
      heartbeatTicks: 1,
      checkQuorum: protocol.readPolicy === 'lease' || random.chance(0.3),
      maxBatchEntries: random.pick([1, 2, 5]),
      maxInflightMessages: random.pick([1, 2, 8]),
      maxUncommittedBytes: 1 << 20,
      snapshotThreshold: random.pick([0, 0, 10]),
    },
    network: {
      latency: [0.5, random.pick([4, 12])],
      loss: random.pick([0, 0.1]),
      duplication: random.pick([0, 0.2]),
      spike: random.pick([0, 0.1]),
      spikeMs: 300,
      fifo: random.chance(0.2),
    },
    clients: {
      propose: 3,
      batch: 30,
      read: 60,
      snapshot: undefined,
      membership: undefined,
      transfer: undefined,
    },
    faults: [
      'isolateLeader',
      'partition',
      ...random.some(['oneWayCut', 'pause', 'crash', 'diskStall'] as const, 0.5),
    ],
    faultIntervalMs: random.pick([60, 120]),
    faultDurationMs: random.pick([120, 300]),
  };
}

/** Much staged and little durable, with crashes in between. */
function emphasiseDisks(random: SeededRandom, { protocol, network }: Scenario): Partial<Scenario> {
  return {
    protocol: { ...protocol, electionTimeoutTicks: [10, 20], diskStallTicks: random.pick([10, 60]) },
    durability: random.pick(['deferred', 'deferred', 'mixed']),
    network: { ...network, latency: [0.2, 4] },
    disk: {
      latency: [random.pick([0, 20]), random.pick([20, 60])],
      reportDelay: random.pick([0, 15]),
      flushesMax: random.pick([1, 3, 6]),
    },
    clients: {
      propose: 4,
      batch: 20,
      read: undefined,
      snapshot: random.pick([undefined, 60]),
      membership: random.pick([undefined, 100]),
      transfer: undefined,
    },
    faults: [
      'crash',
      ...random.some(
        [
          'isolateLeader',
          'powerFailure',
          'diskStall',
          'crashInLog',
          'crashBetweenActions',
          'storageFailure',
        ] as const,
        0.6,
      ),
    ],
    faultIntervalMs: random.pick([40, 100]),
    faultDurationMs: random.pick([40, 120]),
  };
}

function makeIds(random: SeededRandom): Pick<Scenario, 'voters' | 'learners' | 'spares'> {
  const voterCount = random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7]);
  const learnerCount = random.pick([0, 0, 0, 1, 2]);
  const spareCount = random.pick([0, 1, 2, 2]);
  let next = 1;
  const take = (count: number): NodeId[] => Array.from({ length: count }, () => next++);
  return { voters: take(voterCount), learners: take(learnerCount), spares: take(spareCount) };
}

function makeProtocol(random: SeededRandom): ProtocolOptions {
  const timeoutMin = random.pick([3, 5, 10]);
  const timeoutMax = timeoutMin + random.pick([1, timeoutMin, timeoutMin * 2]);
  const usesLease = random.chance(0.2);
  return {
    electionTimeoutTicks: [timeoutMin, timeoutMax],
    heartbeatTicks: random.between(1, Math.max(1, Math.floor(timeoutMin / 2))),
    preVote: random.chance(0.6),
    checkQuorum: random.chance(0.6),
    maxBatchEntries: random.pick([1, 2, 5, 1024]),
    maxBatchBytes: random.pick([32, 200, 1 << 20]),
    maxInflightMessages: random.pick([1, 2, 4, 64]),
    maxInflightBytes: random.pick([100, 1000, 1 << 20]),
    maxUncommittedBytes: random.pick([300, 3000, 1 << 20]),
    maxApplyBytes: random.pick([50, 1 << 20]),
    maxPendingReads: random.pick([2, 1000]),
    snapshotThreshold: random.pick([0, 3, 10, 30]),
    snapshotRetryTicks: random.pick([timeoutMax, timeoutMax * 4]),
    diskStallTicks: random.pick([timeoutMin, timeoutMax * 2, timeoutMax * 4]),
    transferTimeoutTicks: random.pick([timeoutMin, timeoutMax]),
    readPolicy: 'linearizable',
    leaseMs: 0,
    clockDriftMax: 0.1,
    ...(usesLease ? leaseOptions(random, timeoutMin) : {}),
  };
}

/** Longer than an election timeout too: then only the clocks keep a second leader away, and they must be enough. */
function leaseOptions(
  random: SeededRandom,
  timeoutMin: number,
): Pick<ProtocolOptions, 'readPolicy' | 'leaseMs' | 'checkQuorum'> {
  const leaseMs = Math.max(1, Math.floor(timeoutMin * TICK_MS * random.real(0.3, 2.5)));
  return { readPolicy: 'lease', leaseMs, checkQuorum: true };
}

/** Mostly much quicker than an election timeout, as Raft asks (§5.6); now and then too slow for it. */
function makeNetwork(random: SeededRandom, protocol: ProtocolOptions): NetworkOptions {
  const quick = (protocol.electionTimeoutTicks[0] * TICK_MS) / 8;
  const latencyMax = random.chance(0.9) ? random.pick([1, quick / 2, quick, quick]) : 30;
  return {
    latency: [random.pick([0, latencyMax / 2]), latencyMax],
    loss: random.pick([0, 0, 0.02, 0.1, 0.25]),
    duplication: random.pick([0, 0, 0.02, 0.2]),
    spike: random.pick([0, 0, 0.02, 0.1]),
    spikeMs: random.pick([50, 400]),
    fifo: random.chance(0.4),
  };
}

function makeDisk(random: SeededRandom): DiskOptions {
  const latencyMax = random.pick([0, 2, 6, 20]);
  return {
    latency: [random.pick([0, latencyMax / 2]), latencyMax],
    reportDelay: random.pick([0, 0, 5]),
    flushesMax: random.pick([1, 1, 3]),
  };
}

function makeClients(random: SeededRandom): ClientRates {
  const maybe = (probability: number, means: readonly number[]): number | undefined =>
    random.chance(probability) ? random.pick(means) : undefined;
  return {
    propose: random.pick([4, 10, 30, 100]),
    batch: maybe(0.4, [20, 100]),
    read: maybe(0.6, [5, 20, 60]),
    snapshot: maybe(0.4, [60, 200]),
    membership: maybe(0.6, [40, 100, 250]),
    transfer: maybe(0.5, [60, 200]),
  };
}

/** Which discipline a server's node and disk follow. */
export function durabilityOf(scenario: Scenario, id: NodeId): Durability {
  if (scenario.durability !== 'mixed') return scenario.durability;
  return id % 2 === 0 ? 'inline' : 'deferred';
}
