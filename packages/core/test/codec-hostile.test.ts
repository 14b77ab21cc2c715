// A decoder faces the network: whatever the bytes, the answer is a message or ENCODING, soon and without a large
// allocation. Never another error, never a crash.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MESSAGE_ENTRIES_MAX } from '../src/codec/message.js';
import {
  decodeConfiguration,
  decodeEntry,
  decodeMessage,
  encodeEntry,
  encodeMessage,
  type Message,
  type MessageType,
  MsgpackWriter,
  RaftError,
  RaftNode,
} from '../src/index.js';
import { MESSAGE_TYPES, messages, messagesOf } from './support/arbitraries.js';
import { refusal } from './support/refusal.js';

const ENVELOPE = [1, 2, 3] as const; // from, to, term

/** A message by hand: version 1, the type's tag, the envelope, then `fields` as they stand. */
function forged(type: MessageType, fields: (writer: MsgpackWriter) => void, count: number): Uint8Array {
  const writer = new MsgpackWriter()
    .arrayHeader(5 + count)
    .uint(1)
    .uint(MESSAGE_TYPES.indexOf(type));
  for (const value of ENVELOPE) writer.uint(value);
  fields(writer);
  return writer.finish();
}

function append(
  entries: readonly (readonly [term: number, index: number])[],
  prev: readonly [number, number],
): Uint8Array {
  return encodeMessage({
    type: 'appendEntries',
    from: 1,
    to: 2,
    term: 3,
    prevLogIndex: prev[1],
    prevLogTerm: prev[0],
    leaderCommit: 0,
    entries: entries.map(([term, index]) =>
      encodeEntry({ term, index, kind: 'normal', command: new Uint8Array(1) }),
    ),
  });
}

/** Decodes; anything but a value or ENCODING fails the test. */
function decodedOr(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RaftError && error.code === 'ENCODING') return undefined;
    throw error;
  }
}

describe('damage', () => {
  it.each(MESSAGE_TYPES)('a %s cut at any byte is refused', (type) => {
    fc.assert(
      fc.property(messagesOf(type), (message) => {
        const bytes = encodeMessage(message);
        const step = Math.max(1, Math.floor(bytes.length / 300));
        for (let length = 0; length < bytes.length; length += step) {
          expect(refusal(() => decodeMessage(bytes.subarray(0, length)))).toMatch(/^ENCODING: /);
        }
        expect(refusal(() => decodeMessage(bytes.subarray(0, -1)))).toMatch(/^ENCODING: /);
      }),
      { numRuns: 20 },
    );
  });

  it('a message with anything behind it is refused', () => {
    fc.assert(
      fc.property(messages(), fc.integer({ min: 0, max: 255 }), (message, extra) => {
        const bytes = encodeMessage(message);
        expect(refusal(() => decodeMessage(Uint8Array.from([...bytes, extra])))).toBe(
          `ENCODING: message is followed by trailing bytes at byte ${bytes.length}`,
        );
      }),
      { numRuns: 40 },
    );
  });

  it('one changed byte gives a message or ENCODING', () => {
    fc.assert(
      fc.property(messages(), fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
        const bytes = encodeMessage(message).slice();
        const place = at % Math.min(bytes.length, 200);
        bytes[place] = (bytes[place] as number) ^ flip; // place < length
        decodedOr(() => decodeMessage(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('arbitrary bytes give a value or ENCODING from every decoder', () => {
    const opening = fc.constantFrom<readonly number[]>(
      [],
      [0x98, 1],
      [0x99, 1, 4, 1, 2, 3],
      [0x99, 1, 8, 1, 2, 3],
      [0x94, 0],
      [0x96, 0x91, 1],
    );
    fc.assert(
      fc.property(opening, fc.uint8Array({ maxLength: 100 }), (start, rest) => {
        const bytes = Uint8Array.from([...start, ...rest]);
        for (const decode of [decodeMessage, decodeEntry, decodeConfiguration])
          decodedOr(() => decode(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('what was decoded from arbitrary bytes can be encoded and read again', () => {
    fc.assert(
      fc.property(messages(), fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, flip) => {
        const bytes = encodeMessage(message).slice();
        const place = at % Math.min(bytes.length, 60);
        bytes[place] = (bytes[place] as number) ^ flip; // place < length
        const decoded = decodedOr(() => decodeMessage(bytes));
        if (decoded === undefined) return;
        expect(decodeMessage(encodeMessage(decoded as Message))).toEqual(decoded); // decodeMessage returned it
      }),
      { numRuns: 1000 },
    );
  });
});

describe('absurd lengths', () => {
  it.each<readonly [string, Uint8Array, string]>([
    [
      'entries',
      forged(
        'appendEntries',
        (w) =>
          w
            .uint(0)
            .uint(0)
            .uint(0)
            .raw(Uint8Array.of(0xdd, 255, 255, 255, 255)),
        4,
      ),
      'entries is longer than its input at byte 14',
    ],
    [
      'the message',
      Uint8Array.of(0xdd, 255, 255, 255, 255, 1, 0),
      'message is longer than its input at byte 5',
    ],
  ])('%s of four billion are refused at their header', (_what, bytes, message) => {
    expect(refusal(() => decodeMessage(bytes))).toBe(`ENCODING: ${message}`);
  });

  it('a snapshot with four billion voters or bytes is refused at the header', () => {
    const head = (w: MsgpackWriter): MsgpackWriter => w.uint(6).uint(3);
    const voters = forged(
      'installSnapshot',
      (w) => head(w).raw(Uint8Array.of(0x96, 0xdd, 255, 255, 255, 255, 0)),
      4,
    );
    expect(refusal(() => decodeMessage(voters))).toBe('ENCODING: voters is longer than its input at byte 14');
    const configuration = Uint8Array.of(0x96, 0x91, 1, 0x90, 0x90, 0x90, 0xc2, 0x90);
    const data = forged(
      'installSnapshot',
      (w) =>
        head(w)
          .raw(configuration)
          .raw(Uint8Array.of(0xc6, 255, 255, 255, 255)),
      4,
    );
    expect(refusal(() => decodeMessage(data))).toBe('ENCODING: snapshot.data is cut short at byte 21');
  });

  it('nested arrays do not deepen anything: there is no recursion to exhaust', () => {
    expect(refusal(() => decodeMessage(new Uint8Array(1_000_000).fill(0x91)))).toBe(
      'ENCODING: version is not an unsigned safe integer at byte 2',
    );
  });
});

describe('well formed and still wrong', () => {
  const plainVote = (): Uint8Array =>
    encodeMessage({
      type: 'requestVote',
      from: 1,
      to: 2,
      term: 3,
      lastLogIndex: 1,
      lastLogTerm: 1,
      transfer: false,
    }).slice();

  it('another version is refused by name', () => {
    const bytes = plainVote();
    bytes[1] = 2;
    expect(refusal(() => decodeMessage(bytes))).toBe('ENCODING: message version 2 is not known here (1)');
  });

  it('an unknown type is refused', () => {
    const bytes = plainVote();
    bytes[2] = MESSAGE_TYPES.length;
    expect(refusal(() => decodeMessage(bytes))).toBe('ENCODING: message.tag is unknown at byte 3');
  });

  it('a type with the number of fields of another is refused', () => {
    const bytes = plainVote();
    bytes[2] = MESSAGE_TYPES.indexOf('heartbeat');
    expect(refusal(() => decodeMessage(bytes))).toBe('ENCODING: message is not a heartbeat at byte 3');
  });

  it('there is no server 0', () => {
    for (const [place, field] of [
      [3, 'from'],
      [4, 'to'],
    ] as const) {
      const bytes = plainVote();
      bytes[place] = 0;
      expect(refusal(() => decodeMessage(bytes))).toBe(`ENCODING: ${field} is zero at byte ${place + 1}`);
    }
  });

  it.each<readonly [string, Uint8Array, string]>([
    ['a gap behind prevLogIndex', append([[1, 6]], [1, 4]), 'entry.index is out of order'],
    ['an entry at prevLogIndex', append([[1, 4]], [1, 4]), 'entry.index is out of order'],
    [
      'a gap between entries',
      append(
        [
          [1, 5],
          [1, 7],
        ],
        [1, 4],
      ),
      'entry.index is out of order',
    ],
    [
      'the same index twice',
      append(
        [
          [1, 5],
          [1, 5],
        ],
        [1, 4],
      ),
      'entry.index is out of order',
    ],
    ['a term below prevLogTerm', append([[1, 5]], [2, 4]), 'entry.term is out of order'],
    [
      'falling terms',
      append(
        [
          [2, 5],
          [1, 6],
        ],
        [1, 4],
      ),
      'entry.term is out of order',
    ],
    ["a term after the sender's", append([[4, 5]], [1, 4]), 'entry.term is out of order'],
  ])('entries with %s are refused', (_what, bytes, message) => {
    expect(refusal(() => decodeMessage(bytes))).toContain(`ENCODING: ${message} at byte `);
  });

  it("entries up to exactly the sender's term are read", () => {
    const decoded = decodeMessage(
      append(
        [
          [1, 5],
          [3, 6],
        ],
        [1, 4],
      ),
    );
    expect(decoded.type === 'appendEntries' && decoded.entries.map((e) => [e.term, e.index])).toEqual([
      [1, 5],
      [3, 6],
    ]);
  });

  it('entries behind the last index there can be are refused', () => {
    const fields = (w: MsgpackWriter): void => {
      w.uint(Number.MAX_SAFE_INTEGER).uint(1).uint(0).arrayHeader(1);
      w.raw(Uint8Array.of(0x94, 0, 1, 0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255, 0xc4, 0));
    };
    expect(refusal(() => decodeMessage(forged('appendEntries', fields, 4)))).toContain(
      'ENCODING: entry.index is out of order',
    );
  });

  const snapshot = (index: number, term: number, configuration: readonly number[]): Uint8Array =>
    forged(
      'installSnapshot',
      (w) => w.uint(index).uint(term).raw(Uint8Array.from(configuration)).binary(new Uint8Array(1)),
      4,
    );
  const ONE_VOTER = [0x96, 0x91, 1, 0x90, 0x90, 0x90, 0xc2, 0x90];

  it('P98 §7: a snapshot at index 0 or from a term after its sender is refused', () => {
    expect(refusal(() => decodeMessage(snapshot(0, 1, ONE_VOTER)))).toBe(
      'ENCODING: snapshot.index is zero at byte 7',
    );
    expect(refusal(() => decodeMessage(snapshot(5, 4, ONE_VOTER)))).toBe(
      "ENCODING: snapshot.term is after the sender's at byte 8",
    );
    expect(decodeMessage(snapshot(5, 3, ONE_VOTER)).type).toBe('installSnapshot');
  });

  it.each([
    ['no voters', [0x96, 0x90, 0x90, 0x90, 0x90, 0xc2, 0x90]],
    ['a voter that is a learner', [0x96, 0x91, 1, 0x91, 1, 0x90, 0x90, 0xc2, 0x90]],
    ['an outgoing voter that is a learner', [0x96, 0x91, 1, 0x91, 2, 0x91, 2, 0x90, 0xc2, 0x90]],
    ['a next learner that never voted', [0x96, 0x91, 1, 0x90, 0x91, 1, 0x91, 2, 0xc2, 0x90]],
    ['a next learner that stays voter', [0x96, 0x91, 1, 0x90, 0x91, 1, 0x91, 1, 0xc2, 0x90]],
  ])('P98 §7: a snapshot whose configuration has %s is refused', (_what, configuration) => {
    expect(refusal(() => decodeMessage(snapshot(5, 3, configuration)))).toBe(
      'ENCODING: a configuration that could never be in force',
    );
  });
});

describe('a message of very many entries', () => {
  const entries = (count: number) => Array.from({ length: count }, (_, i) => [3, i + 1] as const);

  it('is read up to the limit, and refused beyond it before the first entry is', () => {
    const most = decodeMessage(append(entries(MESSAGE_ENTRIES_MAX), [0, 0]));
    expect(most.type === 'appendEntries' && most.entries.length).toBe(MESSAGE_ENTRIES_MAX);
    expect(() => decodeMessage(append(entries(MESSAGE_ENTRIES_MAX + 1), [0, 0]))).toThrow(
      expect.objectContaining({ code: 'ENCODING' }),
    );
  });

  it('is never asked of a node', () => {
    expect(() => new RaftNode({ id: 1, peers: [], maxBatchEntries: MESSAGE_ENTRIES_MAX + 1 })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
