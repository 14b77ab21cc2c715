// The marks that tell which index is on stable storage, against a model that keeps every image of the log.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Durability } from '../src/protocol/durability.js';

describe('the durable index', () => {
  it('begins with what the log was opened with', () => {
    const durability = new Durability(4, 9);
    expect([durability.seq, durability.index]).toEqual([4, 9]);
  });

  it('rises to the last index of the newest durable mutation, not of the newest staged one', () => {
    const durability = new Durability(0, 0);
    durability.staged(1, 3);
    durability.staged(2, 5);
    durability.staged(3, 8);
    expect(durability.index).toBe(0);
    expect(durability.advance(2)).toBe(true);
    expect([durability.seq, durability.index]).toEqual([2, 5]);
    expect(durability.advance(3)).toBe(true);
    expect([durability.seq, durability.index]).toEqual([3, 8]);
  });

  it('a flush that covers no mark moves the seq and nothing else', () => {
    const durability = new Durability(0, 2);
    durability.staged(5, 7);
    expect(durability.advance(4)).toBe(true);
    expect([durability.seq, durability.index]).toEqual([4, 2]);
    expect(durability.advance(5)).toBe(true);
    expect(durability.index).toBe(7);
  });

  it('P44: old news changes nothing: the seq never falls', () => {
    const durability = new Durability(0, 0);
    durability.staged(1, 1);
    durability.staged(2, 2);
    expect(durability.advance(2)).toBe(true);
    expect(durability.advance(1)).toBe(false);
    expect(durability.advance(2)).toBe(false);
    expect([durability.seq, durability.index]).toEqual([2, 2]);
  });

  it('a truncation pulls down the index and every pending mark', () => {
    const durability = new Durability(0, 4);
    durability.staged(1, 9); // appends 5 to 9
    durability.clamp(5); // truncates from 6 ...
    durability.staged(2, 5);
    durability.staged(3, 9); // ... and others are appended at 6 to 9
    durability.advance(1);
    expect(durability.index).toBe(5);
    durability.advance(2);
    expect(durability.index).toBe(5);
    durability.advance(3);
    expect(durability.index).toBe(9);
  });

  it('a truncation below the durable index takes it down at once', () => {
    const durability = new Durability(7, 20);
    durability.clamp(11);
    expect([durability.seq, durability.index]).toEqual([7, 11]);
    durability.clamp(15);
    expect(durability.index).toBe(11);
  });

  it('every mutation takes a new seq', () => {
    const durability = new Durability(0, 0);
    durability.staged(1, 1);
    expect(() => durability.staged(1, 2)).toThrow('every mutation takes a new seq');
    // Once it is durable its mark is gone, and a new one is compared with nothing.
    durability.advance(1);
    expect(() => durability.staged(2, 2)).not.toThrow();
  });

  it('is exactly the common prefix of the durable image and the log as it reads now', () => {
    // An image is a list of unique labels: the same label at the same place means the same entry.
    const steps = fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('append' as const), count: fc.integer({ min: 1, max: 3 }) }),
        fc.record({ type: fc.constant('truncate' as const), to: fc.nat({ max: 12 }) }),
        fc.record({ type: fc.constant('vote' as const) }),
        fc.record({
          type: fc.constant('flush' as const),
          share: fc.nat({ max: 4 }).map((quarters) => quarters / 4),
        }),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const durability = new Durability(0, 0);
        const images: number[][] = [[]]; // images[seq]
        let label = 0;
        for (const step of script) {
          const now = images.at(-1) as number[];
          if (step.type === 'flush') {
            durability.advance(Math.round(step.share * (images.length - 1)));
          } else if (step.type === 'truncate') {
            const next = now.slice(0, step.to);
            durability.clamp(next.length);
            images.push(next);
            durability.staged(images.length - 1, next.length);
          } else {
            const added = step.type === 'append' ? Array.from({ length: step.count }, () => label++) : [];
            images.push([...now, ...added]);
            durability.staged(images.length - 1, now.length + added.length);
          }
          const reads = images.at(-1) as number[];
          const durable = images[durability.seq] as number[];
          const differsAt = reads.findIndex((entry, i) => durable[i] !== entry);
          const common = differsAt === -1 ? reads.length : differsAt;
          expect(durability.index).toBe(common);
        }
      }),
      { numRuns: 500 },
    );
  });
});
