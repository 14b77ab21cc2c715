// The snapshots that a server takes of itself (§7): which index it may have, what the log keeps, when the driver is asked.

import { describe, expect, it } from 'vitest';
import { bytes, described, electLeader, nodeWithLog, propose, receive, snapshotOf } from './support/node.js';
import { refusal } from './support/refusal.js';

describe('taking one', () => {
  function applied() {
    const node = nodeWithLog({ peers: [] });
    electLeader(node);
    propose(node, 'a', 'b', 'c', 'd');
    return node; // 1 noop, 2 to 5
  }

  it.each([
    [0, 6],
    [1, 5],
    [4, 2],
    [5, 1],
    [100, 1],
  ])('P29 §7: keepEntries %d leaves the log from index %d on', (keepEntries, firstIndex) => {
    const node = applied();
    node.step({ type: 'snapshot', index: 5, data: bytes('state'), keepEntries });
    expect(node.status()).toMatchObject({ snapshotIndex: 5, firstIndex, lastIndex: 5 });
  });

  it('P90: the first applied index is the first that there can be', () => {
    const node = applied();
    node.step({ type: 'snapshot', index: 1, data: bytes('noop') });
    expect(node.log.snapshotIndex()).toBe(1);
  });

  it.each([0, 6, -1, 1.5, Number.NaN])('P98: a snapshot at %d, which is not applied, is refused', (index) => {
    const node = applied();
    const before = snapshotOf(node);
    expect(refusal(() => node.step({ type: 'snapshot', index, data: bytes('') }))).toBe(
      `CONFIG_INVALID: a snapshot at ${index} is not one of what is applied (5)`,
    );
    expect(snapshotOf(node)).toEqual(before);
  });

  it.each([-1, 0.5, Number.NaN])('P98: keepEntries %d is refused', (keepEntries) => {
    const node = applied();
    expect(refusal(() => node.step({ type: 'snapshot', index: 5, data: bytes(''), keepEntries }))).toBe(
      `CONFIG_INVALID: keepEntries is ${keepEntries} but must be a whole number from 0`,
    );
    expect(node.log.snapshotIndex()).toBe(0);
  });

  it.each(['inline', 'deferred'] as const)(
    'P91: one that is not newer than the present is no change (%s)',
    (durability) => {
      const node = nodeWithLog({ terms: [1, 1, 1, 1], durability });
      receive(node, { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 4, round: 1 });
      node.step({ type: 'snapshot', index: 4, data: bytes('four') });
      const { length } = node.log.mutations;
      for (const index of [3, 4])
        expect(node.step({ type: 'snapshot', index, data: bytes('other') })).toEqual([]);
      expect([node.log.snapshot()?.data, node.log.mutations.length]).toEqual([bytes('four'), length]);
    },
  );

  it('the driver is asked for one after snapshotThreshold applied entries, and again after as many more', () => {
    const node = nodeWithLog({ peers: [], config: { snapshotThreshold: 3 } });
    electLeader(node);
    const asked: string[] = [];
    for (let i = 0; i < 8; i++)
      asked.push(...described(propose(node, 'x')).filter((text) => text.startsWith('snapshot')));
    expect(asked).toEqual(['snapshot wanted at 3/t1', 'snapshot wanted at 6/t1', 'snapshot wanted at 9/t1']);
    node.step({ type: 'snapshot', index: 9, data: bytes('state') });
    expect(described(propose(node, 'x', 'y', 'z')).at(-1)).toBe('snapshot wanted at 12/t1');
  });

  it('with threshold 0 it is never asked', () => {
    const node = nodeWithLog({ peers: [], config: { snapshotThreshold: 0 } });
    electLeader(node);
    for (let i = 0; i < 50; i++) expect(described(propose(node, 'x')).join()).not.toContain('snapshot');
  });
});
