import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_HEADER_BYTES, type Frame, type FrameKind, FrameReader, frameHeader } from '../src/frame.js';
import { TransportError } from '../src/transport-error.js';

const KINDS: FrameKind[] = ['hello', 'message', 'ping', 'pong', 'refusal'];
const PAYLOAD_MAX = 1000;

function framed(kind: FrameKind, payload: Uint8Array): Uint8Array {
  return Buffer.concat([frameHeader(kind, payload), payload]);
}

/** Everything that a reader makes of `pieces`. */
function read(pieces: readonly Uint8Array[], headBytes = 0) {
  const reader = new FrameReader(headBytes, PAYLOAD_MAX);
  const heads: string[] = [];
  const frames: string[] = [];
  for (const piece of pieces) {
    reader.push(
      piece,
      (head) => heads.push(Buffer.from(head).toString()),
      (frame: Frame) => {
        frames.push(`${frame.kind} ${Buffer.from(frame.payload).toString('hex')}`);
        return true;
      },
    );
  }
  return { heads, frames };
}

const STREAM = Buffer.concat([
  Buffer.from('HEAD'),
  framed('hello', Buffer.from('one')),
  framed('ping', new Uint8Array(0)),
  framed('message', new Uint8Array(PAYLOAD_MAX).fill(7)),
  framed('message', Buffer.from('four')),
]);
const WHOLE = read([STREAM], 4);

describe('FrameReader', () => {
  it('gives back the head and the frames that were written', () => {
    expect(WHOLE.heads).toEqual(['HEAD']);
    expect(WHOLE.frames).toEqual([
      `hello ${Buffer.from('one').toString('hex')}`,
      'ping ',
      `message ${'07'.repeat(PAYLOAD_MAX)}`,
      `message ${Buffer.from('four').toString('hex')}`,
    ]);
  });

  it('a frame header has the layout that docs/transport-format.md gives', () => {
    const checked = Buffer.from('09000000010000002639f4cb', 'hex');
    const headerCrc = Buffer.alloc(4);
    headerCrc.writeUInt32LE(crc32(checked));
    expect(Buffer.from(frameHeader('message', Buffer.from('123456789'))).toString('hex')).toBe(
      // length 9, kind 1, the well-known check value cbf43926 of CRC-32, and the checksum of those 12 bytes
      `${checked.toString('hex')}${headerCrc.toString('hex')}`,
    );
  });

  it('reads the same however the stream is cut in two', () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      expect(read([STREAM.subarray(0, cut), STREAM.subarray(cut)], 4)).toEqual(WHOLE);
    }
  });

  it('reads the same one byte at a time, and in any pieces', () => {
    expect(
      read(
        [...STREAM].map((byte) => Uint8Array.of(byte)),
        4,
      ),
    ).toEqual(WHOLE);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 20 }), (sizes) => {
        const pieces: Uint8Array[] = [];
        let offset = 0;
        for (const size of sizes) {
          pieces.push(STREAM.subarray(offset, offset + size));
          offset += size;
        }
        pieces.push(STREAM.subarray(offset));
        expect(read(pieces, 4)).toEqual(WHOLE);
      }),
    );
  });

  it('reads any frames back', () => {
    const frame = fc
      .tuple(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 100 }))
      .map(([kind, payload]): [FrameKind, Uint8Array] => [
        kind,
        kind === 'ping' || kind === 'pong' ? new Uint8Array(0) : payload,
      ]);
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 10 }), (frames) => {
        const stream = Buffer.concat(frames.map(([kind, payload]) => framed(kind, payload)));
        const expected = frames.map(([kind, payload]) => `${kind} ${Buffer.from(payload).toString('hex')}`);
        expect(read([stream]).frames).toEqual(expected);
      }),
    );
  });

  it('never shows a frame in which any bit is flipped', () => {
    const frame = framed('message', Buffer.from('payload'));
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Uint8Array.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => read([flipped])).toThrow(TransportError);
    }
  });

  it('shows the whole frames before a damaged one', () => {
    const damaged = Uint8Array.from(framed('ping', new Uint8Array(0)));
    damaged[12] = (damaged[12] ?? 0) ^ 1;
    const reader = new FrameReader(0, PAYLOAD_MAX);
    const seen: FrameKind[] = [];
    const push = () =>
      reader.push(
        Buffer.concat([framed('pong', new Uint8Array(0)), damaged]),
        () => {},
        (frame) => seen.push(frame.kind) > 0,
      );
    expect(push).toThrow(expect.objectContaining({ code: 'FRAME_DAMAGED' }));
    expect(seen).toEqual(['pong']);
  });

  it('takes a payload of exactly the limit, and refuses one byte more at its header', () => {
    expect(read([framed('message', new Uint8Array(PAYLOAD_MAX))]).frames).toHaveLength(1);
    const header = framed('message', new Uint8Array(PAYLOAD_MAX + 1)).subarray(0, FRAME_HEADER_BYTES);
    expect(() => read([header])).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LARGE' }));
  });

  it('refuses a kind of a later version', () => {
    const header = frameHeader('ping', new Uint8Array(0));
    const reader = () => {
      const unknown = Uint8Array.from(header);
      unknown[4] = 200;
      // A valid checksum over the unknown kind: only the kind is wrong.
      new DataView(unknown.buffer).setUint32(12, crc32(unknown.subarray(0, 12)), true);
      return read([unknown]);
    };
    expect(reader).toThrow(expect.objectContaining({ code: 'FRAME_UNEXPECTED' }));
  });

  it('random bytes are refused, never shown and never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: FRAME_HEADER_BYTES, maxLength: 300 }), (bytes) => {
        expect(() => read([bytes])).toThrow(TransportError);
      }),
    );
  });

  it('reads nothing more once its owner has said stop', () => {
    const reader = new FrameReader(0, PAYLOAD_MAX);
    let frames = 0;
    reader.push(
      Buffer.concat([framed('ping', new Uint8Array(0)), framed('ping', new Uint8Array(0))]),
      () => {},
      () => {
        frames += 1;
        return false;
      },
    );
    expect(frames).toBe(1);
  });
});

/** CRC-32, bit by bit, so that the test does not lean on the code under test. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
