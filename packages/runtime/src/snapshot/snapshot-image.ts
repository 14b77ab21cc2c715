// What a snapshot's image holds: the server's own replicated state, then the user's stream, both of the same point of
// the log. Streams both ways; of the user's bytes it never holds more than one piece.
//
//   0         8           12           16
//   +---------+-----------+------------+---------------+------------------ - - -
//   | magic   | version   | block      | block         | the state machine's own
//   | 8 bytes | u32 LE    | bytes u32  |               | stream, to the image's end
//   +---------+-----------+------------+---------------+------------------ - - -
//
// It has no checksums of its own: who keeps or sends an image checks every byte of it (docs/snapshot-format.md).

import { REPLICATED_STATE_BYTES_MAX, type ReplicatedState } from '../apply/replicated-state.js';
import { RuntimeError } from '../runtime-error.js';
import type { StateMachine } from '../state-machine.js';

const MAGIC = 'WALDBSTA';
const VERSION = 1;
const HEAD_BYTES = 16;

/** The two whose states make an image. */
export interface ImageParts {
  readonly replicatedState: ReplicatedState;
  readonly stateMachine: Pick<StateMachine<unknown>, 'snapshot' | 'restore'>;
}

/**
 * The image of this very moment. Both states are asked before this returns, and the state machine's stream is begun, up
 * to its first wait: a generator that copies its state first thing copies the state of this point. Whoever does not
 * iterate to the end calls `return`.
 * Errors, when iterated too: `SNAPSHOT_TOO_LARGE`, and whatever the state machine throws.
 */
export function beginImage({ replicatedState, stateMachine }: ImageParts): BegunImage {
  const block = replicatedState.encode();
  if (block.length > REPLICATED_STATE_BYTES_MAX) {
    throw new RuntimeError(
      'SNAPSHOT_TOO_LARGE',
      `The server's own replicated state has ${block.length} bytes; at most ${REPLICATED_STATE_BYTES_MAX} are allowed.`,
      { detail: { bytes: block.length, bytesMax: REPLICATED_STATE_BYTES_MAX } },
    );
  }
  return new BegunImage([encodeHead(block), block], stateMachine.snapshot()[Symbol.asyncIterator]());
}

/** An image whose user's stream has been begun, whether or not anybody reads it. */
export class BegunImage implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: Uint8Array[];
  readonly #stream: AsyncIterator<Uint8Array>;
  #first: Promise<IteratorResult<Uint8Array>> | undefined;
  #isEnded = false;

  constructor(pieces: Uint8Array[], stream: AsyncIterator<Uint8Array>) {
    this.#pieces = pieces;
    this.#stream = stream;
    this.#first = stream.next();
    this.#first.catch(() => {}); // whoever iterates hears of it; without anyone, it is nobody's concern
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) return { done: false, value: piece };
    const pulled = this.#first ?? this.#stream.next();
    this.#first = undefined;
    try {
      const next = await pulled;
      if (next.done !== true) return next;
    } catch (error) {
      this.#isEnded = true;
      throw error;
    }
    this.#isEnded = true;
    return { done: true, value: undefined };
  }

  /** Lets go of the user's stream. Idempotent. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#isEnded) {
      this.#isEnded = true;
      await this.#stream.return?.();
    }
    return { done: true, value: undefined };
  }
}

/**
 * Brings both states to what an image holds, and reads it to its end, whatever the state machine reads of it: only then
 * were all its checksums right. Without a state machine only the server's own state is brought there.
 * Errors: what the stream throws, also where the state machine took no notice; what the two throw.
 */
export async function restoreImage(
  image: AsyncIterable<Uint8Array>,
  { replicatedState, stateMachine }: Pick<ImageParts, 'replicatedState'> & Partial<ImageParts>,
): Promise<void> {
  const reader = new ImageReader(image[Symbol.asyncIterator]());
  try {
    const head = await reader.take(HEAD_BYTES);
    replicatedState.restore(await reader.take(decodeHead(head)));
    await stateMachine?.restore(reader.rest());
    await reader.drain();
  } finally {
    await reader.close();
  }
}

function encodeHead(block: Uint8Array): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  new TextEncoder().encodeInto(MAGIC, head);
  const view = new DataView(head.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, block.length, true);
  return head;
}

/** How long the block is. */
function decodeHead(head: Uint8Array): number {
  if (new TextDecoder('latin1').decode(head.subarray(0, 8)) !== MAGIC)
    throw unreadable(`it does not begin with ${MAGIC}`);
  const view = new DataView(head.buffer, head.byteOffset, HEAD_BYTES);
  const version = view.getUint32(8, true);
  if (version !== VERSION)
    throw unreadable(`it has version ${version}; this program reads version ${VERSION}`);
  const blockBytes = view.getUint32(12, true);
  if (blockBytes > REPLICATED_STATE_BYTES_MAX)
    throw unreadable(`its block of ${blockBytes} bytes is larger than ${REPLICATED_STATE_BYTES_MAX}`);
  return blockBytes;
}

function unreadable(why: string): RuntimeError {
  return new RuntimeError('SNAPSHOT_UNREADABLE', `A snapshot's image cannot be read: ${why}.`);
}

/** Takes an image apart, and remembers what went wrong with it, should its reader not care. */
class ImageReader {
  readonly #source: AsyncIterator<Uint8Array>;
  /** Read, and not handed out yet. */
  #ahead: Uint8Array = new Uint8Array(0);
  #isEnded = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  /** The next `count` bytes. Allocates for bytes that have come, never for a length that was announced. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const piece = await this.#next();
      if (piece === undefined) throw unreadable(`it ends ${missing} bytes before its block does`);
      pieces.push(piece.subarray(0, missing));
      this.#ahead = piece.subarray(missing);
      missing -= Math.min(missing, piece.length);
    }
    return gather(pieces);
  }

  async *rest(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const piece = await this.#next();
      if (piece === undefined) return;
      yield piece;
    }
  }

  async drain(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    while ((await this.#next()) !== undefined);
  }

  async close(): Promise<void> {
    if (!this.#isEnded) await this.#source.return?.();
  }

  /** Undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    if (this.#ahead.length > 0) {
      const piece = this.#ahead;
      this.#ahead = new Uint8Array(0);
      return piece;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#isEnded) return undefined;
    try {
      const next = await this.#source.next();
      if (next.done !== true) return next.value;
    } catch (error) {
      this.#failure = { error };
      this.#isEnded = true;
      throw error;
    }
    this.#isEnded = true;
    return undefined;
  }
}

function gather(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
