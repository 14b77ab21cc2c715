// Requests out of bytes: limits, malformed input, and any way of cutting the stream.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestLimits } from '../src/resp/request-limits.js';
import { RequestReader } from '../src/resp/request-reader.js';

const LIMITS: RequestLimits = {
  bulkBytesMax: 100,
  argumentsMax: 8,
  lineBytesMax: 64,
  requestBytesMax: 300,
};

type Heard = string[] | { invalid: string };

function read(chunks: readonly (string | Buffer)[], limits: RequestLimits = LIMITS) {
  const heard: Heard[] = [];
  const sizes: number[] = [];
  const sink = {
    request: (args: string[], bytes: number) => {
      heard.push(args);
      sizes.push(bytes);
    },
    invalid: (message: string) => heard.push({ invalid: message }),
  };
  const reader = new RequestReader(sink, limits);
  for (const chunk of chunks) reader.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk);
  return { heard, sizes, keptBytes: reader.keptBytes };
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((argument) => `$${argument.length}\r\n${argument}\r\n`).join('')}`;
}

describe('requests', () => {
  it('reads the array form, with any byte in arguments', () => {
    const args = ['SET', 'k\r\n\0\xff', '*1\r\n$4\r\nPING\r\n'];
    expect(read([encode(args)]).heard).toEqual([args]);
  });

  it('reads inline requests as Redis does', () => {
    expect(read(['PING\r\n', 'set  a\tb\n', '\r\n', '   \n']).heard).toEqual([['PING'], ['set', 'a', 'b']]);
  });

  it.each([
    ['set a "b c"', ['set', 'a', 'b c']],
    ["set a 'b c'", ['set', 'a', 'b c']],
    ['set a "\\x41\\n\\"\\q"', ['set', 'a', 'A\n"q']],
    ["set a 'it\\'s \\n'", ['set', 'a', "it's \\n"]],
    ['set a ""', ['set', 'a', '']],
    ['set a\\x41 b', ['set', 'a\\x41', 'b']],
  ])('inline quoting: %s', (line, words) => {
    expect(read([`${line}\r\n`]).heard).toEqual([words]);
  });

  it.each(['set a "b', "set a 'b", 'set a "b"c', "set a 'b'c", 'set a "b\\'])(
    'unbalanced quotes: %s',
    (line) => {
      expect(read([`${line}\r\n`]).heard).toEqual([
        { invalid: 'Protocol error: unbalanced quotes in request' },
      ]);
    },
  );

  it('takes array and inline requests in one pipeline, and skips empty arrays', () => {
    const input = `${encode(['GET', 'a'])}PING\r\n*0\r\n*-1\r\n${encode(['GET', 'b'])}ECHO x\n`;
    expect(read([input]).heard).toEqual([['GET', 'a'], ['PING'], ['GET', 'b'], ['ECHO', 'x']]);
  });

  it('tells the size of each request on the wire', () => {
    const requests = [encode(['GET', 'a']), 'PING\r\n', encode(['SET', 'a', 'x'.repeat(50)])];
    expect(read([requests.join('')]).sizes).toEqual(requests.map((request) => request.length));
  });

  it('reads the same requests however the bytes are cut', () => {
    const input = `${encode(['SET', 'a\r\n', '\r\n$1'])}PING\r\n*0\r\n${encode(['GET', ''])}  ECHO 'a b'\r\n${encode(['DEL', '1', '2'])}`;
    const whole = read([input]).heard;
    expect(whole).toHaveLength(5);
    expect(read([...input]).heard).toEqual(whole);
    for (let cut = 0; cut <= input.length; cut++) {
      expect(read([input.slice(0, cut), input.slice(cut)]).heard).toEqual(whole);
    }
  });

  it('keeps nothing once everything was read', () => {
    expect(read(['*1\r\n$4\r\nPI', 'NG\r\n']).keptBytes).toBe(0);
    expect(read(['*1\r\n$4\r\nPI']).keptBytes).toBe(10);
    expect(read(['*1\r\n$4\r\nPI', 'NG\r\nPIN']).keptBytes).toBe(3);
  });
});

describe('what is refused, in the words of Redis', () => {
  it.each([
    ['*x\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*9\r\n', 'invalid multibulk length'],
    ['*99999999999999999999\r\n', 'invalid multibulk length'],
    ['*1 \r\n', 'invalid multibulk length'],
    ['*1\r\nPING\r\n', "expected '$', got 'P'"],
    ['*1\r\n*1\r\n$4\r\nPING\r\n', "expected '$', got '*'"],
    ['*1\r\n:1\r\n', "expected '$', got ':'"],
    ['*1\r\n\x01', "expected '$', got '?'"],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$-0\r\n\r\n', 'invalid bulk length'],
    ['*1\r\n$04\r\nPING\r\n', 'invalid bulk length'],
    ['*-0\r\n', 'invalid multibulk length'],
    ['*1\r\n$101\r\n', 'invalid bulk length'],
    [`*${'1'.repeat(64)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(64)}`, 'too big bulk count string'],
    ['x'.repeat(65), 'too big inline request'],
    [`${'x'.repeat(65)}\r\n`, 'too big inline request'],
    [`*4\r\n${`$100\r\n${'x'.repeat(100)}\r\n`.repeat(2)}$100\r\n`, 'request larger than 300 bytes'],
  ])('%j', (input, message) => {
    expect(read([input]).heard).toEqual([{ invalid: `Protocol error: ${message}` }]);
    expect(read([...input]).heard).toEqual([{ invalid: `Protocol error: ${message}` }]);
  });

  it('limits are reached exactly: as much is taken, one more is not', () => {
    const taken = [encode(['x'.repeat(100)]), encode(Array.from('12345678')), `${'x'.repeat(64)}\n`];
    for (const input of taken) expect(read([input]).heard[0]).toBeInstanceOf(Array);
    expect(read([encode(['x'.repeat(101)])]).heard[0]).toHaveProperty('invalid');
    expect(read([encode(Array.from('123456789'))]).heard[0]).toHaveProperty('invalid');
    expect(read([`${'x'.repeat(65)}\n`]).heard[0]).toHaveProperty('invalid');
  });

  it('answers what came before, and nothing behind', () => {
    const { heard, keptBytes } = read([`PING\r\n*1\r\n!${encode(['GET', 'a'])}`, 'PING\r\n']);
    expect(heard).toEqual([['PING'], { invalid: "Protocol error: expected '$', got '!'" }]);
    expect(keptBytes).toBe(0);
  });

  it('a header that announces much makes nothing grow', () => {
    const limits = { ...LIMITS, argumentsMax: 1 << 30, bulkBytesMax: 1 << 30, requestBytesMax: 2 ** 31 };
    const before = process.memoryUsage();
    const { heard } = read(['*1000000000\r\n$1000000000\r\nx'], limits);
    const after = process.memoryUsage();
    expect(heard).toEqual([]);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1 << 20);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(64 << 20);
  });
});

describe('properties', () => {
  const request = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 20 }), {
    minLength: 1,
    maxLength: 8,
  });

  it('what was encoded is read, through any cuts', () => {
    const cutStream = fc.tuple(
      fc.array(request, { maxLength: 10 }),
      fc.array(fc.nat(400), { maxLength: 20 }),
    );
    fc.assert(
      fc.property(cutStream, ([requests, cuts]) => {
        const input = requests.map(encode).join('');
        expect(read(cutAt(input, cuts)).heard).toEqual(requests);
      }),
    );
  });

  it('random bytes are refused or read, never thrown at, and cuts change nothing', () => {
    const alphabet = fc.constantFrom(
      '*',
      '$',
      '-',
      '0',
      '1',
      '2',
      '\r',
      '\n',
      '\r\n',
      '"',
      "'",
      '\\',
      'x',
      '\0',
      '\xff',
    );
    const noise = fc.oneof(
      fc.array(alphabet, { maxLength: 60 }).map((parts) => parts.join('')),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc
        .tuple(request, fc.nat(60), alphabet)
        .map(([args, at, byte]) => encode(args).slice(0, at) + byte + encode(args).slice(at + 1)),
    );
    fc.assert(
      fc.property(noise, fc.array(fc.nat(200), { maxLength: 10 }), (input, cuts) => {
        const whole = read([input]);
        expect(read(cutAt(input, cuts)).heard).toEqual(whole.heard);
        expect(read([...input]).heard).toEqual(whole.heard);
        expect(whole.heard.filter((one) => 'invalid' in one).length).toBeLessThanOrEqual(1);
        expect(whole.keptBytes).toBeLessThanOrEqual(LIMITS.requestBytesMax);
      }),
      { numRuns: 2000 },
    );
  });
});

function cutAt(input: string, cuts: readonly number[]): string[] {
  const offsets = [0, ...cuts.map((cut) => Math.min(cut, input.length)), input.length].sort((a, b) => a - b);
  return offsets.slice(1).map((end, nth) => input.slice(offsets[nth], end));
}
