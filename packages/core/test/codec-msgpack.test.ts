// The MessagePack that waldb writes by hand: the shortest form of every value, readable by any other implementation,
// and a reader that trusts nothing it has not checked.

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { MsgpackReader, MsgpackWriter, RaftError } from '../src/index.js';
import { uints } from './support/arbitraries.js';
import { refusal } from './support/refusal.js';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });

function written(write: (writer: MsgpackWriter) => void): Uint8Array {
  const writer = new MsgpackWriter(0);
  write(writer);
  return writer.finish();
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

describe('unsigned integers', () => {
  it.each([
    [0, [0x00]],
    [0x7f, [0x7f]],
    [0x80, [0xcc, 0x80]],
    [0xff, [0xcc, 0xff]],
    [0x100, [0xcd, 0x01, 0x00]],
    [0xffff, [0xcd, 0xff, 0xff]],
    [0x10000, [0xce, 0x00, 0x01, 0x00, 0x00]],
    [0xffff_ffff, [0xce, 0xff, 0xff, 0xff, 0xff]],
    [2 ** 32, [0xcf, 0, 0, 0, 1, 0, 0, 0, 0]],
    [2 ** 53 - 1, [0xcf, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])('%d is written in its shortest form and read back', (value, expected) => {
    const encoded = written((writer) => writer.uint(value));
    expect([...encoded]).toEqual(expected);
    const reader = new MsgpackReader(encoded);
    expect(reader.uint('value')).toBe(value);
    reader.end('value');
    expect(packr.unpack(encoded)).toBe(value);
  });

  it('a longer form of a small value means the same', () => {
    for (const form of [
      [0x05],
      [0xcc, 5],
      [0xcd, 0, 5],
      [0xce, 0, 0, 0, 5],
      [0xcf, 0, 0, 0, 0, 0, 0, 0, 5],
    ]) {
      expect(new MsgpackReader(bytes(...form)).uint('value')).toBe(5);
    }
  });

  it('2^53, where numbers lose whole values, and everything above is refused', () => {
    for (const high of [
      [0x00, 0x20, 0, 0, 0, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ]) {
      const reader = new MsgpackReader(bytes(0xcf, ...high));
      expect(refusal(() => reader.uint('term'))).toBe(
        'ENCODING: term is not an unsigned safe integer at byte 9',
      );
    }
  });

  it('what is not an unsigned integer is refused, whatever its first byte', () => {
    const first = (tag: number): number =>
      new MsgpackReader(bytes(tag, 0, 0, 0, 0, 0, 0, 0, 1)).uint('value');
    for (let tag = 0x80; tag <= 0xff; tag++) {
      if (tag >= 0xcc && tag <= 0xcf) continue;
      expect(refusal(() => first(tag))).toBe('ENCODING: value is not an unsigned safe integer at byte 1');
    }
  });

  it('agrees with another implementation on any value', () => {
    fc.assert(
      fc.property(uints(), (value) => {
        const encoded = written((writer) => writer.uint(value));
        expect(packr.unpack(encoded)).toBe(value);
        expect(new MsgpackReader(encoded).uint('value')).toBe(value);
      }),
    );
  });
});

describe('nil and booleans', () => {
  it('are one byte each and nothing else passes for them', () => {
    expect([...written((w) => w.nil().boolean(true).boolean(false))]).toEqual([0xc0, 0xc3, 0xc2]);
    expect(new MsgpackReader(bytes(0xc0)).uintOrNil('vote')).toBeUndefined();
    expect(new MsgpackReader(bytes(7)).uintOrNil('vote')).toBe(7);
    expect(new MsgpackReader(bytes(0xc3)).boolean('flag')).toBe(true);
    expect(new MsgpackReader(bytes(0xc2)).boolean('flag')).toBe(false);
    for (const tag of [0x00, 0x01, 0xc0, 0xc1, 0xff]) {
      expect(refusal(() => new MsgpackReader(bytes(tag)).boolean('flag'))).toBe(
        'ENCODING: flag is not a boolean at byte 1',
      );
    }
  });

  it('nil is consumed when it is read', () => {
    const reader = new MsgpackReader(bytes(0xc0, 9));
    expect([reader.uintOrNil('a'), reader.uintOrNil('b'), reader.offset]).toEqual([undefined, 9, 2]);
  });
});

describe('binary', () => {
  it.each([
    [0, [0xc4, 0]],
    [1, [0xc4, 1]],
    [0xff, [0xc4, 0xff]],
    [0x100, [0xc5, 0x01, 0x00]],
    [0xffff, [0xc5, 0xff, 0xff]],
    [0x10000, [0xc6, 0x00, 0x01, 0x00, 0x00]],
  ])('%d bytes stand behind the shortest header', (length, header) => {
    const value = new Uint8Array(length).map((_, i) => i * 7);
    const encoded = written((writer) => writer.binary(value));
    expect([...encoded.subarray(0, header.length)]).toEqual(header);
    expect(encoded.length).toBe(header.length + length);
    expect(new MsgpackReader(encoded).binary('data')).toEqual(value);
    expect(new Uint8Array(packr.unpack(encoded))).toEqual(value);
  });

  it('is read as a view, not as a copy', () => {
    const encoded = bytes(0xc4, 2, 8, 9);
    expect(new MsgpackReader(encoded).binary('data').buffer).toBe(encoded.buffer);
  });

  it('one byte short is refused, and so is a string', () => {
    expect(refusal(() => new MsgpackReader(bytes(0xc4, 3, 1, 2)).binary('data'))).toBe(
      'ENCODING: data is cut short at byte 2',
    );
    expect(refusal(() => new MsgpackReader(bytes(0xa1, 0x61)).binary('data'))).toBe(
      'ENCODING: data is not binary at byte 1',
    );
  });
});

describe('strings', () => {
  it.each([
    [0, [0xa0]],
    [31, [0xbf]],
    [32, [0xd9, 32]],
    [0xff, [0xd9, 0xff]],
    [0x100, [0xda, 0x01, 0x00]],
    [0xffff, [0xda, 0xff, 0xff]],
    [0x10000, [0xdb, 0x00, 0x01, 0x00, 0x00]],
  ])('%d bytes stand behind the shortest header', (length, header) => {
    const value = 'x'.repeat(length);
    const encoded = written((writer) => writer.string(value));
    expect([...encoded.subarray(0, header.length)]).toEqual(header);
    expect(encoded.length).toBe(header.length + length);
    expect(new MsgpackReader(encoded).string('text')).toBe(value);
    expect(packr.unpack(encoded)).toBe(value);
  });

  it('lengths count bytes of UTF-8, not characters', () => {
    const encoded = written((writer) => writer.string('žluťoučký 🐎'));
    expect(encoded.length).toBe(1 + new TextEncoder().encode('žluťoučký 🐎').length);
    expect(new MsgpackReader(encoded).string('text')).toBe('žluťoučký 🐎');
  });

  it('bytes that are not UTF-8 are refused', () => {
    expect(refusal(() => new MsgpackReader(bytes(0xa2, 0xc3, 0x28)).string('text'))).toBe(
      'ENCODING: text is not UTF-8 at byte 3',
    );
    expect(refusal(() => new MsgpackReader(bytes(0xc4, 0)).string('text'))).toBe(
      'ENCODING: text is not a string at byte 1',
    );
  });
});

describe('arrays', () => {
  it.each([
    [0, [0x90]],
    [15, [0x9f]],
    [16, [0xdc, 0x00, 0x10]],
    [0xffff, [0xdc, 0xff, 0xff]],
    [0x10000, [0xdd, 0x00, 0x01, 0x00, 0x00]],
  ])('%d elements stand behind the shortest header', (length, header) => {
    const encoded = written((writer) => {
      writer.arrayHeader(length);
      for (let i = 0; i < length; i++) writer.uint(i % 100);
    });
    expect([...encoded.subarray(0, header.length)]).toEqual(header);
    expect(new MsgpackReader(encoded).arrayHeader('list')).toBe(length);
    expect(packr.unpack(encoded)).toHaveLength(length);
  });

  it('a length beyond the bytes that are left is refused before anything is built', () => {
    for (const header of [
      [0x92, 1],
      [0xdc, 0xff, 0xff],
      [0xdd, 0xff, 0xff, 0xff, 0xff],
    ]) {
      expect(refusal(() => new MsgpackReader(bytes(...header)).arrayHeader('list'))).toMatch(
        /^ENCODING: list is longer than its input at byte /,
      );
    }
    expect(new MsgpackReader(bytes(0x92, 1, 2)).arrayHeader('list')).toBe(2);
  });

  it('a tuple has exactly its length', () => {
    expect(refusal(() => new MsgpackReader(bytes(0x91, 1)).tuple(2, 'pair'))).toBe(
      'ENCODING: pair is not 2 elements at byte 1',
    );
    expect(refusal(() => new MsgpackReader(bytes(0x81, 1, 1)).tuple(1, 'one'))).toBe(
      'ENCODING: one is not an array at byte 1',
    );
  });
});

describe('reading a sequence', () => {
  it('starts where it is told and names the byte where it stopped', () => {
    const reader = new MsgpackReader(bytes(0xc1, 5, 0xcd, 1), 1);
    expect(reader.uint('first')).toBe(5);
    expect(refusal(() => reader.uint('second'))).toBe('ENCODING: second is cut short at byte 4');
  });

  it('what is left over is an error, with the place in its detail', () => {
    const reader = new MsgpackReader(bytes(1, 2));
    reader.uint('first');
    try {
      reader.end('message');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(RaftError);
      expect((error as RaftError).detail).toEqual({ what: 'message', offset: 1 });
      expect((error as RaftError).message).toBe('message is followed by trailing bytes at byte 1');
    }
  });

  it('an empty input holds nothing', () => {
    for (const read of ['uint', 'boolean', 'binary', 'string', 'arrayHeader'] as const) {
      expect(refusal(() => new MsgpackReader(bytes())[read]('value'))).toBe(
        'ENCODING: value is cut short at byte 0',
      );
    }
  });
});

it('a writer grows past any hint without losing a byte', () => {
  fc.assert(
    fc.property(fc.nat(70), fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 20 }), (hint, parts) => {
      const writer = new MsgpackWriter(hint);
      writer.arrayHeader(parts.length);
      for (const part of parts) writer.binary(part).uint(part.length);
      const reader = new MsgpackReader(writer.finish());
      expect(reader.arrayHeader('parts')).toBe(parts.length);
      for (const part of parts) {
        expect(reader.binary('part')).toEqual(part);
        expect(reader.uint('length')).toBe(part.length);
      }
      reader.end('parts');
    }),
  );
});
