// The bound on what is proposed and not committed: exactly full, one more, and what gives it back.

import { describe, expect, it } from 'vitest';
import type { RaftNode } from '../src/index.js';
import { appendReply, electLeader, nodeWithLog, propose, receive, snapshotOf } from './support/node.js';
import { refusedWith } from './support/refusal.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

describe('P30 the quota of uncommitted bytes', () => {
  // An entry with a command of 10 bytes takes 16: two of them fit in 32, exactly.
  const TEN = 'x'.repeat(10);

  function leader(maxUncommittedBytes: number, terms: number[] = []): Node {
    const node = nodeWithLog({ terms, config: { maxUncommittedBytes } });
    electLeader(node);
    return node;
  }

  it('P30: is exactly full, and one more is refused, changing nothing', () => {
    const node = leader(32);
    propose(node, TEN);
    propose(node, TEN);
    expect(node.status().leadership?.uncommittedBytes).toBe(32);
    const before = snapshotOf(node);
    const { code, detail } = refusedWith(() => propose(node, ''));
    expect([code, detail]).toEqual([
      'QUOTA_EXCEEDED',
      { reason: 'uncommittedBytes', uncommittedBytes: 32, bytes: 6, maxUncommittedBytes: 32 },
    ]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P30: counts a batch as a whole: none of it is taken when it does not fit', () => {
    const node = leader(40);
    propose(node, TEN);
    expect(refusedWith(() => propose(node, 'a', TEN, TEN)).code).toBe('QUOTA_EXCEEDED');
    expect(node.log.lastIndex()).toBe(2);
    propose(node, TEN);
    expect(node.log.lastIndex()).toBe(3);
  });

  it('P30: one proposal above the limit passes when nothing else is uncommitted, and only then', () => {
    const node = leader(20);
    propose(node, 'y'.repeat(100));
    expect(refusedWith(() => propose(node, '')).code).toBe('QUOTA_EXCEEDED');
    receive(node, appendReply(node, 2));
    propose(node, '');
    expect(refusedWith(() => propose(node, 'y'.repeat(100))).code).toBe('QUOTA_EXCEEDED');
  });

  it('P30: a commit gives back what it covers, and no more', () => {
    const node = leader(64);
    for (let i = 0; i < 3; i++) propose(node, TEN);
    expect(node.status().leadership?.uncommittedBytes).toBe(48);
    receive(node, appendReply(node, 3, { matchIndex: 3 }));
    expect(node.status().leadership?.uncommittedBytes).toBe(16);
    receive(node, appendReply(node, 3, { matchIndex: 4 }));
    expect(node.status().leadership?.uncommittedBytes).toBe(0);
  });

  it('P30: counts neither what earlier leaders left nor the noop', () => {
    const node = nodeWithLog({ terms: [1, 1, 1, 1, 1, 1], config: { maxUncommittedBytes: 16 } });
    electLeader(node, { ready: false });
    expect(node.status().leadership?.uncommittedBytes).toBe(0);
    propose(node, TEN);
    expect(node.status().leadership?.uncommittedBytes).toBe(16);
  });
});
