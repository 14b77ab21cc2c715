// The unit on the wire (docs/transport-format.md, "Frames"). Reads untrusted bytes: a length is believed only after the
// header's own checksum, nothing is allocated for it in advance, and whatever is wrong is a `TransportError`.
//
//   0        4      5      8          12         16
//   +--------+------+------+----------+----------+-----------
//   | length | kind | zero | payload  | header   | payload
//   | u32 LE | u8   |      | crc      | crc      | `length` bytes
//   +--------+------+------+----------+----------+-----------
//                            u32 LE     u32 LE, over bytes 0 to 12

import { checksum } from '@waldb/io';
import { TransportError } from './transport-error.js';

export type FrameKind =
  | 'hello'
  | 'message'
  | 'ping'
  | 'pong'
  | 'refusal'
  | 'snapshotRequest'
  | 'snapshotChunk';

export interface Frame {
  readonly kind: FrameKind;
  /** A view of what was read. */
  readonly payload: Uint8Array;
}

export const FRAME_HEADER_BYTES = 16;

const KINDS: readonly FrameKind[] = [
  'hello',
  'message',
  'ping',
  'pong',
  'refusal',
  'snapshotRequest',
  'snapshotChunk',
];
const CHECKED_BYTES = 12;

/** The 16 bytes in front of `payload`. */
export function frameHeader(kind: FrameKind, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint8(4, KINDS.indexOf(kind));
  view.setUint32(8, checksum(payload), true);
  view.setUint32(12, checksum(header.subarray(0, CHECKED_BYTES)), true);
  return header;
}

/**
 * Cuts a stream back into what was written: first a head of fixed size (the preamble), then frames. After it has
 * thrown it must not be used again: where the next frame begins is not known.
 */
export class FrameReader {
  /** Largest payload accepted from here on. */
  payloadBytesMax: number;
  #headBytes: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Bytes that must be there before anything more can be said. */
  #needed: number;

  constructor(headBytes: number, payloadBytesMax: number) {
    this.#headBytes = headBytes;
    this.#needed = headBytes > 0 ? headBytes : FRAME_HEADER_BYTES;
    this.payloadBytesMax = payloadBytesMax;
  }

  /** Takes bytes as they come. `onFrame` may stop the reading by returning false. */
  push(bytes: Uint8Array, onHead: (head: Uint8Array) => void, onFrame: (frame: Frame) => boolean): void {
    if (this.#heldBytes + bytes.length < this.#needed) {
      this.#hold(bytes);
      return;
    }
    const input = this.#join(bytes);
    let offset = 0;
    if (this.#headBytes > 0) {
      offset = this.#headBytes;
      this.#headBytes = 0;
      onHead(input.subarray(0, offset));
    }
    for (;;) {
      const frame = this.#frameAt(input, offset);
      if (frame === undefined) break;
      offset += FRAME_HEADER_BYTES + frame.payload.length;
      if (!onFrame(frame)) return;
    }
    if (offset < input.length) this.#hold(input.subarray(offset));
  }

  /** The frame at `offset`, or undefined when more bytes are needed; then `#needed` says how many. */
  #frameAt(input: Uint8Array, offset: number): Frame | undefined {
    const there = input.length - offset;
    this.#needed = FRAME_HEADER_BYTES;
    if (there < FRAME_HEADER_BYTES) return undefined;
    const view = new DataView(input.buffer, input.byteOffset + offset, FRAME_HEADER_BYTES);
    if (view.getUint32(12, true) !== checksum(input.subarray(offset, offset + CHECKED_BYTES))) {
      throw new TransportError('FRAME_DAMAGED', 'The checksum of a frame header does not match.');
    }
    const length = view.getUint32(0, true);
    const kind = KINDS[view.getUint8(4)];
    if (kind === undefined) {
      throw new TransportError('FRAME_UNEXPECTED', 'A frame is of a kind that this version does not know.', {
        kind: view.getUint8(4),
      });
    }
    if (length > this.payloadBytesMax) {
      throw new TransportError(
        'FRAME_TOO_LARGE',
        `A frame of ${length} bytes is larger than the ${this.payloadBytesMax} bytes that are accepted here.`,
        { bytes: length, bytesMax: this.payloadBytesMax },
      );
    }
    if (there < FRAME_HEADER_BYTES + length) {
      this.#needed = FRAME_HEADER_BYTES + length;
      return undefined;
    }
    const start = offset + FRAME_HEADER_BYTES;
    const payload = input.subarray(start, start + length);
    if (view.getUint32(8, true) !== checksum(payload)) {
      throw new TransportError('FRAME_DAMAGED', 'The checksum of a frame does not match.', { kind });
    }
    return { kind, payload };
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #join(bytes: Uint8Array): Uint8Array {
    if (this.#heldBytes === 0) return bytes;
    const joined = new Uint8Array(this.#heldBytes + bytes.length);
    let offset = 0;
    for (const held of this.#held) {
      joined.set(held, offset);
      offset += held.length;
    }
    joined.set(bytes, offset);
    this.#held = [];
    this.#heldBytes = 0;
    return joined;
  }
}
