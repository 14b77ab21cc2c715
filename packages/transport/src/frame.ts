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

/** Largest payload of the kinds that only arrange things, whatever a message or a piece of a snapshot may take. */
export const CONTROL_PAYLOAD_BYTES_MAX = 4096;
const NOTHING: Uint8Array = new Uint8Array(0);

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
  /** Largest payload of a message or of a piece of a snapshot from here on. */
  payloadBytesMax: number;
  #headBytes: number;
  /** What has come of something that is not whole yet, and room for more of it. */
  #held: Uint8Array = NOTHING;
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
    const bytesMax = this.#bytesMaxOf(kind);
    if (length > bytesMax) {
      throw new TransportError(
        'FRAME_TOO_LARGE',
        `A ${kind} of ${length} bytes is larger than the ${bytesMax} bytes that are accepted here.`,
        { kind, bytes: length, bytesMax },
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

  #bytesMaxOf(kind: FrameKind): number {
    switch (kind) {
      case 'ping':
      case 'pong':
        return 0;
      case 'hello':
      case 'refusal':
      case 'snapshotRequest':
        return Math.min(CONTROL_PAYLOAD_BYTES_MAX, this.payloadBytesMax);
      case 'message':
      case 'snapshotChunk':
        return this.payloadBytesMax;
    }
  }

  /**
   * Copies into one buffer that grows to twice its size at most: bytes that come one by one would otherwise take a
   * hundred times as much, as objects. Never more than what is needed, and that only once half of it has come.
   */
  #hold(bytes: Uint8Array): void {
    const heldBytes = this.#heldBytes + bytes.length;
    if (heldBytes > this.#held.length) {
      const grown = new Uint8Array(Math.max(heldBytes, Math.min(2 * heldBytes, this.#needed)));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = heldBytes;
  }

  /** Everything that is there, to be given away. */
  #join(bytes: Uint8Array): Uint8Array {
    if (this.#heldBytes === 0) return bytes;
    this.#hold(bytes);
    const joined = this.#held.subarray(0, this.#heldBytes);
    this.#held = NOTHING;
    this.#heldBytes = 0;
    return joined;
  }
}
