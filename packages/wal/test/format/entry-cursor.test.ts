// The cursor reads what `readRecord` reads, where it lies, and leaves everything else to it.

import { encodeEntry, type LogEntry, MsgpackReader, MsgpackWriter, RaftError } from '@waldb/core';
import { SeededRandom } from '@waldb/testkit';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { EntryCursor } from '../../src/format/entry-cursor.js';
import { encodeStateRecord, readRecord } from '../../src/format/record.js';

const NUMBERS = [1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
const packr = new Packr({ useRecords: false });

/** A record of a plain log. */
function plainRecord(lsn: number, data: Uint8Array): Uint8Array {
  return new MsgpackWriter().arrayHeader(3).uint(7).uint(lsn).binary(data).finish();
}

/** The bytes with others around them: nothing may be read from before or behind. */
function embedded(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([0xee, 0xee, 0xee, ...bytes, 0xee, 0xee]);
}

/** What `readRecord` makes of the same bytes; `undefined` when it is not an entry, or refused. */
function readSlowly(bytes: Uint8Array, at: number): { entry: LogEntry; end: number } | undefined {
  try {
    const reader = new MsgpackReader(bytes, at);
    const record = readRecord(reader);
    return record.type === 'entry' ? { entry: record.entry, end: reader.offset } : undefined;
  } catch (error) {
    if (error instanceof RaftError) return undefined;
    throw error;
  }
}

describe('the entry cursor', () => {
  it('reads entries of each kind, with numbers and lengths of each size', () => {
    const cursor = new EntryCursor();
    for (const kind of ['normal', 'noop', 'config'] as const) {
      for (const [i, index] of NUMBERS.entries()) {
        for (const term of [0, ...NUMBERS]) {
          const length = [0, 1, 255, 256, 65_535, 65_536][i % 6] ?? 0;
          const entry = encodeEntry({ kind, index, term, command: new Uint8Array(length).fill(9) });
          const bytes = embedded(entry.encoded ?? new Uint8Array(0));
          expect(cursor.read(bytes, 3)).toBe(true);
          expect([cursor.kind, cursor.index, cursor.term]).toEqual([kind, index, term]);
          expect([cursor.start, cursor.commandStart, cursor.end]).toEqual([
            3,
            bytes.length - 2 - length,
            bytes.length - 2,
          ]);
          const read = cursor.entry(bytes);
          expect(read.encoded && Buffer.compare(read.encoded, entry.encoded ?? bytes)).toBe(0);
          expect([read.kind, read.index, read.term, read.command.length]).toEqual([
            kind,
            index,
            term,
            length,
          ]);
          expect(read.command.every((byte) => byte === 9)).toBe(true);
        }
      }
    }
  });

  it('reads records of a plain log, which have no term and no encoding of their own', () => {
    const cursor = new EntryCursor();
    cursor.read(
      encodeEntry({ kind: 'config', index: 5, term: 6, command: new Uint8Array(1) }).encoded ??
        new Uint8Array(0),
      0,
    );
    for (const lsn of NUMBERS) {
      const bytes = embedded(plainRecord(lsn, Uint8Array.from([1, 2])));
      expect(cursor.read(bytes, 3)).toBe(true);
      expect(cursor.entry(bytes)).toEqual({
        term: 0,
        index: lsn,
        kind: 'normal',
        command: Uint8Array.from([1, 2]),
      });
      expect(cursor.end).toBe(bytes.length - 2);
    }
  });

  it('reads nothing that is cut, at any byte', () => {
    const cursor = new EntryCursor();
    for (const index of NUMBERS) {
      const entry = encodeEntry({ kind: 'normal', index, term: index, command: new Uint8Array(300) });
      const plain = plainRecord(index, new Uint8Array(300));
      for (const bytes of [entry.encoded ?? new Uint8Array(0), plain]) {
        for (let length = 0; length < bytes.length; length++) {
          expect(cursor.read(bytes.subarray(0, length), 0), `cut at ${length}`).toBe(false);
        }
        expect(cursor.read(bytes, 0)).toBe(true);
      }
    }
  });

  it('leaves other records, and what is no record, to others', () => {
    const cursor = new EntryCursor();
    const others = [
      encodeStateRecord({ type: 'hardState', state: { term: 1, votedFor: 1 } }),
      encodeStateRecord({ type: 'truncate', from: 1 }),
      encodeStateRecord({ type: 'compact', index: 1, term: 1 }),
      packr.pack([3, 1, 1, Buffer.from([1])]),
      packr.pack([0, 1, Buffer.from([1])]),
      packr.pack([6, 1, Buffer.from([1])]),
      packr.pack([8, 1, Buffer.from([1])]),
      packr.pack([7, 1, 1, Buffer.from([1])]),
      packr.pack([0, 1, 0, Buffer.from([1])]), // index 0
      packr.pack([7, 0, Buffer.from([1])]),
      packr.pack([0, 1, 1, 'text']),
      packr.pack([0, 1, -1, Buffer.from([1])]),
      packr.pack([0, 1, null, Buffer.from([1])]),
      packr.pack([0, null, 1, Buffer.from([1])]),
      Uint8Array.from([0x94, 0, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0, 1, 0xc4, 0]), // term 2^53
      Uint8Array.from([0x94, 0, 1, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0, 0xc4, 0]), // index 2^53
      Uint8Array.from([0x94, 0, 1, 1, 0xc6, 0xff, 0xff, 0xff, 0xff]), // W21: 4 GiB
      new Uint8Array(0),
    ];
    for (const bytes of others) expect(cursor.read(bytes, 0), Buffer.from(bytes).toString('hex')).toBe(false);
  });

  it('agrees with the careful reader on any bytes that begin like a record', () => {
    const cursor = new EntryCursor();
    const random = new SeededRandom(1);
    let whole = 0;
    for (let run = 0; run < 20_000; run++) {
      const entry = encodeEntry({
        kind: random.pick(['normal', 'noop', 'config'] as const),
        index: random.pick(NUMBERS),
        term: random.pick(NUMBERS),
        command: new Uint8Array(random.below(20)),
      });
      const bytes = random.chance(0.7)
        ? (entry.encoded ?? new Uint8Array(0)).slice()
        : plainRecord(random.pick(NUMBERS), new Uint8Array(random.below(20)));
      for (let left = random.below(3); left > 0; left--)
        bytes[random.below(bytes.length)] = random.below(256);
      const careful = readSlowly(bytes, 0);
      const isRead = cursor.read(bytes, 0);
      // What the cursor reads, the careful reader reads in the same way; what it leaves may still be an entry.
      if (!isRead) continue;
      whole += 1;
      expect({ entry: cursor.entry(bytes), end: cursor.end }, Buffer.from(bytes).toString('hex')).toEqual(
        careful,
      );
    }
    expect(whole).toBeGreaterThan(1000);
  });
});
