// The tree against a plain Map, and images of it that stand still while it changes.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_TIME, OrderedTree } from '../src/state/ordered-tree.js';

type Change = { readonly key: string; readonly value: string | undefined; readonly time: number };
type Contents = [string, string, number][];
type Model = Map<string, { value: string; time: number }>;

// Enough keys for three levels, few enough that they are met again.
const key = fc.nat(9000).map((number) => `k${number.toString(36)}`);
const change: fc.Arbitrary<Change> = fc.record({
  key,
  value: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
  time: fc.constantFrom(NO_TIME, NO_TIME, NO_TIME, 7, 1e15),
});
/** Runs of keys in and against the order: what fills and empties whole nodes. */
const run: fc.Arbitrary<Change[]> = fc
  .record({ from: fc.nat(9000), length: fc.nat(400), isDown: fc.boolean(), isDeleted: fc.boolean() })
  .map(({ from, length, isDown, isDeleted }) =>
    Array.from({ length }, (_, nth) => ({
      key: `k${Math.abs(from + (isDown ? -nth : nth)).toString(36)}`,
      value: isDeleted ? undefined : `v${nth}`,
      time: NO_TIME,
    })),
  );
const changes = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: run }, { weight: 1, arbitrary: fc.array(change, { maxLength: 50 }) }),
    {
      maxLength: 30,
    },
  )
  .map((runs) => runs.flat());

function take(tree: OrderedTree, { key: name, value, time }: Change): void {
  if (value === undefined) tree.delete(name);
  else tree.set(name, value, time);
}

function takeModel(model: Model, { key: name, value, time }: Change): void {
  if (value === undefined) model.delete(name);
  else model.set(name, { value, time });
}

function contentsOf(model: Model): Contents {
  return [...model]
    .map(([name, { value, time }]): [string, string, number] => [name, value, time])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function readAll(tree: OrderedTree): Contents {
  const image = tree.image();
  const all = [...image.entries()].map((entry): [string, string, number] => [...entry]);
  image.close();
  return all;
}

describe('OrderedTree', () => {
  it('is a map whose keys are in order', () => {
    fc.assert(
      fc.property(changes, (steps) => {
        const tree = new OrderedTree();
        const model: Model = new Map();
        for (const step of steps) {
          const before = model.get(step.key);
          expect(tree.find(step.key)).toBe(before?.value);
          if (before !== undefined) expect(tree.foundTime).toBe(before.time);
          const replaced =
            step.value === undefined ? tree.delete(step.key) : tree.set(step.key, step.value, step.time);
          expect(replaced).toBe(before?.value);
          if (before !== undefined) expect(tree.foundTime).toBe(before.time);
          takeModel(model, step);
          expect(tree.size).toBe(model.size);
        }
        const contents = contentsOf(model);
        expect(readAll(tree)).toEqual(contents);
        expect(tree.first).toBe(contents[0]?.[0]);
      }),
    );
  });

  it('walks from any key on, until it is told to end', () => {
    fc.assert(
      fc.property(changes, key, fc.nat(200), (steps, from, limit) => {
        const tree = new OrderedTree();
        for (const step of steps) take(tree, step);
        const expected = readAll(tree)
          .map(([name]) => name)
          .filter((name) => name >= from)
          .slice(0, limit + 1);
        const met: string[] = [];
        tree.walk(from, (name) => {
          met.push(name);
          return met.length <= limit;
        });
        expect(met).toEqual(expected);
      }),
    );
  });

  it.each(['first to last', 'last to first', 'from the middle'])('is emptied %s', (order) => {
    const tree = new OrderedTree();
    const names = Array.from({ length: 10_000 }, (_, nth) => String(nth).padStart(5, '0'));
    for (const name of names) tree.set(name, '');
    const half = names.splice(order === 'from the middle' ? 5000 : names.length);
    if (order === 'last to first') names.reverse();
    for (const name of [...half, ...names]) {
      if (order === 'first to last') expect(tree.first).toBe(name);
      expect(tree.delete(name)).toBe('');
      expect(tree.pick((below) => below - 1) === undefined).toBe(tree.size === 0);
      expect(tree.pick(() => 0)).toBe(tree.first);
    }
    expect(tree.size).toBe(0);
    tree.set('again', '1');
    expect(readAll(tree)).toEqual([['again', '1', NO_TIME]]);
  });

  it('picks each of its keys, and no other', () => {
    const tree = new OrderedTree();
    expect(tree.pick(() => 0)).toBeUndefined();
    const names = Array.from({ length: 500 }, (_, nth) => `k${nth}`);
    for (const name of names) tree.set(name, '');
    const picked = new Set<string | undefined>();
    let state = 1;
    const choose = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    for (let nth = 0; nth < 20_000; nth++) picked.add(tree.pick(choose));
    expect(picked).toEqual(new Set(names));
  });
});

describe('TreeImage', () => {
  it('shows its own moment, whatever changes while it is read, also beside other images', () => {
    const scenario = fc.record({
      before: changes,
      // Between two portions of the reader, any number of changes.
      during: fc.array(changes, { maxLength: 6 }),
      portion: fc.integer({ min: 1, max: 500 }),
      closesFirst: fc.boolean(),
    });
    fc.assert(
      fc.property(scenario, ({ before, during, portion, closesFirst }) => {
        const tree = new OrderedTree();
        const model: Model = new Map();
        for (const step of before) {
          take(tree, step);
          takeModel(model, step);
        }
        const expected = contentsOf(model);
        const image = tree.image();
        expect(image.size).toBe(model.size);
        const seen: Contents = [];
        const waiting = [...during];
        let later: { image: ReturnType<OrderedTree['image']>; expected: Contents } | undefined;
        for (const entry of image.entries()) {
          seen.push([...entry]);
          if (seen.length % portion !== 0) continue;
          for (const step of waiting.shift() ?? []) {
            take(tree, step);
            takeModel(model, step);
          }
          later ??= { image: tree.image(), expected: contentsOf(model) };
        }
        expect(seen).toEqual(expected);
        if (closesFirst) image.close();
        for (const step of waiting.flat()) {
          take(tree, step);
          takeModel(model, step);
        }
        if (later !== undefined) expect([...later.image.entries()]).toEqual(later.expected);
        later?.image.close();
        if (!closesFirst) expect([...image.entries()]).toEqual(expected);
        image.close();
        image.close();
        expect(readAll(tree)).toEqual(contentsOf(model));
      }),
      { numRuns: 60 },
    );
  });

  it('ends when it is closed', () => {
    const tree = new OrderedTree();
    for (const name of 'abc') tree.set(name, '');
    const image = tree.image();
    const entries = image.entries();
    entries.next();
    image.close();
    tree.delete('b');
    expect(entries.next().done).toBe(true);
    expect([...image.entries()]).toEqual([]);
  });
});
