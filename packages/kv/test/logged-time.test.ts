// Keys expire by what the log says of the time, never by a clock: replicas agree, also over a snapshot.

import { encodeEntry, type LogEntry } from '@waldb/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeOperations, operationBytes, transactionOf } from '../src/operation/entry-codec.js';
import { EXPIRED_PER_ENTRY_MAX, EXPIRED_PER_SWEEP_MAX } from '../src/operation/expiry-operations.js';
import { OPERATION, type Operation } from '../src/operation/operation.js';
import { OK, type Reply } from '../src/resp/reply.js';
import { KvStateMachine } from '../src/state/kv-state-machine.js';
import { WATCHED_KEYS_MAX, watchToken } from '../src/state/watch-table.js';

interface Step {
  readonly time: number;
  readonly term: number;
  readonly operations: readonly Operation[];
}

/** A log that can be applied to any number of replicas. */
class Log {
  readonly entries: LogEntry[] = [];
  readonly times: number[] = [];

  add({ time, term, operations }: Step): void {
    const bytes = operations.reduce((sum, operation) => sum + operationBytes(operation), 0);
    const command = encodeOperations(operations, bytes);
    this.entries.push(encodeEntry({ term, index: this.entries.length + 1, kind: 'normal', command }));
    this.times.push(Math.max(time, this.times.at(-1) ?? 0));
  }

  /** Entries `from` to `to` - 1. */
  applyTo(machine: KvStateMachine, from: number, to: number): (readonly Reply[])[] {
    return machine.apply(this.entries.slice(from, to), { timeOf: (nth) => this.times[from + nth] as number });
  }
}

const operation = (code: Operation['code'], ...args: string[]): Operation => ({ code, args });
const set = (key: string, ms: number): Operation =>
  operation(OPERATION.setWithOptions, key, 'v', 'p', String(ms));
const get = (key: string): Operation => operation(OPERATION.get, key);

function at(machine: KvStateMachine, time: number, ...operations: Operation[]): readonly Reply[] {
  const log = new Log();
  log.add({ time, term: 1, operations });
  return log.applyTo(machine, 0, 1)[0] ?? [];
}

async function imageOf(machine: KvStateMachine): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of machine.snapshot()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function copyOf(machine: KvStateMachine): Promise<KvStateMachine> {
  const image = await imageOf(machine);
  const copy = new KvStateMachine();
  await copy.restore(
    (async function* () {
      yield image;
    })(),
  );
  return copy;
}

describe('logged time', () => {
  it('a key is there until logged time reaches its own, for reads and for entries', () => {
    const machine = new KvStateMachine();
    at(machine, 1000, set('k', 500));
    expect(machine.nextExpiry).toBe(1500);
    expect(at(machine, 1499, get('k'))).toEqual(['v']);
    expect(machine.read(get('k'))).toBe('v');
    expect(at(machine, 1500, get('k'))).toEqual([null]);
    expect([machine.size, machine.bytes, machine.nextExpiry]).toEqual([0, 0, Infinity]);
  });

  it("a server's own date changes what is told of the time left, and nothing else", () => {
    const machine = new KvStateMachine();
    at(machine, 1000, set('k', 500));
    const left = operation(OPERATION.timeLeft, 'k', '');
    expect(machine.read(left, 0)).toBe(500);
    expect(machine.read(left, 1100)).toBe(400);
    expect(machine.read(left, 99_999)).toBe(0);
    expect(machine.read(get('k'), 99_999)).toBe('v');
    expect(at(machine, 1200, left)).toEqual([300]);
  });

  it('a leader whose clock is behind revives nothing', () => {
    const machine = new KvStateMachine();
    at(machine, 1000, set('k', 500));
    at(machine, 2000, get('other'));
    expect(at(machine, 1400, get('k'))).toEqual([null]);
    expect(machine.time).toBe(2000);
  });

  it('expired keys go in portions, and none is seen meanwhile', () => {
    const machine = new KvStateMachine();
    const keys = EXPIRED_PER_ENTRY_MAX + EXPIRED_PER_SWEEP_MAX + 10;
    for (let nth = 0; nth < keys; nth++) at(machine, 1000, set(`k${nth}`, 500));
    expect(at(machine, 1500, get(`k${keys - 1}`))).toEqual([null]);
    expect(machine.size).toBe(keys - EXPIRED_PER_ENTRY_MAX);
    expect(
      at(machine, 1500, operation(OPERATION.listKeys, '*'), operation(OPERATION.scan, '', '*', '1000')),
    ).toEqual([[], [null, []]]);
    at(machine, 1500, operation(OPERATION.sweep));
    expect(machine.size).toBe(0);
  });

  it('an expired key that is set again is a new one', () => {
    const machine = new KvStateMachine();
    for (let nth = 0; nth < 100; nth++) at(machine, 1000, set(`k${nth}`, 500));
    expect(at(machine, 1500, operation(OPERATION.increment, 'k99', '1'))).toEqual([1]);
    expect(at(machine, 1500, operation(OPERATION.timeLeft, 'k99', ''))).toEqual([-1]);
  });
});

describe('watches', () => {
  const token = watchToken(1, 'a');
  const watch = operation(OPERATION.watch, token, 'k');
  const exec = transactionOf(token, [operation(OPERATION.set, 'done', '1')]);

  it('hold over what does not change their keys', () => {
    const machine = new KvStateMachine();
    expect(at(machine, 1, watch, operation(OPERATION.set, 'other', '1'), get('k'), exec)).toEqual([
      OK,
      OK,
      null,
      [OK],
    ]);
  });

  it.each<[string, Operation[]]>([
    ['a set', [operation(OPERATION.set, 'k', '1')]],
    ['a change and back', [operation(OPERATION.set, 'k', '1'), operation(OPERATION.delete, 'k')]],
    ['a rename onto it', [operation(OPERATION.set, 'x', '1'), operation(OPERATION.rename, 'x', 'k')]],
    ['a time to expire', [set('k', 1000)]],
  ])('are broken by %s', (_, change) => {
    const machine = new KvStateMachine();
    expect(at(machine, 1, watch, ...change, exec).at(-1)).toBeNull();
    expect(machine.read(get('done'))).toBeNull();
    // And it is over with it.
    expect(at(machine, 1, exec)).toEqual([null]);
  });

  it('are broken by a flush only where the key was there', () => {
    const machine = new KvStateMachine();
    const flush = operation(OPERATION.removeAll);
    expect(at(machine, 1, watch, flush, exec).at(-1)).toEqual([OK]);
    expect(at(machine, 1, operation(OPERATION.set, 'k', '1'), watch, flush, exec).at(-1)).toBeNull();
  });

  it('are broken by a key that expires after them, not by one that had expired before', () => {
    const machine = new KvStateMachine();
    for (let nth = 0; nth < 200; nth++) at(machine, 1000, set(`a${nth}`, 10));
    at(machine, 1000, set('k', 500));
    at(machine, 1499, watch);
    expect(at(machine, 1500, exec)).toEqual([null]);
    for (let nth = 0; nth < 200; nth++) at(machine, 2000, set(`a${nth}`, 10));
    at(machine, 2000, set('k', 10));
    // More has expired than an entry removes: the key is still in memory when it is watched.
    expect(at(machine, 3000, watch)).toEqual([OK]);
    at(machine, 3000, operation(OPERATION.sweep));
    expect(at(machine, 3000, exec)).toEqual([[OK]]);
  });

  it('are forgotten with the term, and one that goes on in a later term is broken', () => {
    const log = new Log();
    log.add({ time: 1, term: 1, operations: [watch] });
    log.add({ time: 1, term: 2, operations: [exec] });
    log.add({ time: 1, term: 3, operations: [operation(OPERATION.watch, token, 'other'), exec] });
    const machine = new KvStateMachine();
    expect(log.applyTo(machine, 0, 3)).toEqual([[OK], [null], [OK, null]]);
  });

  it('are bounded', () => {
    const machine = new KvStateMachine();
    const keys = Array.from({ length: WATCHED_KEYS_MAX }, (_, nth) => String(nth));
    expect(at(machine, 1, operation(OPERATION.watch, token, ...keys))).toEqual([OK]);
    expect(at(machine, 1, operation(OPERATION.watch, watchToken(1, 'b'), 'k'))[0]).toMatchObject({
      text: 'ERR too many keys are watched',
    });
    at(machine, 1, operation(OPERATION.unwatch, token));
    expect(at(machine, 1, operation(OPERATION.watch, watchToken(1, 'b'), 'k'))).toEqual([OK]);
  });
});

it('any log gives the same replies and the same bytes on every replica, also on one that was restored on the way', async () => {
  const key = fc.nat(12).map((nth) => `k${nth}`);
  const value = fc.constantFrom('1', '2.5', 'x', '');
  const time = fc.nat(40).map(String);
  const letters = fc.constantFrom('p', 'P', 'pn', 'px', 'pg', 'Pl', '');
  const token = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(2))
    .map(([term, nth]) => watchToken(term, String(nth)));
  const plain: fc.Arbitrary<Operation> = fc.oneof(
    fc.tuple(key, value).map((args) => operation(OPERATION.set, ...args)),
    fc.tuple(key, value, letters, time).map((args) => operation(OPERATION.setWithOptions, ...args)),
    fc.tuple(key, letters, time).map((args) => operation(OPERATION.expire, ...args)),
    fc
      .tuple(key, fc.constantFrom('p', 'P', '-'), time)
      .map((args) => operation(OPERATION.getAndExpire, ...args)),
    fc.tuple(key, key).map((args) => operation(OPERATION.rename, ...args)),
    fc.tuple(key, value).map((args) => operation(OPERATION.append, ...args)),
    fc.tuple(key, value).map((args) => operation(OPERATION.incrementDecimal, ...args)),
    fc.tuple(key, fc.constant('sa')).map((args) => operation(OPERATION.timeLeft, ...args)),
    key.map((one) => operation(OPERATION.timeLeft, one, '')),
    key.map((one) => operation(OPERATION.delete, one)),
    key.map((one) => operation(OPERATION.persist, one)),
    fc.nat().map((seed) => operation(OPERATION.randomKey, String(seed))),
    fc.constantFrom(
      operation(OPERATION.sweep),
      operation(OPERATION.countKeys),
      operation(OPERATION.listKeys, '*'),
    ),
    fc.constant(operation(OPERATION.removeAll)),
    fc.tuple(token, key).map((args) => operation(OPERATION.watch, ...args)),
    token.map((one) => operation(OPERATION.unwatch, one)),
  );
  const any = fc.oneof(
    { weight: 6, arbitrary: plain },
    {
      weight: 1,
      arbitrary: fc.tuple(token, fc.array(plain, { maxLength: 4 })).map((made) => transactionOf(...made)),
    },
  );
  const step = fc.record({
    passes: fc.nat(15),
    isNewTerm: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
    operations: fc.array(any, { minLength: 1, maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), fc.nat(), async (steps, cut) => {
      const log = new Log();
      let [time, term] = [0, 1];
      for (const { passes, isNewTerm, operations } of steps) {
        time += passes;
        term += isNewTerm ? 1 : 0;
        log.add({ time, term, operations });
      }
      const middle = cut % (steps.length + 1);
      const first = new KvStateMachine();
      const before = log.applyTo(first, 0, middle);
      const second = await copyOf(first);
      const third = new KvStateMachine();
      // One at a time, and asked in between by a server whose clock is anywhere.
      const single = log.entries.flatMap((_, nth) => {
        third.read(operation(OPERATION.timeLeft, 'k1', ''), cut);
        return log.applyTo(third, nth, nth + 1);
      });
      const after = log.applyTo(first, middle, steps.length);
      expect(log.applyTo(second, middle, steps.length)).toEqual(after);
      expect(single).toEqual([...before, ...after]);
      const image = await imageOf(first);
      expect((await imageOf(second)).equals(image)).toBe(true);
      expect((await imageOf(third)).equals(image)).toBe(true);
      expect([second.nextExpiry, third.nextExpiry]).toEqual([first.nextExpiry, first.nextExpiry]);
    }),
    { numRuns: 200 },
  );
});
