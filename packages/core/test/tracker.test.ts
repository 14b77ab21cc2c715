// The leader's view of the others, and what a quorum of it says.

import { describe, expect, it } from 'vitest';
import { Tracker } from '../src/tracker/tracker.js';
import { configuration } from './support/node.js';

const LIMITS = { maxInflightMessages: 4, maxInflightBytes: 1000 };

function tracker(self: number, config: ReturnType<typeof configuration>, nextIndex = 1): Tracker {
  return new Tracker(self, config, LIMITS, nextIndex);
}

function match(view: Tracker, matches: Readonly<Record<number, number>>): void {
  for (const [id, index] of Object.entries(matches)) view.progress(Number(id))?.acknowledge(index);
}

describe('the tracker', () => {
  it('knows every member but itself, by rising id: voters, outgoing voters and learners', () => {
    const joint = configuration([5, 3, 1], { votersOutgoing: [2, 1], learners: [9, 4] });
    expect([...tracker(1, joint).peers.keys()]).toEqual([2, 3, 4, 5, 9]);
    expect(tracker(1, joint).progress(1)).toBeUndefined();
  });

  it('a configuration adds and removes peers, and keeps what is known of the rest', () => {
    const view = tracker(1, configuration([1, 2, 3]), 7);
    match(view, { 2: 6 });
    const kept = view.progress(2);
    view.configure(configuration([1, 2], { learners: [4] }), 9);
    expect([...view.peers.keys()]).toEqual([2, 4]);
    expect(view.progress(2)).toBe(kept);
    expect([view.progress(4)?.matchIndex, view.progress(4)?.nextIndex]).toEqual([0, 9]);
    // A server that comes back is a stranger again.
    view.configure(configuration([1, 2, 3]), 12);
    expect([view.progress(3)?.matchIndex, view.progress(3)?.nextIndex]).toEqual([0, 12]);
  });

  it.each<[string, ReturnType<typeof configuration>, number, Record<number, number>, number]>([
    ['the own index is one of three', configuration([1, 2, 3]), 9, { 2: 5, 3: 2 }, 5],
    ['the own disk may be the slow one', configuration([1, 2, 3]), 1, { 2: 5, 3: 4 }, 4],
    ['alone', configuration([1]), 6, {}, 6],
    ['learners count for nothing', configuration([1, 2, 3], { learners: [4, 5] }), 9, { 4: 9, 5: 9 }, 0],
    ['a leader outside the voters does not count itself', configuration([2, 3, 4]), 9, { 2: 3, 3: 2 }, 2],
    ['joint: both halves', configuration([1, 2], { votersOutgoing: [1, 3] }), 9, { 2: 7, 3: 4 }, 4],
  ])('committed: %s', (_name, config, own, matches, expected) => {
    const view = tracker(1, config);
    match(view, matches);
    expect(view.committedIndex(own)).toBe(expected);
  });

  it('a round is confirmed when a quorum has answered it or a later one', () => {
    const view = tracker(1, configuration([1, 2, 3, 4, 5]));
    expect(view.confirmedRound(6)).toBe(0);
    for (const [id, round] of [
      [2, 6],
      [3, 4],
    ] as const) {
      const progress = view.progress(id);
      if (progress !== undefined) progress.ackedRound = round;
    }
    expect(view.confirmedRound(6)).toBe(4);
  });

  it('the quorum check counts who was heard since the last one, and begins anew', () => {
    const view = tracker(1, configuration([1, 2, 3]));
    expect(view.checkQuorum()).toBe(false);
    const progress = view.progress(3);
    if (progress !== undefined) progress.recentlyActive = true;
    expect(view.checkQuorum()).toBe(true);
    expect(view.checkQuorum()).toBe(false);
  });

  it('a newcomer counts as heard until the next check: adding it never costs the quorum', () => {
    const view = tracker(1, configuration([1]));
    view.configure(configuration([1, 2]), 5);
    expect(view.checkQuorum()).toBe(true);
    expect(view.checkQuorum()).toBe(false);
  });

  it('a newcomer is asked at once what it holds', () => {
    const view = tracker(1, configuration([1, 2]));
    const known = view.progress(2);
    if (known !== undefined) known.probeOwed = false;
    view.configure(configuration([1, 2, 3]), 5);
    expect([view.progress(2)?.probeOwed, view.progress(3)?.probeOwed]).toEqual([false, true]);
  });
});
