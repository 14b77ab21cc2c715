// What a run may be mostly about. A run about everything at once seldom comes near the end of a lease or strikes a
// leader down between two halves of a change; each theme drives towards one such corner and leaves the rest as drawn.

import type { Scenario } from './scenario.js';
import type { SeededRandom } from './seeded-random.js';
import { leaseOptions, TICK_MS } from './timing.js';

export type Theme = 'mixed' | 'reads' | 'membership' | 'conflicts' | 'disks';

/** As often as each is listed. */
export const THEMES: readonly Theme[] = [
  'mixed',
  'mixed',
  'mixed',
  'reads',
  'membership',
  'conflicts',
  'disks',
];

/** What a theme changes in a run about everything. */
export function emphasis(theme: Theme, random: SeededRandom, mixed: Scenario): Partial<Scenario> {
  switch (theme) {
    case 'mixed':
      return {};
    case 'reads':
      if (random.chance(0.3)) return emphasiseLeaseEnds(random, mixed);
      return random.chance(0.25) ? emphasiseLeaseTerms(random, mixed) : emphasiseReads(random, mixed);
    case 'membership':
      return emphasiseMembership(random, mixed);
    case 'conflicts':
      return emphasiseConflicts(random, mixed);
    case 'disks':
      return emphasiseDisks(random, mixed);
  }
}

/** A leader that is cut off for longer than its lease, with clocks as far apart as they may be, and asked all the time. */
function emphasiseLeaseEnds(random: SeededRandom, { protocol }: Scenario): Partial<Scenario> {
  return {
    voters: [1, 2, 3],
    learners: [],
    spares: [],
    protocol: {
      ...protocol,
      electionTimeoutTicks: [10, 11],
      heartbeatTicks: 1,
      preVote: random.chance(0.3),
      diskStallTicks: 100,
      maxPendingReads: 1000,
      readPolicy: 'lease',
      checkQuorum: true,
      leaseMs: Math.floor(10 * TICK_MS * random.real(1, 1.8)),
    },
    durability: 'inline',
    stampsTime: true,
    clockDrift: 0.1,
    tickJitterMs: 0,
    network: {
      latency: [0.1, 0.8],
      loss: 0,
      duplication: 0,
      spike: 0,
      spikeMs: 0,
      fifo: false,
      staleAnswers: random.pick([0, 0.02]),
    },
    clients: {
      propose: 3,
      batch: undefined,
      read: 2,
      snapshot: undefined,
      membership: undefined,
      transfer: undefined,
    },
    faults: random.pick([['isolateLeader'], ['isolateLeader', 'amnesia'], ['amnesia']] as const),
    faultIntervalMs: random.pick([150, 250]),
    faultDurationMs: 250,
  };
}

/**
 * A candidate that only the leader does not hear, and voters who learn its term from elsewhere while they still support the
 * leader. Few proposals: a log that is behind is voted for by nobody.
 */
function emphasiseLeaseTerms(random: SeededRandom, mixed: Scenario): Partial<Scenario> {
  const ends = emphasiseLeaseEnds(random, mixed);
  return {
    ...ends,
    protocol: { ...mixed.protocol, ...ends.protocol, preVote: false, heartbeatTicks: random.pick([1, 2, 3]) },
    clients: { ...mixed.clients, ...ends.clients, propose: random.pick([60, 300]), read: 1 },
    faults: ['cutPair', 'isolateLeader', 'candidateEchoes', 'candidateEchoes', 'candidateEchoes'],
    faultIntervalMs: 15,
    faultDurationMs: random.pick([100, 200]),
  };
}

/** Two leaders at once and many questions to both: cut-off leaders, quick restarts, delayed words of former leaders. */
function emphasiseReads(random: SeededRandom, { protocol }: Scenario): Partial<Scenario> {
  const electionTimeoutTicks = random.pick([
    [5, 6],
    [5, 10],
    [10, 11],
    [10, 12],
  ] as const);
  const [timeoutMin] = electionTimeoutTicks;
  const usesLease = random.chance(0.75);
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
      readPolicy: 'linearizable',
      ...(usesLease ? leaseOptions(random, timeoutMin) : {}),
    },
    stampsTime: true,
    clockDrift: random.pick([0, 0.1, 0.1]),
    network: {
      latency: [0.2, random.pick([1, 4])],
      loss: 0,
      duplication: 0,
      spike: random.pick([0, 0.02, 0.1]),
      spikeMs: 2 * timeoutMin * TICK_MS,
      fifo: false,
      staleAnswers: random.pick([0, 0.05, 0.3]),
    },
    disk: { latency: [0, random.pick([0, 2])], reportDelay: 0, flushesMax: 1 },
    clients: {
      propose: 4,
      batch: undefined,
      read: 3,
      snapshot: undefined,
      membership: undefined,
      transfer: random.pick([undefined, 60]),
    },
    faults: random.chance(0.4)
      ? random.pick([['isolateLeader'], ['isolateLeader', 'amnesia']] as const)
      : [
          'isolateLeader',
          'oneWayCut',
          'cutPair',
          'echo',
          ...random.some(['crash', 'amnesia', 'pause', 'bridge', 'echo'] as const, 0.6),
        ],
    faultIntervalMs: random.pick([25, 60, 150]),
    faultDurationMs: random.pick([10, 40, 120, 250]),
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
      'removalNews',
      ...random.some(
        [
          'removalNews',
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
      duplication: random.pick([0.1, 0.3]),
      spike: random.pick([0, 0.1, 0.2]),
      spikeMs: 200,
      fifo: random.chance(0.1),
      staleAnswers: random.pick([0, 0.1]),
    },
    disk: { latency: [0, random.pick([2, 20])], reportDelay: 0, flushesMax: random.pick([1, 3]) },
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
      'crash',
      ...random.some(['oneWayCut', 'pause', 'powerFailure', 'diskStall', 'echo'] as const, 0.4),
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
