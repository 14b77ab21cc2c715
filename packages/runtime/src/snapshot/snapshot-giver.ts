// Gives peers the snapshots that they ask for, straight from the disk, and remembers for the leader how that goes: a
// peer that takes what it is given is not to be offered it again.

import type { Event, Index, NodeId } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { SnapshotError } from '@waldb/snapshot';
import { type SnapshotRequest, TransportError } from '@waldb/transport';
import type { SnapshotTransfer } from '../observe/server-events.js';
import type { Images } from './images.js';

export interface SnapshotGiverOptions {
  readonly images: Images;
  readonly clock: Clock;
  /** A peer was given an image to its end: `bytes` of it over this connection. */
  readonly onSent: (sent: SnapshotTransfer) => void;
  /** An image that the log may name cannot be read on. */
  readonly onDamage: (error: SnapshotError) => void;
  /** A peer asks for what is not here, or not any more. */
  readonly onMissing: (index: Index) => void;
}

export class SnapshotGiver {
  readonly #options: SnapshotGiverOptions;
  readonly #progressed = new Set<NodeId>();
  readonly #failed = new Set<NodeId>();

  constructor(options: SnapshotGiverOptions) {
    this.#options = options;
  }

  /** Errors: `TransportError` `SNAPSHOT_UNAVAILABLE`, `BUSY`; at once or while it is read. */
  open(peer: NodeId, request: SnapshotRequest): AsyncIterable<Uint8Array> {
    const image = this.#read(peer, request);
    if (image !== undefined) return this.#pieces(peer, request.index, image);
    this.#failed.add(peer);
    this.#options.onMissing(request.index);
    throw new TransportError(
      'SNAPSHOT_UNAVAILABLE',
      `The snapshot at index ${request.index} of term ${request.term} with this checksum is not here, or not as long.`,
      { index: request.index, term: request.term, offset: request.offset },
    );
  }

  /** What has happened since the last call, for the node. */
  takeEvents(): Event[] {
    const events: Event[] = [];
    for (const to of this.#progressed) events.push({ type: 'snapshotProgress', to });
    for (const to of this.#failed) events.push({ type: 'snapshotStatus', to, ok: false });
    this.#progressed.clear();
    this.#failed.clear();
    return events;
  }

  #read(peer: NodeId, request: SnapshotRequest): AsyncIterable<Uint8Array> | undefined {
    try {
      return this.#options.images.read(request, request.offset);
    } catch (error) {
      throw this.#asTransportError(peer, error);
    }
  }

  async *#pieces(
    peer: NodeId,
    index: Index,
    image: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { clock, onSent } = this.#options;
    const began = clock.now();
    let bytes = 0;
    try {
      for await (const piece of image) {
        this.#progressed.add(peer);
        bytes += piece.length;
        yield piece;
      }
      onSent({ index, bytes, milliseconds: clock.now() - began, peer });
    } catch (error) {
      throw this.#asTransportError(peer, error);
    }
  }

  #asTransportError(peer: NodeId, error: unknown): unknown {
    if (!(error instanceof SnapshotError)) return error;
    if (error.code === 'SNAPSHOT_BUSY') return new TransportError('BUSY', error.message, error.detail);
    this.#failed.add(peer);
    if (error.code === 'SNAPSHOT_CORRUPT') this.#options.onDamage(error);
    return new TransportError('SNAPSHOT_UNAVAILABLE', error.message, error.detail, { cause: error });
  }
}
