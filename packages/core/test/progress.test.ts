// What the leader knows of one peer: every transition of the three states, and what must never go back.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Progress } from '../src/tracker/progress.js';

const LIMITS = { maxInflightMessages: 2, maxInflightBytes: 1000 };

function probing(nextIndex: number): Progress {
  return new Progress(nextIndex, LIMITS);
}

/** Replicating, with `matchIndex` acknowledged. */
function replicating(matchIndex: number): Progress {
  const progress = probing(matchIndex + 1);
  progress.acknowledge(matchIndex);
  progress.becomeReplicate();
  return progress;
}

function positions(progress: Progress): [string, number, number] {
  return [progress.state, progress.matchIndex, progress.nextIndex];
}

describe('a peer in probe', () => {
  it('begins knowing nothing, and may be sent to', () => {
    const progress = probing(8);
    expect(positions(progress)).toEqual(['probe', 0, 8]);
    expect(progress.isPaused).toBe(false);
    expect(progress.recentlyActive).toBe(false);
  });

  it('pauses after one append, whatever it carried, and does not move nextIndex', () => {
    for (const bytes of [0, 50]) {
      const progress = probing(8);
      progress.probeOwed = true;
      progress.sent(9, bytes);
      expect(positions(progress)).toEqual(['probe', 0, 8]);
      expect([progress.isPaused, progress.probeOwed, progress.inflight.count]).toEqual([true, false, 0]);
    }
  });

  it('an acknowledgement that is news ends the pause and raises both indexes', () => {
    const progress = probing(8);
    progress.sent(8, 10);
    expect(progress.acknowledge(8)).toBe(true);
    expect(positions(progress)).toEqual(['probe', 8, 9]);
    expect(progress.isPaused).toBe(false);
  });

  it('an acknowledgement that is no news changes nothing', () => {
    const progress = replicating(8);
    expect(progress.acknowledge(8)).toBe(false);
    expect(progress.acknowledge(3)).toBe(false);
    expect(positions(progress)).toEqual(['replicate', 8, 9]);
  });

  it.each([
    // next, refused prev, hint -> next
    ['the hint is where the logs may agree', 10, 9, 4, 5],
    ['a hint at the refused index goes back by one at least', 10, 9, 9, 9],
    ['a hint beyond it too', 10, 9, 40, 9],
    ['nothing agrees', 10, 9, 0, 1],
    ['nextIndex is never 0', 2, 1, 0, 1],
  ])('a refusal: %s', (_name, next, prev, hint, expected) => {
    const progress = probing(next);
    progress.sent(next, 10);
    expect(progress.refuse(prev, hint)).toBe(true);
    expect(positions(progress)).toEqual(['probe', 0, expected]);
    expect(progress.isPaused).toBe(false);
  });

  it('a refusal of another probe than the last is overtaken, and the pause goes on', () => {
    const progress = probing(10);
    progress.sent(10, 10);
    expect(progress.refuse(8, 2)).toBe(false);
    expect(progress.refuse(10, 2)).toBe(false);
    expect(positions(progress)).toEqual(['probe', 0, 10]);
    expect(progress.isPaused).toBe(true);
  });

  it('P31: a refusal never takes nextIndex to matchIndex', () => {
    const progress = replicating(6);
    progress.becomeProbe();
    progress.nextIndex = 10;
    expect(progress.refuse(9, 2)).toBe(true);
    expect(positions(progress)).toEqual(['probe', 6, 7]);
  });
});

describe('a peer in replicate', () => {
  it('is streamed to: every append moves nextIndex, until the messages in flight are full', () => {
    const progress = replicating(4);
    progress.sent(6, 10);
    expect([...positions(progress), progress.isPaused]).toEqual(['replicate', 4, 7, false]);
    progress.sent(9, 10);
    expect([...positions(progress), progress.isPaused]).toEqual(['replicate', 4, 10, true]);
  });

  it('an empty append is not in flight', () => {
    const progress = replicating(4);
    progress.sent(4, 0);
    expect([...positions(progress), progress.inflight.count]).toEqual(['replicate', 4, 5, 0]);
  });

  it('P31: a refusal at or below matchIndex is stale; one above goes back to probing', () => {
    const progress = replicating(6);
    progress.sent(9, 10);
    expect(progress.refuse(5, 0)).toBe(false);
    expect(progress.refuse(6, 0)).toBe(false);
    expect([...positions(progress), progress.inflight.count]).toEqual(['replicate', 6, 10, 1]);
    expect(progress.refuse(9, 7)).toBe(true);
    expect([...positions(progress), progress.inflight.count]).toEqual(['probe', 6, 8, 0]);
    expect(progress.isPaused).toBe(false);
  });

  it('becoming probe forgets what is in flight and goes back to what is known', () => {
    const progress = replicating(6);
    progress.sent(9, 10);
    progress.becomeProbe();
    expect([...positions(progress), progress.inflight.count, progress.isPaused]).toEqual([
      'probe',
      6,
      7,
      0,
      false,
    ]);
  });
});

describe('a peer in snapshot', () => {
  function installing(): Progress {
    const progress = replicating(2);
    progress.becomeSnapshot(20);
    progress.snapshotElapsed = 5;
    return progress;
  }

  it('is sent nothing, not even a probe', () => {
    const progress = installing();
    expect([progress.isPaused, progress.pendingSnapshot]).toEqual([true, 20]);
    expect(() => progress.sent(3, 10)).toThrow('nothing is appended while a snapshot is installed');
  });

  it('heeds no refusal', () => {
    const progress = installing();
    expect(progress.refuse(2, 0)).toBe(false);
    expect(progress.state).toBe('snapshot');
  });

  it('probes behind the snapshot once it was delivered', () => {
    const progress = installing();
    progress.becomeProbe();
    expect(positions(progress)).toEqual(['probe', 2, 21]);
    expect([progress.pendingSnapshot, progress.snapshotElapsed]).toEqual([0, 0]);
  });

  it('probes from what is known when it is given up, after a sign of life', () => {
    const progress = installing();
    progress.snapshotGivenUp();
    expect(positions(progress)).toEqual(['probe', 2, 3]);
    expect([progress.isPaused, progress.snapshotFailed, progress.pendingSnapshot]).toEqual([true, true, 0]);
  });

  it('replicates behind what was acknowledged once it is installed', () => {
    const progress = installing();
    progress.acknowledge(20);
    progress.becomeReplicate();
    expect(positions(progress)).toEqual(['replicate', 20, 21]);
    expect([progress.pendingSnapshot, progress.snapshotElapsed]).toEqual([0, 0]);
  });
});

describe('a peer, whatever happens', () => {
  it('matchIndex never falls, and stays below nextIndex', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('sent' as const), count: fc.nat({ max: 4 }) }),
      fc.record({ type: fc.constant('ack' as const), index: fc.nat({ max: 30 }) }),
      fc.record({
        type: fc.constant('refuse' as const),
        prev: fc.nat({ max: 30 }),
        hint: fc.nat({ max: 30 }),
      }),
      fc.record({ type: fc.constantFrom('probe' as const, 'replicate' as const, 'givenUp' as const) }),
      fc.record({ type: fc.constant('snapshot' as const), index: fc.integer({ min: 1, max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (script) => {
        const progress = probing(5);
        let matchBefore = 0;
        for (const event of script) {
          if (event.type === 'sent' && !progress.isPaused)
            progress.sent(progress.nextIndex - 1 + event.count, event.count);
          else if (event.type === 'ack') progress.acknowledge(event.index);
          else if (event.type === 'refuse') progress.refuse(event.prev, event.hint);
          else if (event.type === 'probe') progress.becomeProbe();
          else if (event.type === 'replicate') progress.becomeReplicate();
          else if (event.type === 'givenUp') progress.snapshotGivenUp();
          else if (event.type === 'snapshot') progress.becomeSnapshot(event.index);
          expect(progress.matchIndex).toBeGreaterThanOrEqual(matchBefore);
          expect(progress.nextIndex).toBeGreaterThan(progress.matchIndex);
          matchBefore = progress.matchIndex;
        }
      }),
    );
  });
});
