// What is handed to the state machine, and when: committed, durable, in order, in bounded pieces, each entry once.

import { describe, expect, it } from 'vitest';
import {
  append,
  appendReply,
  appliedIndexes,
  bytes,
  configEntry,
  configuration,
  described,
  electLeader,
  entry,
  flush,
  heartbeat,
  nodeWithLog,
  noop,
  propose,
  receive,
  tick,
} from './support/node.js';
import { refusedWith } from './support/refusal.js';

describe('applying (§5.3)', () => {
  it('hands out normal entries only, in index order, each once', () => {
    const entries = [
      noop(1, 1),
      entry(2, 1, 'a'),
      configEntry(3, 1, configuration([1, 2, 3])),
      noop(4, 2),
      entry(5, 2, 'b'),
    ];
    const node = nodeWithLog({ entries });
    expect(described(receive(node, append(node, 2, { term: 2, leaderCommit: 4 })))).toContain(
      'apply 2/t1"a"',
    );
    expect(node.lastApplied).toBe(4);
    expect(described(receive(node, heartbeat(node, 2, { leaderCommit: 5 })))).toContain('apply 5/t2"b"');
    expect(
      appliedIndexes([...receive(node, heartbeat(node, 2, { leaderCommit: 5 })), ...tick(node, 5)]),
    ).toEqual([]);
  });

  it('says nothing where there is nothing normal, and still moves on', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), noop(2, 2)] });
    const actions = receive(node, append(node, 2, { term: 2, leaderCommit: 2 }));
    expect(actions.some(({ type }) => type === 'apply')).toBe(false);
    expect(node.lastApplied).toBe(2);
  });

  it('hands out at most maxApplyBytes in one step, at least one entry, and goes on with the next step whatever it is', () => {
    // Entries of 16 bytes: two fit in 32 exactly.
    const texts = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(10));
    const node = nodeWithLog({ config: { maxApplyBytes: 32 } });
    electLeader(node);
    propose(node, ...texts);
    expect(node.hasUnapplied).toBe(false);
    expect(appliedIndexes(receive(node, appendReply(node, 2)))).toEqual([2, 3]);
    expect([node.commitIndex, node.lastApplied, node.hasUnapplied]).toEqual([6, 3, true]);
    expect(appliedIndexes(tick(node))).toEqual([4, 5]);
    expect(node.hasUnapplied).toBe(true);
    expect(appliedIndexes(node.step({ type: 'durable', seq: 0 }))).toEqual([6]);
    expect([node.lastApplied, node.hasUnapplied]).toEqual([6, false]);

    const tiny = nodeWithLog({ peers: [], config: { maxApplyBytes: 1 } });
    electLeader(tiny);
    expect(appliedIndexes(propose(tiny, 'large', 'larger'))).toEqual([2]);
    expect(appliedIndexes(tick(tiny))).toEqual([3]);
  });

  it('what is committed and not durable is not waiting to be applied', () => {
    const node = nodeWithLog({ durability: 'deferred', terms: [1] });
    receive(node, append(node, 2, { term: 1, terms: [1], leaderCommit: 2 }));
    expect([node.commitIndex, node.lastApplied, node.hasUnapplied]).toEqual([2, 1, false]);
    expect(appliedIndexes(flush(node))).toEqual([2]);
  });

  it('begins behind what the state machine says it has applied, and behind the snapshot', () => {
    const own = nodeWithLog({ terms: [1, 1, 1], config: { applied: 2 } });
    expect([own.commitIndex, own.lastApplied]).toEqual([2, 2]);
    expect(appliedIndexes(receive(own, append(own, 2, { term: 1, leaderCommit: 3 })))).toEqual([3]);
    expect(refusedWith(() => nodeWithLog({ terms: [1, 1, 1], config: { applied: 4 } })).code).toBe(
      'CONFIG_INVALID',
    );
    expect(nodeWithLog({ terms: [1, 1, 1], config: { applied: 3 } }).lastApplied).toBe(3);
  });

  it('asks for a snapshot once the threshold is reached: not one entry before, and once', () => {
    const node = nodeWithLog({ config: { snapshotThreshold: 3 } });
    electLeader(node); // applies 1
    const wanted = (text: string) => {
      propose(node, text);
      return described(receive(node, appendReply(node, 2))).filter((line) =>
        line.startsWith('snapshot wanted'),
      );
    };
    expect(wanted('a')).toEqual([]);
    expect(wanted('b')).toEqual(['snapshot wanted at 3/t1']);
    expect(wanted('c')).toEqual([]); // already asked
    node.step({ type: 'snapshot', index: 3, data: bytes('s') });
    expect(wanted('d')).toEqual([]);
    expect(wanted('e')).toEqual(['snapshot wanted at 6/t1']);
  });

  it('asks again when a snapshot that was asked for never came, after as many entries more', () => {
    const node = nodeWithLog({ config: { snapshotThreshold: 2 } });
    electLeader(node);
    const wanted: string[] = [];
    for (let i = 0; i < 5; i++) {
      propose(node, `${i}`);
      wanted.push(
        ...described(receive(node, appendReply(node, 2))).filter((line) =>
          line.startsWith('snapshot wanted'),
        ),
      );
    }
    expect(wanted).toEqual(['snapshot wanted at 2/t1', 'snapshot wanted at 4/t1', 'snapshot wanted at 6/t1']);
  });

  it('never asks without a threshold', () => {
    const node = nodeWithLog({ peers: [] });
    electLeader(node);
    const actions = Array.from({ length: 50 }, (_, i) => propose(node, `${i}`)).flat();
    expect(actions.some(({ type }) => type === 'snapshot')).toBe(false);
  });
});
