// An entry's one encoding: the same bytes in the log, on the wire and after either, and readable as MessagePack.

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import {
  decodeEntry,
  ENTRY_TAG_END,
  encodedEntrySize,
  encodeEntry,
  entryBytes,
  entryEncoding,
  type LogEntry,
  MsgpackReader,
  readEntry,
} from '../src/index.js';
import { entries, UINT_BOUNDARIES } from './support/arbitraries.js';
import { refusal } from './support/refusal.js';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const command = Uint8Array.of(0xde, 0xad);

describe('the layout', () => {
  it.each([
    ['normal', 0, { term: 3, index: 7 }, [0x94, 0, 3, 7, 0xc4, 2, 0xde, 0xad]],
    ['noop', 1, { term: 0x80, index: 0x100 }, [0x94, 1, 0xcc, 0x80, 0xcd, 1, 0, 0xc4, 2, 0xde, 0xad]],
    ['config', 2, { term: 1, index: 0x10000 }, [0x94, 2, 1, 0xce, 0, 1, 0, 0, 0xc4, 2, 0xde, 0xad]],
  ] as const)('%s entries carry tag %d', (kind, tag, position, expected) => {
    const encoded = entryEncoding({ ...position, kind, command });
    expect([...encoded]).toEqual(expected);
    expect(packr.unpack(encoded)).toEqual([tag, position.term, position.index, command]);
  });

  it('tags from ENTRY_TAG_END on are left to the log, so an entry with one is refused', () => {
    expect(ENTRY_TAG_END).toBe(3);
    const bytes = entryEncoding({ term: 1, index: 1, kind: 'config', command }).slice();
    bytes[1] = ENTRY_TAG_END;
    expect(refusal(() => decodeEntry(bytes))).toBe('ENCODING: entry.tag is unknown at byte 2');
  });

  it('the size is known before anything is written, at every width', () => {
    for (const term of UINT_BOUNDARIES) {
      for (const index of UINT_BOUNDARIES.slice(1)) {
        const entry = encodeEntry({ term, index, kind: 'normal', command });
        expect(entry.encoded?.length).toBe(encodedEntrySize(term, index, command.length));
      }
    }
    for (const length of [0, 1, 0xff, 0x100, 0xffff, 0x10000]) {
      const entry = encodeEntry({ term: 1, index: 1, kind: 'normal', command: new Uint8Array(length) });
      expect(entry.encoded?.length).toBe(encodedEntrySize(1, 1, length));
      expect(decodeEntry(entryEncoding(entry)).command.length).toBe(length);
    }
  });
});

describe('encoding once', () => {
  it('any entry reads back as it was, with the very bytes it was read from', () => {
    fc.assert(
      fc.property(entries(), (entry) => {
        const encoded = entryEncoding(entry);
        const decoded = decodeEntry(encoded);
        expect(decoded).toEqual(entry);
        expect(decoded.encoded).toEqual(encoded);
        expect(entryBytes(decoded)).toBe(encoded.length);
      }),
    );
  });

  it('another implementation reads the same values', () => {
    fc.assert(
      fc.property(entries(), (entry) => {
        const [tag, term, index, data] = packr.unpack(entryEncoding(entry));
        expect([tag, term, index]).toEqual([
          ['normal', 'noop', 'config'].indexOf(entry.kind),
          entry.term,
          entry.index,
        ]);
        expect(Uint8Array.from(data)).toEqual(entry.command);
      }),
    );
  });

  it('the command is copied in and is then a view of the encoding', () => {
    const mine = Uint8Array.of(1, 2, 3);
    const entry = encodeEntry({ term: 1, index: 1, kind: 'normal', command: mine });
    mine.fill(9);
    expect([...entry.command]).toEqual([1, 2, 3]);
    expect(entry.command.buffer).toBe(entry.encoded?.buffer);
  });

  it('an entry that carries its encoding is never encoded again', () => {
    const entry = encodeEntry({ term: 1, index: 1, kind: 'normal', command });
    expect(entryEncoding(entry)).toBe(entry.encoded);
  });

  it('an entry without its encoding is measured and encoded as if it had one', () => {
    const bare: LogEntry = { term: 300, index: 70_000, kind: 'normal', command };
    expect(entryBytes(bare)).toBe(entryEncoding(bare).length);
  });
});

describe('entries that are not', () => {
  const good = entryEncoding({
    term: 0x1_0000,
    index: 0x1_0000,
    kind: 'normal',
    command: new Uint8Array(300),
  });

  it('cut at every byte', () => {
    for (let length = 0; length < good.length; length++) {
      expect(refusal(() => decodeEntry(good.subarray(0, length)))).toMatch(
        /^ENCODING: entry(\.\w+)? is (cut short|longer than its input)/,
      );
    }
  });

  it('one byte too many', () => {
    expect(refusal(() => decodeEntry(Uint8Array.of(...good, 0)))).toBe(
      `ENCODING: entry is followed by trailing bytes at byte ${good.length}`,
    );
  });

  it.each([
    ['three fields', [0x93, 0, 1, 1], 'entry is not 4 elements at byte 1'],
    ['five fields', [0x95, 0, 1, 1, 0xc4, 0, 0], 'entry is not 4 elements at byte 1'],
    ['no array', [0xc4, 0], 'entry is not an array at byte 1'],
    ['index zero', [0x94, 0, 1, 0, 0xc4, 0], 'entry.index is zero at byte 4'],
    ['a negative term', [0x94, 0, 0xff, 1, 0xc4, 0], 'entry.term is not an unsigned safe integer at byte 3'],
    ['a string command', [0x94, 0, 1, 1, 0xa0], 'entry.command is not binary at byte 5'],
    [
      'four billion bytes',
      [0x94, 0, 1, 1, 0xc6, 0xff, 0xff, 0xff, 0xff],
      'entry.command is cut short at byte 9',
    ],
  ])('%s', (_what, bytes, message) => {
    expect(refusal(() => decodeEntry(Uint8Array.from(bytes)))).toBe(`ENCODING: ${message}`);
  });

  it('one after another are read in place, each with its own bytes', () => {
    const first = entryEncoding({ term: 1, index: 1, kind: 'noop', command: new Uint8Array(0) });
    const reader = new MsgpackReader(Uint8Array.of(...first, ...good));
    expect(readEntry(reader).encoded).toEqual(first);
    expect(readEntry(reader).encoded).toEqual(good);
    reader.end('entries');
  });
});
