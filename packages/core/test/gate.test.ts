// The FIFO that holds back what a crash could take back.

import { describe, expect, it } from 'vitest';
import { type Effect, GATED_EFFECTS_MAX, Gate } from '../src/protocol/gate.js';
import { configuration } from './support/node.js';

function message(round: number): Effect {
  return { type: 'send', message: { type: 'heartbeatReply', from: 1, to: 2, term: 1, round } };
}

const restore: Effect = {
  type: 'restore',
  snapshot: { index: 9, term: 1, configuration: configuration([1]), data: new Uint8Array(0) },
};

describe('the gate', () => {
  it('is empty at first, and counts what it holds', () => {
    const gate = new Gate();
    expect([gate.isEmpty, gate.length, gate.requiredSeq, gate.holdsRestore]).toEqual([true, 0, 0, false]);
    gate.hold(3, 1, message(1));
    gate.hold(5, 1, message(2));
    expect([gate.isEmpty, gate.length, gate.requiredSeq]).toEqual([false, 2, 5]);
  });

  it('releases an effect when its seq is durable: not one before, exactly then', () => {
    const gate = new Gate();
    gate.hold(3, 1, message(1));
    expect(gate.release(2, 1)).toBeUndefined();
    expect(gate.length).toBe(1);
    expect(gate.release(3, 1)).toEqual(message(1));
    expect(gate.isEmpty).toBe(true);
    expect(gate.release(3, 1)).toBeUndefined();
  });

  it('releases in the order in which effects were decided, one at a time', () => {
    const gate = new Gate();
    for (const [seq, round] of [
      [1, 1],
      [1, 2],
      [4, 3],
    ] as const)
      gate.hold(seq, 1, message(round));
    expect(gate.release(9, 1)).toEqual(message(1));
    expect(gate.release(9, 1)).toEqual(message(2));
    expect(gate.release(3, 1)).toBeUndefined();
    expect(gate.release(4, 1)).toEqual(message(3));
  });

  it('drops what was said in a term that has passed, and goes on to what has not', () => {
    const gate = new Gate();
    gate.hold(1, 1, message(1));
    gate.hold(1, 1, { type: 'selfVote' });
    gate.hold(2, 2, message(3));
    expect(gate.release(1, 2)).toBeUndefined();
    expect(gate.length).toBe(1);
    expect(gate.release(2, 2)).toEqual(message(3));
  });

  it('keeps a snapshot restore across terms: the log has been replaced', () => {
    const gate = new Gate();
    gate.hold(1, 1, message(1));
    gate.hold(1, 1, restore);
    expect(gate.holdsRestore).toBe(true);
    expect(gate.release(0, 7)).toBeUndefined();
    expect(gate.holdsRestore).toBe(true);
    expect(gate.release(1, 7)).toEqual(restore);
    expect(gate.holdsRestore).toBe(false);
  });

  it('holds a restore until the last one has left', () => {
    const gate = new Gate();
    gate.hold(1, 1, restore);
    gate.hold(2, 1, restore);
    expect(gate.release(1, 1)).toEqual(restore);
    expect(gate.holdsRestore).toBe(true);
    expect(gate.release(2, 1)).toEqual(restore);
    expect(gate.holdsRestore).toBe(false);
  });

  it('is bounded: exactly full it holds every message, one more is lost, and what is no message is never lost', () => {
    const gate = new Gate();
    for (let round = 1; round <= GATED_EFFECTS_MAX; round++) gate.hold(1, 1, message(round));
    expect(gate.length).toBe(GATED_EFFECTS_MAX);
    gate.hold(2, 1, message(GATED_EFFECTS_MAX + 1));
    expect([gate.length, gate.requiredSeq]).toEqual([GATED_EFFECTS_MAX, 1]);
    gate.hold(3, 1, { type: 'selfVote' });
    gate.hold(3, 1, restore);
    expect([gate.length, gate.requiredSeq, gate.holdsRestore]).toEqual([GATED_EFFECTS_MAX + 2, 3, true]);
    for (let round = 1; round <= GATED_EFFECTS_MAX; round++)
      expect(gate.release(1, 1)).toEqual(message(round));
    expect([gate.release(3, 1), gate.release(3, 1)]).toEqual([{ type: 'selfVote' }, restore]);
    gate.hold(4, 1, message(7));
    expect(gate.release(4, 1)).toEqual(message(7));
  });
});
