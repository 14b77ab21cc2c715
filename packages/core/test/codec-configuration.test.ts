// A configuration's encoding: what a config entry and a snapshot carry.

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { type Configuration, decodeConfiguration, encodeConfiguration } from '../src/index.js';
import { configurations } from './support/arbitraries.js';
import { refusal } from './support/refusal.js';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const joint: Configuration = {
  voters: [1, 2, 200],
  learners: [7],
  votersOutgoing: [1, 2, 3],
  learnersNext: [3],
  autoLeave: true,
  addresses: { 2: 'b:1', 1: 'a:1', 200: '' },
};

it('is six fields in a fixed order, addresses by rising id', () => {
  const encoded = encodeConfiguration(joint);
  expect(packr.unpack(encoded)).toEqual([
    [1, 2, 200],
    [7],
    [1, 2, 3],
    [3],
    true,
    [1, 'a:1', 2, 'b:1', 200, ''],
  ]);
  expect(Buffer.from(encoded).toString('hex')).toBe(
    '96930102ccc8' + '9107' + '93010203' + '9103' + 'c3' + '9601a3613a3102a3623a31ccc8a0',
  );
  expect(decodeConfiguration(encoded)).toEqual(joint);
});

it('any configuration reads back as it was', () => {
  fc.assert(
    fc.property(configurations(), (configuration) => {
      const encoded = encodeConfiguration(configuration);
      expect(decodeConfiguration(encoded)).toEqual(configuration);
      const { voters, learners, votersOutgoing, learnersNext, autoLeave, addresses } = configuration;
      const pairs = Object.entries(addresses).flatMap(([id, address]) => [Number(id), address]);
      expect(packr.unpack(encoded)).toEqual([
        voters,
        learners,
        votersOutgoing,
        learnersNext,
        autoLeave,
        pairs,
      ]);
    }),
  );
});

describe('what is refused', () => {
  const good = encodeConfiguration(joint);

  it('cut at every byte', () => {
    for (let length = 0; length < good.length; length++) {
      expect(refusal(() => decodeConfiguration(good.subarray(0, length)))).toMatch(/^ENCODING: /);
    }
  });

  it('one byte too many', () => {
    expect(refusal(() => decodeConfiguration(Uint8Array.of(...good, 0xc0)))).toBe(
      `ENCODING: configuration is followed by trailing bytes at byte ${good.length}`,
    );
  });

  it.each([
    ['five fields', [0x95, 0x90, 0x90, 0x90, 0x90, 0xc2], 'configuration is not 6 elements at byte 1'],
    [
      'server 0',
      [0x96, 0x91, 0, 0x90, 0x90, 0x90, 0xc2, 0x90],
      'voters is not a rising list of ids at byte 3',
    ],
    [
      'a voter twice',
      [0x96, 0x92, 1, 1, 0x90, 0x90, 0x90, 0xc2, 0x90],
      'voters is not a rising list of ids at byte 4',
    ],
    [
      'falling ids',
      [0x96, 0x90, 0x92, 2, 1, 0x90, 0x90, 0xc2, 0x90],
      'learners is not a rising list of ids at byte 5',
    ],
    [
      'falling outgoing ids',
      [0x96, 0x90, 0x90, 0x92, 2, 1, 0x90, 0xc2, 0x90],
      'votersOutgoing is not a rising list of ids at byte 6',
    ],
    [
      'falling next learners',
      [0x96, 0x90, 0x90, 0x90, 0x92, 2, 1, 0xc2, 0x90],
      'learnersNext is not a rising list of ids at byte 7',
    ],
    [
      'an odd list of addresses',
      [0x96, 0x90, 0x90, 0x90, 0x90, 0xc2, 0x91, 1],
      'addresses is not a list of pairs at byte 7',
    ],
    [
      'a number for autoLeave',
      [0x96, 0x90, 0x90, 0x90, 0x90, 1, 0x90],
      'autoLeave is not a boolean at byte 6',
    ],
    [
      'a number for an address',
      [0x96, 0x90, 0x90, 0x90, 0x90, 0xc2, 0x92, 1, 1],
      'address is not a string at byte 9',
    ],
  ])('%s', (_what, bytes, message) => {
    expect(refusal(() => decodeConfiguration(Uint8Array.from(bytes)))).toBe(`ENCODING: ${message}`);
  });

  it('more than 1024 servers in one list; exactly 1024 are read', () => {
    const servers = (count: number): Configuration => ({
      voters: Array.from({ length: count }, (_, i) => i + 1),
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
      addresses: {},
    });
    expect(decodeConfiguration(encodeConfiguration(servers(1024)))).toEqual(servers(1024));
    expect(refusal(() => decodeConfiguration(encodeConfiguration(servers(1025))))).toBe(
      'ENCODING: voters is more than 1024 servers at byte 4',
    );
  });
});
