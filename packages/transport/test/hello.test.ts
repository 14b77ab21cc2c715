import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agreeVersion,
  checkHello,
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodePreamble,
  HELLO_BYTES_MAX,
  type Hello,
  PREAMBLE_BYTES,
  refusalFrame,
} from '../src/hello.js';
import { TransportError } from '../src/transport-error.js';

const HELLO: Hello = {
  clusterId: 'f00d',
  from: 2,
  to: 1,
  logId: 'abcdef',
  address: '127.0.0.1:7202,127.0.0.1:7102',
};
const US = { clusterId: 'f00d', nodeId: 1, peer: undefined };

const GOLDEN_PREAMBLE = '57414c44420d0a1a01000100d7580b03';

function hex(text: string): string {
  return Buffer.from(text).toString('hex');
}

describe('the preamble', () => {
  it('agrees on the version that both speak', () => {
    expect(encodePreamble()).toHaveLength(PREAMBLE_BYTES);
    expect(agreeVersion(encodePreamble())).toBe(1);
  });

  it.each([
    [2, 3, 'VERSION_UNSUPPORTED'],
    [0, 0, 'VERSION_UNSUPPORTED'],
  ])('refuses a peer that speaks only versions %i to %i', (min, max, code) => {
    expect(() => agreeVersion(preambleOf(min, max))).toThrow(expect.objectContaining({ code }));
  });

  it('speaks version 1 with a later peer that still knows it', () => {
    expect(agreeVersion(preambleOf(1, 9))).toBe(1);
  });

  it('a flipped bit, or the beginning of another protocol, is not ours', () => {
    for (let bit = 0; bit < PREAMBLE_BYTES * 8; bit++) {
      const flipped = encodePreamble();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => agreeVersion(flipped)).toThrow(expect.objectContaining({ code: 'NOT_WALDB' }));
    }
    const http = Buffer.from('GET / HTTP/1.1\r\nHost: x');
    expect(() => agreeVersion(http.subarray(0, PREAMBLE_BYTES))).toThrow(
      expect.objectContaining({ code: 'NOT_WALDB' }),
    );
  });

  it('the beginning of TLS is called by its name', () => {
    const clientHello = Buffer.from('1603010200010001fc0303a1b2c3d4e5', 'hex');
    expect(() => agreeVersion(clientHello)).toThrow(expect.objectContaining({ code: 'TLS_UNEXPECTED' }));
  });
});

describe('a hello', () => {
  it('and the preamble have the bytes that docs/transport-format.md gives', () => {
    expect(Buffer.from(encodePreamble()).toString('hex')).toBe(GOLDEN_PREAMBLE);
    expect(Buffer.from(encodeHello(HELLO)).toString('hex')).toBe(
      `95a4${hex('f00d')}0201a6${hex('abcdef')}bd${hex('127.0.0.1:7202,127.0.0.1:7102')}`,
    );
  });

  it('is read as it was written', () => {
    expect(decodeHello(encodeHello(HELLO))).toEqual(HELLO);
  });

  it('P81 may tell the receiver that it was removed, and at which index', () => {
    const told: Hello = { ...HELLO, removedAt: 300 };
    expect(decodeHello(encodeHello(told))).toEqual(told);
    expect(Buffer.from(encodeHello(told)).toString('hex')).toMatch(/^97.*c0cd012c$/);
    const both: Hello = { ...told, purpose: 'snapshot' };
    expect(decodeHello(encodeHello(both))).toEqual(both);
    expect(decodeHello(encodeHello({ ...HELLO, removedAt: 0 }))).toEqual(HELLO);
  });

  it('may prove by a mark that its sender was removed and added again', () => {
    const proven: Hello = { ...HELLO, memberSince: 812 };
    expect(decodeHello(encodeHello(proven))).toEqual(proven);
    expect(Buffer.from(encodeHello(proven)).toString('hex')).toMatch(/^98.*c0c0cd032c$/);
    const all: Hello = { ...proven, purpose: 'snapshot', removedAt: 300 };
    expect(decodeHello(encodeHello(all))).toEqual(all);
  });

  it('of a later version may say more', () => {
    const longer = Buffer.concat([encodeHello(HELLO), Uint8Array.of(0xc0, 0x07, 0xc0, 0x2a)]);
    longer[0] = 0x99; // an array of nine
    expect(decodeHello(longer)).toEqual({ ...HELLO, removedAt: 7 });
  });

  it('cut anywhere is refused', () => {
    const bytes = encodeHello(HELLO);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeHello(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'MESSAGE_INVALID' }),
      );
    }
  });

  it('of random bytes is refused, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeHello(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(TransportError);
        }
      }),
    );
  });

  it.each<[string, Partial<Hello>, string | undefined]>([
    ['from a member, for us', {}, undefined],
    ['from another cluster', { clusterId: 'beef' }, 'CLUSTER_MISMATCH'],
    ['for another server', { to: 3 }, 'ID_MISMATCH'],
    ['with our own id', { from: 1 }, 'ID_MISMATCH'],
    ['without an id', { from: 0 }, 'ID_MISMATCH'],
  ])('%s', (_name, change, code) => {
    const check = () => checkHello(US, { ...HELLO, ...change });
    if (code === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code }));
  });

  it('from another server than the one that was dialled is refused', () => {
    expect(() => checkHello({ ...US, peer: 3 }, HELLO)).toThrow(
      expect.objectContaining({ code: 'ID_MISMATCH', detail: { expected: 3, found: 2 } }),
    );
  });
});

describe('a refusal', () => {
  it('tells the other end the code and the sentence, within what a hello may take', () => {
    const long = new TransportError('CLUSTER_MISMATCH', 'é'.repeat(10_000));
    const bytes = refusalFrame(long, false)[1] ?? new Uint8Array();
    expect(bytes.length).toBeLessThan(HELLO_BYTES_MAX);
    const told = decodeRefusal(bytes);
    expect(told).toMatchObject({ code: 'REFUSED', detail: { theirCode: 'CLUSTER_MISMATCH' } });
    expect(told.message).toContain('ééé');
  });

  it('of a hostile peer is one line in a log, and nothing that a terminal obeys', () => {
    const payload = refusalFrame(
      { code: 'X', message: 'first\nERROR second\u001b[2J\u202e\u2028' },
      false,
    )[1];
    const told = decodeRefusal(payload ?? new Uint8Array());
    expect(told.message).toBe('The other end refused the connection: first?ERROR second?[2J??');
  });
});

function preambleOf(versionMin: number, versionMax: number): Uint8Array {
  const preamble = encodePreamble();
  const view = new DataView(preamble.buffer);
  view.setUint16(8, versionMin, true);
  view.setUint16(10, versionMax, true);
  let crc = 0xffffffff;
  for (const byte of preamble.subarray(0, 12)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  view.setUint32(12, ~crc >>> 0, true);
  return preamble;
}
