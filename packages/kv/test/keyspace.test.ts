// The keyspace against a plain Map, and images of it that stand still while it changes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Keyspace } from '../src/state/keyspace.js';

type Step = { readonly key: string; readonly value: string | undefined };

const key = fc.constantFrom(...'abcdefgh');
const step: fc.Arbitrary<Step> = fc.record({
  key,
  value: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
});

function take(keyspace: Keyspace, { key: name, value }: Step): void {
  if (value === undefined) keyspace.delete(name);
  else keyspace.set(name, value);
}

function contents(model: ReadonlyMap<string, string>): [string, string][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('Keyspace', () => {
  // Two keys to a map: what the limit of a Map makes of the keyspace is met at once.
  it.each([2, 1000])('is a map, also where it takes several Maps (%i keys each)', (keysPerMapMax) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const keyspace = new Keyspace(keysPerMapMax);
        const model = new Map<string, string>();
        for (const one of steps) {
          take(keyspace, one);
          if (one.value === undefined) model.delete(one.key);
          else model.set(one.key, one.value);
          expect(keyspace.get(one.key)).toBe(model.get(one.key));
          expect(keyspace.size).toBe(model.size);
          const bytes = [...model].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
          expect(keyspace.bytes).toBe(bytes);
        }
        expect(contents(new Map(keyspace.image().entries()))).toEqual(contents(model));
      }),
    );
  });
});

describe('KeyspaceImage', () => {
  it.each([2, 1000])(
    'shows its own moment, whatever changes while it is read (%i keys each)',
    (keysPerMapMax) => {
      const scenario = fc.record({
        before: fc.array(step, { maxLength: 40 }),
        // Between two steps of the reader, any number of changes.
        during: fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 40 }),
        second: fc.nat(20),
      });
      fc.assert(
        fc.property(scenario, ({ before, during, second }) => {
          const keyspace = new Keyspace(keysPerMapMax);
          for (const one of before) take(keyspace, one);
          const expected = contents(new Map(keyspace.image().entries()));
          const image = keyspace.image();
          const seen = new Map<string, string>();
          let later: { image: ReturnType<Keyspace['image']>; expected: [string, string][] } | undefined;
          const changes = [...during];
          for (const [nth, steps] of (changes.shift() ?? []).entries()) {
            take(keyspace, steps);
            if (nth === second) later = { image: keyspace.image(), expected: [] };
          }
          let read = 0;
          for (const [name, value] of image.entries()) {
            expect(seen.get(name) ?? value).toBe(value);
            seen.set(name, value);
            for (const one of changes.shift() ?? []) take(keyspace, one);
            if (read === second) {
              const plain = new Map(keyspace.image().entries());
              later = { image: keyspace.image(), expected: contents(plain) };
            }
            read += 1;
            expect(read).toBeLessThan(100);
          }
          expect(contents(seen)).toEqual(expected);
          if (later !== undefined && later.expected.length > 0) {
            expect(contents(new Map(later.image.entries()))).toEqual(later.expected);
          }
        }),
        { numRuns: 500 },
      );
    },
  );

  it('ends although keys are deleted and added again as fast as it reads', () => {
    const keyspace = new Keyspace();
    for (const name of 'abcd') keyspace.set(name, 'old');
    const image = keyspace.image();
    const seen: string[] = [];
    for (const [name, value] of image.entries()) {
      expect(value).toBe('old');
      seen.push(name);
      for (const churned of 'abcd') {
        keyspace.delete(churned);
        keyspace.set(churned, 'new');
      }
      expect(seen.length).toBeLessThan(20);
    }
    expect(new Set(seen)).toEqual(new Set('abcd'));
  });
});
