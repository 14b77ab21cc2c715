// The wire form of messages: fixed bytes for one of each type, any message there and back, and agreement with another
// implementation of MessagePack about what the bytes say.

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  encodeEntry,
  encodeMessage,
  entryEncoding,
  MESSAGE_VERSION,
  type Message,
} from '../src/index.js';
import { MESSAGE_TYPES, messagesOf } from './support/arbitraries.js';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const envelope = { from: 1, to: 0x80, term: 3 };
const configuration = {
  voters: [1, 2],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  addresses: {},
};
const context = Uint8Array.of(0xab);

/** One message of each type and its bytes: a change here is a change of the wire format and needs a new version. */
const GOLDEN: readonly (readonly [Message, string])[] = [
  [
    { type: 'requestVote', ...envelope, lastLogIndex: 9, lastLogTerm: 2, transfer: true },
    '98010001cc80030902c3',
  ],
  [{ type: 'requestVoteReply', ...envelope, voteGranted: true }, '96010101cc8003c3'],
  [{ type: 'preVote', ...envelope, lastLogIndex: 9, lastLogTerm: 2 }, '97010201cc80030902'],
  [{ type: 'preVoteReply', ...envelope, voteGranted: false }, '96010301cc8003c2'],
  [
    {
      type: 'appendEntries',
      ...envelope,
      prevLogIndex: 4,
      prevLogTerm: 2,
      leaderCommit: 5,
      entries: [
        encodeEntry({ term: 2, index: 5, kind: 'normal', command: context }),
        encodeEntry({ term: 3, index: 6, kind: 'noop', command: new Uint8Array(0) }),
      ],
    },
    '99010401cc800304020592' + '94000205c401ab' + '94010306c400',
  ],
  [
    {
      type: 'appendEntriesReply',
      ...envelope,
      success: false,
      prevLogIndex: 7,
      matchIndex: 0,
      hintIndex: 6,
      hintTerm: 1,
    },
    '9a010501cc8003c207000601',
  ],
  [{ type: 'heartbeat', ...envelope, leaderCommit: 5, round: 8 }, '97010601cc80030508'],
  [{ type: 'heartbeatReply', ...envelope, round: 8 }, '96010701cc800308'],
  [
    { type: 'installSnapshot', ...envelope, snapshot: { index: 6, term: 3, configuration, data: context } },
    '99010801cc8003' + '0603' + '96920102909090c290' + 'c401ab',
  ],
  [
    { type: 'installSnapshotReply', ...envelope, snapshotIndex: 6, success: true, matchIndex: 6 },
    '98010901cc800306c306',
  ],
  [{ type: 'timeoutNow', ...envelope }, '95010a01cc8003'],
  [{ type: 'readIndex', ...envelope, incarnation: 4, request: 171 }, '97010b01cc800304ccab'],
  [{ type: 'readIndexReply', ...envelope, incarnation: 4, request: 171, index: 6 }, '98010c01cc800304ccab06'],
];

describe('the wire format, version 1', () => {
  it('has one golden message of each type', () => {
    expect(GOLDEN.map(([message]) => message.type)).toEqual(MESSAGE_TYPES);
    expect(MESSAGE_VERSION).toBe(1);
  });

  it.each(GOLDEN.map(([message, hex]) => [message.type, message, hex] as const))(
    '%s',
    (_type, message, hex) => {
      expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(hex);
      expect(decodeMessage(Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(message);
    },
  );
});

describe('there and back', () => {
  it.each(MESSAGE_TYPES)('any %s', (type) => {
    fc.assert(
      fc.property(messagesOf(type), (message) => {
        const encoded = encodeMessage(message);
        const decoded = decodeMessage(encoded);
        expect(decoded).toEqual(message);
        expect(encodeMessage(decoded)).toEqual(encoded);
      }),
    );
  });

  it.each(MESSAGE_TYPES)('any %s says the same to another implementation', (type) => {
    fc.assert(
      fc.property(messagesOf(type), (message) => {
        expect(plain(packr.unpack(encodeMessage(message)))).toEqual([
          MESSAGE_VERSION,
          MESSAGE_TYPES.indexOf(type),
          message.from,
          message.to,
          message.term,
          ...fieldsOf(message),
        ]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('entries in a message', () => {
  const entries = [
    encodeEntry({ term: 1, index: 1, kind: 'normal', command: Uint8Array.of(1) }),
    encodeEntry({ term: 1, index: 2, kind: 'normal', command: Uint8Array.of(2) }),
  ];
  const append: Message = {
    type: 'appendEntries',
    from: 1,
    to: 2,
    term: 1,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit: 0,
    entries,
  };

  it('stand there byte for byte as they stand in the log', () => {
    const encoded = Buffer.from(encodeMessage(append));
    for (const entry of entries) expect(encoded.includes(Buffer.from(entryEncoding(entry)))).toBe(true);
    const decoded = decodeMessage(encodeMessage(append));
    if (decoded.type !== 'appendEntries') return expect.unreachable();
    expect(decoded.entries.map((entry) => entry.encoded)).toEqual(entries.map((entry) => entry.encoded));
  });

  it('are encoded on the way where they do not carry their encoding', () => {
    const bare = entries.map(({ term, index, kind, command }) => ({ term, index, kind, command }));
    expect(encodeMessage({ ...append, entries: bare })).toEqual(encodeMessage(append));
  });

  it('are views of the received bytes, not copies', () => {
    const received = encodeMessage(append).slice();
    const decoded = decodeMessage(received);
    if (decoded.type !== 'appendEntries') return expect.unreachable();
    expect(decoded.entries.map((entry) => entry.encoded?.buffer)).toEqual([received.buffer, received.buffer]);
  });
});

it('snapshot data does not change with the received bytes', () => {
  const messages: Message[] = [
    { type: 'installSnapshot', ...envelope, snapshot: { index: 1, term: 1, configuration, data: context } },
  ];
  for (const message of messages) {
    // A Buffer, as sockets give them: its `slice` would be a view.
    const received = Buffer.from(encodeMessage(message));
    const decoded = decodeMessage(received);
    received.fill(0);
    expect(decoded).toEqual(message);
  }
});

/** Binary as plain byte arrays, so that a Buffer and a Uint8Array of the same bytes are equal. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

/** The fields of a message in the order of the wire, written down a second time. */
function fieldsOf(m: Message): unknown[] {
  switch (m.type) {
    case 'requestVote':
      return [m.lastLogIndex, m.lastLogTerm, m.transfer];
    case 'requestVoteReply':
    case 'preVoteReply':
      return [m.voteGranted];
    case 'preVote':
      return [m.lastLogIndex, m.lastLogTerm];
    case 'appendEntries': {
      const tags = { normal: 0, noop: 1, config: 2 };
      const entries = m.entries.map((e) => [tags[e.kind], e.term, e.index, Uint8Array.from(e.command)]);
      return [m.prevLogIndex, m.prevLogTerm, m.leaderCommit, entries];
    }
    case 'appendEntriesReply':
      return [m.success, m.prevLogIndex, m.matchIndex, m.hintIndex, m.hintTerm];
    case 'heartbeat':
      return [m.leaderCommit, m.round];
    case 'heartbeatReply':
      return [m.round];
    case 'installSnapshot': {
      const { index, term, configuration: c, data } = m.snapshot;
      const pairs = Object.entries(c.addresses).flatMap(([id, address]) => [Number(id), address]);
      return [
        index,
        term,
        [c.voters, c.learners, c.votersOutgoing, c.learnersNext, c.autoLeave, pairs],
        Uint8Array.from(data),
      ];
    }
    case 'installSnapshotReply':
      return [m.snapshotIndex, m.success, m.matchIndex];
    case 'timeoutNow':
      return [];
    case 'readIndex':
      return [m.incarnation, m.request];
    case 'readIndexReply':
      return [m.incarnation, m.request, m.index];
  }
}
