// Unanswered appends to one peer: bounded by messages and by bytes, against a plain list.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflight } from '../src/tracker/inflight.js';

describe('appends in flight', () => {
  it('are full at the message limit: not one before, exactly then', () => {
    const inflight = new Inflight(2, 1000);
    expect(inflight.isFull).toBe(false);
    inflight.add(1, 10);
    expect(inflight.isFull).toBe(false);
    inflight.add(2, 10);
    expect([inflight.isFull, inflight.count, inflight.bytes]).toEqual([true, 2, 20]);
  });

  it('are full at the byte limit; one larger message goes out alone', () => {
    const inflight = new Inflight(100, 100);
    inflight.add(1, 99);
    expect(inflight.isFull).toBe(false);
    inflight.add(2, 1);
    expect(inflight.isFull).toBe(true);
    inflight.freeThrough(2);
    inflight.add(3, 5000);
    expect([inflight.isFull, inflight.count, inflight.bytes]).toEqual([true, 1, 5000]);
  });

  it('an answer frees everything at or below its index, and nothing above', () => {
    const inflight = new Inflight(10, 1000);
    for (const index of [3, 5, 9]) inflight.add(index, index);
    inflight.freeThrough(2);
    expect([inflight.count, inflight.bytes]).toEqual([3, 17]);
    inflight.freeThrough(5);
    expect([inflight.count, inflight.bytes]).toEqual([1, 9]);
    inflight.freeThrough(100);
    expect([inflight.count, inflight.bytes]).toEqual([0, 0]);
  });

  it('giving up the oldest makes room for one; of nothing it is nothing', () => {
    const inflight = new Inflight(1, 1000);
    inflight.freeFirst();
    expect([inflight.count, inflight.bytes]).toEqual([0, 0]);
    inflight.add(1, 7);
    inflight.freeFirst();
    expect([inflight.isFull, inflight.count, inflight.bytes]).toEqual([false, 0, 0]);
  });

  it('behaves as a bounded list of sends, however often the ring goes round', () => {
    const operations = fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('add' as const), bytes: fc.nat({ max: 50 }) }),
        fc.record({ type: fc.constant('free' as const), behind: fc.nat({ max: 5 }) }),
        fc.record({ type: fc.constant('first' as const) }),
        fc.record({ type: fc.constant('clear' as const) }),
      ),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 20 }), (script, messagesMax) => {
        const inflight = new Inflight(messagesMax, 200);
        let model: { index: number; bytes: number }[] = [];
        let index = 0;
        for (const operation of script) {
          if (operation.type === 'add' && !inflight.isFull) {
            inflight.add(++index, operation.bytes);
            model.push({ index, bytes: operation.bytes });
          } else if (operation.type === 'free') {
            inflight.freeThrough(index - operation.behind);
            model = model.filter((item) => item.index > index - operation.behind);
          } else if (operation.type === 'first') {
            inflight.freeFirst();
            model.shift();
          } else if (operation.type === 'clear') {
            inflight.clear();
            model = [];
          }
          const bytes = model.reduce((sum, item) => sum + item.bytes, 0);
          expect([inflight.count, inflight.bytes]).toEqual([model.length, bytes]);
          expect(inflight.isFull).toBe(model.length >= messagesMax || bytes >= 200);
        }
      }),
    );
  });
});
