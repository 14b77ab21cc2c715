import {
  type AppendListInput,
  type AppendListOutput,
  appendListModel,
  type CounterInput,
  checkHistory,
  counterModel,
  type HistoryOperation,
  type RegisterInput,
  type RegisterOutput,
  type RegisterValue,
  registerModel,
  SeededRandom,
} from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { isLinearizableByForce } from './support/brute-force.js';
import { concurrentRun } from './support/concurrent-run.js';

/** One operation: who, when, what, and what came of it (`undefined` as end: never heard). */
function op<Input, Output>(
  process: string,
  [invokedAt, completedAt]: readonly [number, number | undefined],
  input: Input,
  output?: Output,
): HistoryOperation<Input, Output> {
  return { process, key: 'x', input, output, invokedAt, completedAt };
}

/** Fits every output: it is never looked at. */
const UNHEARD = undefined as never;
const read = { type: 'read' } as const;
const write = (value: RegisterValue): RegisterInput => ({ type: 'write', value });
const append = (item: string): AppendListInput => ({ type: 'append', item });
const add = (amount: number): CounterInput => ({ type: 'add', amount });

const register = (...history: HistoryOperation<RegisterInput, RegisterOutput>[]) =>
  checkHistory(registerModel, history);
const counter = (...history: HistoryOperation<CounterInput, number>[]) => checkHistory(counterModel, history);
const list = (...history: HistoryOperation<AppendListInput, AppendListOutput>[]) =>
  checkHistory(appendListModel(), history);

describe('a violation is found', () => {
  it('a stale read: the value before a write that had ended', () => {
    const result = register(
      op('a', [0, 1], write(1), null),
      op('a', [2, 3], write(2), null),
      op('b', [4, 5], read, 1),
    );
    expect(result).toMatchObject({ verdict: 'violation', key: 'x' });
  });

  it('a lost write: acknowledged, and never seen again', () => {
    expect(register(op('a', [0, 1], write(1), null), op('b', [2, 3], read, null)).verdict).toBe('violation');
    expect(list(op('a', [0, 1], append('a'), 1), op('b', [2, 3], append('b'), 1)).verdict).toBe('violation');
  });

  it('a command applied twice', () => {
    expect(counter(op('a', [0, 1], add(1), 1), op('b', [2, 3], read, 2)).verdict).toBe('violation');
    expect(list(op('a', [0, 1], append('a'), 1), op('b', [2, 3], read, ['a', 'a'])).verdict).toBe(
      'violation',
    );
    // Also one whose outcome nobody heard: once or never.
    expect(
      list(op('a', [0, undefined], append('a'), UNHEARD), op('b', [2, 3], read, ['a', 'a'])).verdict,
    ).toBe('violation');
  });

  it('a read of what was never written', () => {
    expect(register(op('a', [0, 9], write(1), null), op('b', [2, 3], read, 7)).verdict).toBe('violation');
    expect(list(op('b', [2, 3], read, ['a'])).verdict).toBe('violation');
  });

  it('a read of what is written only later', () => {
    expect(register(op('b', [0, 1], read, 1), op('a', [2, 3], write(1), null)).verdict).toBe('violation');
  });

  it('two in the other order than they happened', () => {
    const a = op('a', [0, 1], append('a'), 1);
    const b = op('b', [2, 3], append('b'), 2);
    expect(list(a, b, op('c', [4, 5], read, ['b', 'a'])).verdict).toBe('violation');
    expect(list(a, b, op('c', [4, 5], read, ['a', 'b'])).verdict).toBe('linearizable');
  });

  it('two readers that see two writes in different orders', () => {
    const writes = [op('a', [0, 9], append('a'), 1), op('b', [0, 9], append('b'), 2)];
    const seen = (items: string[], from: number) => op('c', [from, from + 1], read, items);
    expect(list(...writes, seen(['a'], 1), seen(['a', 'b'], 3)).verdict).toBe('linearizable');
    expect(list(...writes, seen(['b'], 1), seen(['a', 'b'], 3)).verdict).toBe('violation');
  });

  it('a value that goes away again: seen by one, missed by a later one', () => {
    const unheard = op('a', [0, undefined], write(1), UNHEARD);
    expect(register(unheard, op('b', [1, 2], read, 1), op('c', [3, 4], read, null)).verdict).toBe(
      'violation',
    );
    expect(register(unheard, op('b', [1, 2], read, null), op('c', [3, 4], read, 1)).verdict).toBe(
      'linearizable',
    );
  });

  it('a comparison that both of two rivals win', () => {
    const set = (from: RegisterValue, to: RegisterValue): RegisterInput => ({
      type: 'compareAndSet',
      from,
      to,
    });
    const first = op('a', [0, 5], set(null, 1), true);
    expect(register(first, op('b', [0, 5], set(null, 2), true)).verdict).toBe('violation');
    expect(register(first, op('b', [0, 5], set(null, 2), false)).verdict).toBe('linearizable');
  });
});

describe('what may be is accepted', () => {
  it('an empty history, and one in which nobody heard anything', () => {
    expect(register()).toEqual({ verdict: 'linearizable', operations: 0, keys: 0, configurations: 0 });
    expect(register(op('a', [0, undefined], write(1), UNHEARD)).verdict).toBe('linearizable');
  });

  it('an outcome that nobody heard may come at any later time, or never', () => {
    const unheard = op('a', [0, undefined], write(1), UNHEARD);
    const later = (value: RegisterValue) => op('b', [100, 101], read, value);
    expect(register(unheard, later(1)).verdict).toBe('linearizable');
    expect(register(unheard, later(null)).verdict).toBe('linearizable');
    expect(register(unheard, op('b', [50, 51], write(2), null), later(1)).verdict).toBe('linearizable');
    // But not before it was asked for.
    expect(register(op('b', [-2, -1], read, 1), unheard).verdict).toBe('violation');
  });

  it('at the same moment an end and a beginning overlap', () => {
    expect(register(op('a', [0, 5], write(1), null), op('b', [5, 6], read, null)).verdict).toBe(
      'linearizable',
    );
  });

  it('keys are objects of their own', () => {
    const history = [op('a', [0, 1], write(1), null), { ...op('b', [2, 3], read, null), key: 'y' }];
    expect(checkHistory(registerModel, history)).toMatchObject({ verdict: 'linearizable', keys: 2 });
  });
});

/** Small whole numbers and few of them, so that a wrong answer is often a possible one. */
const registerInput = (random: SeededRandom): RegisterInput =>
  random.chance(0.5)
    ? { type: 'read' }
    : random.chance(0.7)
      ? { type: 'write', value: random.below(3) }
      : { type: 'compareAndSet', from: random.below(3), to: random.below(3) };

const registerOutput = (before: RegisterValue, _: RegisterValue, input: RegisterInput): RegisterOutput =>
  input.type === 'read' ? before : input.type === 'write' ? null : before === input.from;

describe('random histories', () => {
  it('of an object that is right are accepted', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      const shape = { operations: 300, clients: 1 + random.below(10), keys: 2, unknown: 0.1 };
      const registers = concurrentRun(random, registerModel, registerOutput, {
        ...shape,
        input: registerInput,
      });
      expect(checkHistory(registerModel, registers).verdict, `register, seed ${seed}`).toBe('linearizable');
      const counters = concurrentRun(random, counterModel, (_, after) => after, {
        ...shape,
        input: (chance): CounterInput => (chance.chance(0.5) ? read : add(chance.between(1, 3))),
      });
      expect(checkHistory(counterModel, counters).verdict, `counter, seed ${seed}`).toBe('linearizable');
    }
  });

  it('are judged as by trying every order', () => {
    const found = { linearizable: 0, violation: 0 };
    for (let seed = 1; seed <= 4000; seed++) {
      const random = new SeededRandom(seed);
      const shape = { operations: 6, clients: 4, keys: 1, unknown: 0.2, input: registerInput };
      const history = concurrentRun(random, registerModel, registerOutput, shape).map((operation) => {
        if (operation.input.type !== 'read' || random.chance(0.6)) return operation;
        return { ...operation, output: random.below(3) };
      });
      const { verdict } = checkHistory(registerModel, history);
      if (verdict === 'notDecided') throw new Error(`seed ${seed} was not decided`);
      expect(verdict === 'linearizable', `seed ${seed}`).toBe(isLinearizableByForce(registerModel, history));
      found[verdict] += 1;
    }
    // A comparison of one kind only would prove nothing.
    expect(found.linearizable).toBeGreaterThan(500);
    expect(found.violation).toBeGreaterThan(500);
  });

  it('of a hundred thousand operations are judged, and one wrong answer among them is found', () => {
    const random = new SeededRandom(7);
    const shape = { operations: 100_000, clients: 16, keys: 50, unknown: 0.01 };
    const history = concurrentRun(random, counterModel, (_, after) => after, {
      ...shape,
      input: (chance): CounterInput => (chance.chance(0.5) ? read : add(chance.between(1, 3))),
    });
    expect(checkHistory(counterModel, history)).toMatchObject({
      verdict: 'linearizable',
      operations: 100_000,
    });
    const reads = history.filter(({ input, output }) => input.type === 'read' && (output ?? 0) > 100);
    const wrong = random.pick(reads);
    const planted = history.map((operation) =>
      operation === wrong ? { ...operation, output: Number(operation.output) - 50 } : operation,
    );
    const result = checkHistory(counterModel, planted);
    expect(result).toMatchObject({ verdict: 'violation', key: wrong.key });
    if (result.verdict === 'violation') expect(result.counterexample.culprit.process).toBe(wrong.process);
  });
});

describe('a search that takes too long', () => {
  /** Many appends at once and a read that contradicts them only at its end: every order has to be tried. */
  const hard = [
    ...Array.from({ length: 14 }, (_, i) => op(`p${i}`, [0, undefined], append(String(i)), UNHEARD)),
    op('r', [1, 2], append('last'), 20),
  ];

  it('says that it does not know, at its bound of configurations and at its time', () => {
    const options = { configurationsMax: 20_000 };
    expect(checkHistory(appendListModel(), hard, options)).toMatchObject({
      verdict: 'notDecided',
      keys: ['x'],
    });
    let looks = 0;
    const isOver = () => ++looks > 3;
    expect(checkHistory(appendListModel(), hard, { isOver })).toMatchObject({ verdict: 'notDecided' });
    expect(looks).toBe(4);
  });

  it('a violation elsewhere is told all the same', () => {
    const history = [...hard, { ...op('z', [0, 1], read, ['never']), key: 'y' }];
    const result = checkHistory(appendListModel(), history, { configurationsMax: 5000 });
    expect(result).toMatchObject({ verdict: 'violation', key: 'y' });
  });
});

describe('a counterexample', () => {
  it('leaves out the reads that are not needed, and shows the rest over time', () => {
    const result = register(
      op('a', [0, 2], write(1), null),
      op('b', [1, 3], read, 1),
      op('c', [4, 8], write(2), null),
      op('b', [5, 6], read, 2),
      op('d', [7, 9], read, 1),
      op('e', [10, undefined], write(3), UNHEARD),
    );
    if (result.verdict !== 'violation') throw new Error(result.verdict);
    expect(`\n${result.counterexample.text}\n`).toBe(`
key "x": no order of the operations explains what process d was told.
Just before it returned the object held 2.
  a  |--|                     write 1
  c        |-----------|      write 2
  b           |--|            read -> 2
  d                 |-----|   read -> 1   <-- cannot be
`);
  });

  it('is a violation by itself, however much was left out', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed);
      const shape = { operations: 40, clients: 4, keys: 1, unknown: 0.1, input: registerInput };
      const history = concurrentRun(random, registerModel, registerOutput, shape).map((operation) =>
        operation.input.type === 'read' && random.chance(0.1)
          ? { ...operation, output: random.below(3) }
          : operation,
      );
      const result = checkHistory(registerModel, history);
      if (result.verdict !== 'violation') continue;
      const { operations, culprit } = result.counterexample;
      expect(checkHistory(registerModel, operations)).toMatchObject({ verdict: 'violation' });
      expect(operations).toContain(culprit);
    }
  });
});
