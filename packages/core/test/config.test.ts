// A node's options: what they default to, and that a value which can never be right is refused before a node exists.

import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../src/config.js';
import { type RaftConfig, RaftNode } from '../src/index.js';
import { entriesOf, logWith } from './support/node.js';
import { refusal, refusedWith } from './support/refusal.js';

const three: RaftConfig = { id: 1, peers: [2, 3] };

function made(options: Partial<RaftConfig>): RaftNode {
  return new RaftNode({ ...three, ...options });
}

describe('defaults', () => {
  it('are those of the documentation', () => {
    expect(resolveConfig(three)).toEqual({
      id: 1,
      electionTimeoutTicks: [10, 20],
      heartbeatTicks: 2,
      seed: 1,
      incarnation: 0,
      applied: 0,
      preVote: true,
      checkQuorum: true,
      maxBatchEntries: 1024,
      maxBatchBytes: 1024 * 1024,
      maxInflightMessages: 64,
      maxInflightBytes: 8 * 1024 * 1024,
      maxUncommittedBytes: 64 * 1024 * 1024,
      maxApplyBytes: 16 * 1024 * 1024,
      maxPendingReads: 65_536,
      snapshotThreshold: 0,
      snapshotRetryTicks: 200,
      diskStallTicks: 40,
      transferTimeoutTicks: 20,
      readPolicy: 'linearizable',
      leaseMs: 0,
      clockDriftMax: 0.1,
      initialConfiguration: {
        voters: [1, 2, 3],
        learners: [],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
        addresses: {},
      },
      trace: undefined,
    });
  });

  it('follow the election timeout', () => {
    const resolved = resolveConfig({ ...three, electionTimeoutTicks: [3, 7] });
    expect(resolved).toMatchObject({
      snapshotRetryTicks: 70,
      diskStallTicks: 14,
      transferTimeoutTicks: 7,
      heartbeatTicks: 2,
    });
    expect(resolveConfig({ ...three, electionTimeoutTicks: [2, 2] }).heartbeatTicks).toBe(1);
    expect(resolveConfig({ ...three, electionTimeoutTicks: [1, 1] }).heartbeatTicks).toBe(1);
  });

  it('give each server another seed', () => {
    expect(resolveConfig({ id: 7, peers: [] }).seed).toBe(7);
    expect(resolveConfig({ id: 7, peers: [], seed: 0 }).seed).toBe(0);
  });

  it('do not outvote what is given', () => {
    const given = {
      electionTimeoutTicks: [5, 5],
      heartbeatTicks: 4,
      seed: 9,
      incarnation: 3,
      applied: 0,
      preVote: false,
      checkQuorum: true,
      maxBatchEntries: 1,
      maxBatchBytes: 2,
      maxInflightMessages: 3,
      maxInflightBytes: 4,
      maxUncommittedBytes: 5,
      maxApplyBytes: 6,
      maxPendingReads: 7,
      snapshotThreshold: 8,
      snapshotRetryTicks: 10,
      diskStallTicks: 11,
      transferTimeoutTicks: 12,
      readPolicy: 'lease',
      leaseMs: 13,
      clockDriftMax: 0,
      trace: () => {},
    } as const;
    expect(resolveConfig({ ...three, ...given })).toMatchObject(given);
    expect(resolveConfig({ ...three, checkQuorum: false }).checkQuorum).toBe(false);
  });
});

describe('the first configuration', () => {
  it('is the peers and the server itself, sorted', () => {
    expect(new RaftNode({ id: 5, peers: [9, 2] }).configuration).toMatchObject({
      voters: [2, 5, 9],
      learners: [],
    });
    expect(new RaftNode({ id: 1, peers: [] }).configuration.voters).toEqual([1]);
  });

  it('a server that names itself among the learners is no voter', () => {
    const node = new RaftNode({ id: 4, peers: [1, 2, 3], learners: [4, 5], addresses: { 4: 'd:1' } });
    expect(node.configuration).toMatchObject({
      voters: [1, 2, 3],
      learners: [4, 5],
      addresses: { 4: 'd:1' },
    });
    expect(node.role).toBe('learner');
  });

  it.each<readonly [string, RaftConfig, string]>([
    [
      'a learner that is a peer',
      { id: 1, peers: [2, 3], learners: [3] },
      'server 3 cannot be voter and learner at once',
    ],
    [
      'a learner alone',
      { id: 1, peers: [], learners: [1] },
      'a configuration without voters could never decide anything again',
    ],
    ['peer 0', { id: 1, peers: [0] }, '0 is not a server id (a positive safe integer)'],
    ['half a peer', { id: 1, peers: [1.5] }, '1.5 is not a server id (a positive safe integer)'],
    [
      'a learner beyond the safe integers',
      { id: 1, peers: [], learners: [2 ** 53] },
      '9007199254740992 is not a server id (a positive safe integer)',
    ],
  ])('%s is refused', (_what, config, message) => {
    expect(refusal(() => new RaftNode(config))).toBe(`CONFIG_INVALID: ${message}`);
  });
});

describe('values that can never be right', () => {
  const NOT_COUNTS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];
  const fromOne = [
    'maxBatchEntries',
    'maxBatchBytes',
    'maxInflightMessages',
    'maxInflightBytes',
    'maxUncommittedBytes',
    'maxApplyBytes',
    'maxPendingReads',
    'snapshotRetryTicks',
    'diskStallTicks',
    'transferTimeoutTicks',
  ] as const;
  const fromZero = ['seed', 'incarnation', 'applied', 'snapshotThreshold'] as const;

  it.each(fromOne)('%s is a whole number from 1', (name) => {
    for (const value of [0, ...NOT_COUNTS]) {
      expect(refusal(() => made({ [name]: value }))).toBe(
        `CONFIG_INVALID: ${name} is ${value} but must be a whole number from 1`,
      );
    }
    expect(made({ [name]: 1 }).id).toBe(1);
  });

  it.each(fromZero)('%s is a whole number from 0', (name) => {
    for (const value of NOT_COUNTS) {
      expect(refusal(() => made({ [name]: value }))).toBe(
        `CONFIG_INVALID: ${name} is ${value} but must be a whole number from 0`,
      );
    }
    expect(made({ [name]: 0 }).id).toBe(1);
  });

  it('id is a positive safe integer', () => {
    for (const id of [0, ...NOT_COUNTS]) {
      expect(refusal(() => new RaftNode({ id, peers: [2] }))).toBe(
        `CONFIG_INVALID: id is ${id} but must be a positive safe integer`,
      );
    }
  });

  it.each([
    [0, 10],
    [10, 9],
    [1.5, 10],
    [10, Number.NaN],
    [Number.NaN, 10],
    [10, Number.POSITIVE_INFINITY],
  ])('electionTimeoutTicks %d to %d', (min, max) => {
    expect(refusal(() => made({ electionTimeoutTicks: [min, max], heartbeatTicks: 1 }))).toBe(
      `CONFIG_INVALID: electionTimeoutTicks is ${min},${max} but must be a rising pair of whole numbers from 1`,
    );
  });

  it('heartbeatTicks from 1 to just below the smallest election timeout', () => {
    for (const heartbeatTicks of [0, 10, 11, ...NOT_COUNTS]) {
      expect(refusal(() => made({ heartbeatTicks }))).toBe(
        `CONFIG_INVALID: heartbeatTicks is ${heartbeatTicks} but must be a whole number from 1, below the election timeout`,
      );
    }
    expect(made({ heartbeatTicks: 9 }).id).toBe(1);
    expect(made({ electionTimeoutTicks: [1, 1], heartbeatTicks: 1 }).id).toBe(1);
  });

  it('a read policy that is none of the two', () => {
    const readPolicy = 'eventual' as 'lease'; // as an untyped caller could
    expect(refusal(() => made({ readPolicy }))).toBe(
      "CONFIG_INVALID: readPolicy is eventual but must be 'linearizable' or 'lease'",
    );
  });

  it('P116: leases without check-quorum, or without a length', () => {
    expect(refusal(() => made({ readPolicy: 'lease', leaseMs: 100, checkQuorum: false }))).toBe(
      'CONFIG_INVALID: readPolicy is lease but must be linearizable, or used with checkQuorum',
    );
    for (const leaseMs of [0, -1, Number.NaN]) {
      expect(refusal(() => made({ readPolicy: 'lease', leaseMs }))).toBe(
        `CONFIG_INVALID: leaseMs is ${leaseMs} but must be a positive number of milliseconds`,
      );
    }
    expect(refusal(() => made({ readPolicy: 'lease' }))).toContain('leaseMs is 0 but');
    expect(made({ readPolicy: 'lease', leaseMs: 0.5 }).id).toBe(1);
  });

  it('a clock drift outside 0 to 1', () => {
    for (const clockDriftMax of [-0.01, 1, 1.5, Number.NaN]) {
      expect(refusal(() => made({ clockDriftMax }))).toBe(
        `CONFIG_INVALID: clockDriftMax is ${clockDriftMax} but must be a ratio from 0, below 1`,
      );
    }
    expect(made({ clockDriftMax: 0 }).id).toBe(1);
    expect(made({ clockDriftMax: 0.999 }).id).toBe(1);
  });

  it('the refusal names the option and the value', () => {
    expect(refusedWith(() => made({ maxBatchBytes: 0 })).detail).toEqual({
      option: 'maxBatchBytes',
      value: 0,
    });
  });
});

describe('applied', () => {
  it('beyond the end of the log means that the log lost entries', () => {
    const log = logWith({ terms: [1, 1] });
    expect(refusal(() => RaftNode.withLog({ ...three, applied: 3 }, log))).toBe(
      'CONFIG_INVALID: the state machine has applied 3, but the log ends at 2: it lost entries',
    );
  });

  it('nothing at or below is applied again', () => {
    const node = RaftNode.withLog({ ...three, applied: 2 }, logWith({ entries: entriesOf([1, 1, 1]) }));
    expect([node.lastApplied, node.commitIndex]).toEqual([2, 2]);
    const actions = node.step({
      type: 'message',
      message: {
        type: 'appendEntries',
        from: 2,
        to: 1,
        term: 1,
        prevLogIndex: 3,
        prevLogTerm: 1,
        leaderCommit: 3,
        entries: [],
      },
    });
    expect(actions.filter(({ type }) => type === 'apply')).toEqual([
      { type: 'apply', entries: [node.log.entry(3)] },
    ]);
  });
});
