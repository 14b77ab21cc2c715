import { describe, expect, it } from 'vitest';
import { decodeConfiguration, encodeConfiguration, RaftNode } from '../src/index.js';
import { configuration, electLeader, nodeWithLog, snapshotOf } from './support/node.js';
import { refusal } from './support/refusal.js';

describe('values that can never be right', () => {
  it('an endless lease: whoever heard a leader once would never campaign again', () => {
    expect(
      refusal(
        () => new RaftNode({ id: 1, peers: [], readPolicy: 'lease', leaseMs: Number.POSITIVE_INFINITY }),
      ),
    ).toMatch(/^CONFIG_INVALID: leaseMs/);
  });
  it('a heartbeat that comes after the election timeout, also where that is one tick', () => {
    expect(
      refusal(
        () => new RaftNode({ id: 1, peers: [2, 3], electionTimeoutTicks: [1, 1], heartbeatTicks: 100 }),
      ),
    ).toMatch(/^CONFIG_INVALID: heartbeatTicks/);
  });
  it('a time that is no number: every later comparison with it would be false and every lease unsupported', () => {
    const node = new RaftNode({ id: 1, peers: [2, 3], readPolicy: 'lease', leaseMs: 100 });
    expect(refusal(() => node.step({ type: 'tick', now: Number.NaN }))).toMatch(/^CONFIG_INVALID: /);
  });
  it('an address of what is no server', () => {
    const node = nodeWithLog({});
    electLeader(node);
    const before = snapshotOf(node);
    expect(
      refusal(() => node.step({ type: 'changeMembership', voters: [1, 2], addresses: { [-1]: 'x' } })),
    ).toMatch(/^CONFIG_INVALID: /);
    expect(snapshotOf(node)).toEqual(before);
  });
  it('more servers than a configuration can name', () => {
    const node = nodeWithLog({});
    electLeader(node);
    const voters = Array.from({ length: 1025 }, (_, i) => i + 1);
    expect(refusal(() => node.step({ type: 'changeMembership', voters }))).toMatch(/^CONFIG_INVALID: /);
    expect(refusal(() => new RaftNode({ id: 1, peers: voters }))).toMatch(/^CONFIG_INVALID: /);
  });
});

it('an address that begins with U+FEFF is kept as it is', () => {
  const c = configuration([1], { addresses: { 1: '\ufeffhost' } });
  expect(decodeConfiguration(encodeConfiguration(c))).toEqual(c);
});
