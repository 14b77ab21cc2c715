// The replicated state machine: what operations do, entries as bytes, snapshots as bytes.

import { encodeEntry } from '@waldb/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeOperations, encodeOperations, operationBytes } from '../src/operation/entry-codec.js';
import { OPERATION, type Operation } from '../src/operation/operation.js';
import { ErrorReply, NOT_AN_INTEGER, OK, type Reply, WOULD_OVERFLOW } from '../src/resp/reply.js';
import { KvStateMachine } from '../src/state/kv-state-machine.js';

function entryOf(operations: readonly Operation[], index = 1) {
  const bytes = operations.reduce((sum, operation) => sum + operationBytes(operation), 0);
  return encodeEntry({ term: 1, index, kind: 'normal', command: encodeOperations(operations, bytes) });
}

const timeless = { timeOf: () => 0 };

function run(machine: KvStateMachine, ...operations: Operation[]): readonly Reply[] {
  return machine.apply([entryOf(operations)], timeless)[0] ?? [];
}

const set = (key: string, value: string): Operation => ({ code: OPERATION.set, args: [key, value] });
const setWith = (key: string, value: string, options: string): Operation => ({
  code: OPERATION.setWithOptions,
  args: [key, value, options],
});
const get = (key: string): Operation => ({ code: OPERATION.get, args: [key] });
const add = (key: string, by: string): Operation => ({ code: OPERATION.increment, args: [key, by] });

describe('operations', () => {
  it('execute one after the other, one reply each', () => {
    const machine = new KvStateMachine();
    const replies = run(
      machine,
      get('a'),
      set('a', '1'),
      get('a'),
      { code: OPERATION.exists, args: ['a', 'a', 'b'] },
      { code: OPERATION.countKeys, args: [] },
      { code: OPERATION.delete, args: ['a', 'a', 'b'] },
      get('a'),
    );
    expect(replies).toEqual([null, OK, '1', 2, 1, 1, null]);
  });

  it('SET with NX, XX, GET', () => {
    const machine = new KvStateMachine();
    expect(run(machine, setWith('a', '1', 'x'), get('a'))).toEqual([null, null]);
    expect(run(machine, setWith('a', '1', 'n'), get('a'))).toEqual([OK, '1']);
    expect(run(machine, setWith('a', '2', 'n'), get('a'))).toEqual([null, '1']);
    expect(run(machine, setWith('a', '2', 'x'), get('a'))).toEqual([OK, '2']);
    expect(run(machine, setWith('a', '3', 'g'), get('a'))).toEqual(['2', '3']);
    expect(run(machine, setWith('a', '4', 'ng'), get('a'))).toEqual(['3', '3']);
    expect(run(machine, setWith('b', '4', 'ng'), get('b'))).toEqual([null, '4']);
  });

  it.each<[string | undefined, string, Reply, string]>([
    [undefined, '1', 1, '1'],
    ['9007199254740991', '1', 9007199254740992n, '9007199254740992'],
    ['9007199254740993', '-3', 9007199254740990n, '9007199254740990'],
    ['9223372036854775806', '1', 9223372036854775807n, '9223372036854775807'],
    ['9223372036854775807', '1', WOULD_OVERFLOW, '9223372036854775807'],
    ['-9223372036854775808', '-1', WOULD_OVERFLOW, '-9223372036854775808'],
    ['9223372036854775808', '1', NOT_AN_INTEGER, '9223372036854775808'],
    [' 1', '1', NOT_AN_INTEGER, ' 1'],
    ['01', '1', NOT_AN_INTEGER, '01'],
    ['-0', '1', NOT_AN_INTEGER, '-0'],
    ['1.5', '1', NOT_AN_INTEGER, '1.5'],
    ['', '1', NOT_AN_INTEGER, ''],
  ])('%s + %s', (present, by, reply, after) => {
    const machine = new KvStateMachine();
    if (present !== undefined) run(machine, set('n', present));
    const [sum, value] = run(machine, add('n', by), get('n'));
    expect(typeof sum === 'bigint' || typeof sum === 'number' ? BigInt(sum) : sum).toEqual(
      typeof reply === 'bigint' || typeof reply === 'number' ? BigInt(reply) : reply,
    );
    expect(value).toBe(after);
  });
});

describe('entries', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.from(raw).toString('latin1'));
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.tuple(bytes, bytes).map(([key, value]) => set(key, value)),
    bytes.map(get),
    fc.array(bytes, { minLength: 1, maxLength: 200 }).map((args) => ({ code: OPERATION.delete, args })),
    fc.constant({ code: OPERATION.countKeys, args: [] }),
  );

  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 10 }), (operations) => {
        expect(decodeOperations(entryOf(operations).command)).toEqual(operations);
      }),
    );
  });

  it('damaged ones are refused with ENTRY_INVALID, and leave the state as it was', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 4 }), fc.nat(), (operations, at) => {
        const command = Buffer.from(entryOf(operations).command);
        const cut = command.subarray(0, at % command.length);
        const machine = new KvStateMachine();
        try {
          machine.apply([encodeEntry({ term: 1, index: 1, kind: 'normal', command: cut })], timeless);
        } catch (error) {
          expect(error).toHaveProperty('code', 'ENTRY_INVALID');
          expect(machine.size).toBe(0);
        }
      }),
    );
  });

  it.each([
    ['an unknown operation', [99, 0]],
    ['a wrong number of arguments', [OPERATION.set, 1, 1, 97]],
    ['a count without arguments', [OPERATION.delete, 255, 255, 255, 255, 15]],
    ['an endless number', [OPERATION.delete, 255, 255, 255, 255, 255, 1]],
    ['a cut argument', [OPERATION.get, 1, 5, 97]],
  ])('%s is refused', (_, raw) => {
    const entry = encodeEntry({ term: 1, index: 1, kind: 'normal', command: Uint8Array.from(raw) });
    expect(() => new KvStateMachine().apply([entry], timeless)).toThrowError(
      expect.objectContaining({ code: 'ENTRY_INVALID' }),
    );
  });
});

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('snapshots', () => {
  function filled(): KvStateMachine {
    const machine = new KvStateMachine();
    run(
      machine,
      set('', 'empty key'),
      set('a', ''),
      set('\0\xff\r\n', '\xff'.repeat(200)),
      set('big', 'x'.repeat(200_000)),
    );
    for (let nth = 0; nth < 3000; nth++) run(machine, set(`key ${nth}`, `value ${nth}`));
    return machine;
  }

  it('restore what was there, in pieces of any size', async () => {
    const image = await collect(filled().snapshot());
    for (const size of [997, 64 * 1024, image.length]) {
      const restored = new KvStateMachine();
      run(restored, set('left over', '1'));
      await restored.restore(inPieces(image, size));
      expect(restored.size).toBe(3004);
      const keys = ['', 'a', '\0\xff\r\n', 'big', 'key 2999', 'left over'];
      expect(keys.map((key) => restored.read(get(key)))).toEqual([
        'empty key',
        '',
        '\xff'.repeat(200),
        'x'.repeat(200_000),
        'value 2999',
        null,
      ]);
      expect((await collect(restored.snapshot())).equals(image)).toBe(true);
    }
  });

  it('a small one restores byte by byte', async () => {
    const machine = new KvStateMachine();
    run(machine, set('a', 'x'.repeat(130)), set('b', ''));
    const restored = new KvStateMachine();
    await restored.restore(inPieces(await collect(machine.snapshot()), 1));
    expect([restored.size, restored.read(get('a'))]).toEqual([2, 'x'.repeat(130)]);
  });

  it('show the moment of the call, although entries are applied while they are read', async () => {
    const machine = filled();
    const expected = await collect(machine.snapshot());
    const snapshot = machine.snapshot();
    run(machine, set('key 0', 'changed before the first chunk'), set('new', '1'));
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot) {
      chunks.push(chunk);
      run(machine, set('key 2999', 'changed'), { code: OPERATION.delete, args: ['key 1', 'big', ''] });
    }
    const restored = new KvStateMachine();
    const reference = new KvStateMachine();
    await restored.restore(inPieces(Buffer.concat(chunks), 1 << 20));
    await reference.restore(inPieces(expected, 1 << 20));
    expect(restored.size).toBe(reference.size);
    for (const key of ['key 0', 'key 1', 'key 2999', 'big', '', 'new']) {
      expect(restored.read(get(key))).toEqual(reference.read(get(key)));
    }
  });

  it('cut at any byte they are refused, and the state stays', async () => {
    const machine = new KvStateMachine();
    run(machine, set('a', '1'), set('b', '2'));
    const image = await collect(machine.snapshot());
    for (let length = 0; length < image.length; length++) {
      const target = new KvStateMachine();
      run(target, set('mine', '1'));
      await expect(target.restore(inPieces(image.subarray(0, length), 7))).rejects.toMatchObject({
        code: 'SNAPSHOT_INVALID',
      });
      expect(target.read(get('mine'))).toBe('1');
    }
  });

  it('of version 1 are still read: no times, keys in any order, one of them twice', async () => {
    const records = ['\x01\x01b\x012', '\x01\x01a\x011', '\x01\x01b\x012', '\x01\0\0', '\0'];
    const restored = new KvStateMachine();
    await restored.restore(inPieces(Buffer.from(`waldb-kv\x01${records.join('')}`, 'latin1'), 3));
    expect([restored.size, restored.bytes, restored.time]).toEqual([3, 4, 0]);
    expect(['a', 'b', ''].map((key) => restored.read(get(key)))).toEqual(['1', '2', '']);
  });

  it.each([
    ['another format', Buffer.from('waldb-xx\x01\0')],
    ['a newer version', Buffer.from('waldb-kv\x03\0')],
    ['an unknown record', Buffer.from('waldb-kv\x01\x09')],
    ['an absurd length', Buffer.from('waldb-kv\x01\x01\xff\xff\xff\xff\x7f', 'latin1')],
    ['bytes behind the end', Buffer.from('waldb-kv\x01\0\0')],
  ])('%s is refused', async (_, bytes) => {
    await expect(new KvStateMachine().restore(inPieces(bytes, 100))).rejects.toMatchObject({
      code: 'SNAPSHOT_INVALID',
    });
  });
});

it('errors of operations are replies: the same on every replica', () => {
  const machine = new KvStateMachine();
  run(machine, set('a', 'text'));
  expect(run(machine, add('a', '1'))[0]).toBeInstanceOf(ErrorReply);
});
