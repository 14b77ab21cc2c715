// Fetches the image that an `installSnapshot` message refers to, and holds the message back until the image is whole,
// verified and durable here: only then may the node act on it (docs/durability.md, "Snapshots and the log"). What breaks
// off goes on where it broke off. One image at a time; nothing here ever stops the loop.

import type { Index, Message, NodeId, Term } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { type Reception, SnapshotError } from '@waldb/snapshot';
import { Backoff, type SnapshotRequest, TransportError } from '@waldb/transport';
import type { SnapshotTransfer } from '../observe/server-events.js';
import { RuntimeError } from '../runtime-error.js';
import type { Images } from './images.js';
import { isSameImage, type SnapshotReference } from './snapshot-reference.js';
import { fromSnapshotError } from './snapshots.js';

export type InstallSnapshot = Extract<Message, { type: 'installSnapshot' }>;

export interface SnapshotFetcherOptions {
  readonly images: Images;
  readonly clock: Clock;
  readonly random: () => number;
  /** How long a part of an image is kept without coming along. */
  readonly partialSnapshotMs: number;
  readonly request: (
    from: NodeId,
    request: SnapshotRequest,
    signal: AbortSignal,
  ) => AsyncIterable<Uint8Array>;
  /** The image is durable: the node may have the message. Resolves when it has had it. */
  readonly deliver: (message: InstallSnapshot) => Promise<void>;
  /** The image is durable here, so many milliseconds after it was offered. */
  readonly onReceived: (received: SnapshotTransfer) => void;
  readonly onTrouble: (error: RuntimeError) => void;
}

/** Attempts in a row that brought not one byte, after which the leader has to offer it again. */
const FRUITLESS_ATTEMPTS_MAX = 8;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5000;

interface Offer {
  readonly message: InstallSnapshot;
  readonly reference: SnapshotReference;
}

interface Fetch {
  /** The newest message that offers this image. */
  offer: Offer;
  readonly beganAt: number;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

export class SnapshotFetcher {
  readonly #options: SnapshotFetcherOptions;
  #fetch: Fetch | undefined;
  /** Offered meanwhile, and wanted should the present one not be had. */
  #next: Offer | undefined;
  #partial:
    | { readonly reception: Reception; readonly reference: SnapshotReference; touchedAt: number }
    | undefined;
  #hasStopped = false;

  constructor(options: SnapshotFetcherOptions) {
    this.#options = options;
  }

  /** The index of the image that is being fetched, and how much of it is there. */
  get progress(): { readonly index: Index; readonly bytes: number; readonly bytesTotal: number } | undefined {
    const { index, bytes: bytesTotal } = this.#fetch?.offer.reference ?? { index: 0, bytes: 0 };
    if (index === 0) return undefined;
    return { index, bytes: this.#partial?.reception.offset ?? 0, bytesTotal };
  }

  /** Sees to it that the node gets this message once its image is here. */
  offer(message: InstallSnapshot, reference: SnapshotReference): void {
    if (this.#hasStopped) return;
    const offer = { message, reference };
    const present = this.#fetch;
    if (present === undefined) return this.#begin(offer);
    if (isSameImage(present.offer.reference, reference)) {
      present.offer = offer;
    } else if (message.term > present.offer.message.term) {
      // Another leader, another image: what the old one offered may never be confirmed.
      this.#next = offer;
      present.stop.abort();
    } else {
      // The leader has a newer one by now. The present one comes along and is as true as before: were it given up, an
      // image that takes longer than the leader's interval between two would never be had.
      this.#next = offer;
    }
  }

  /** What the node knows by now may have made the image pointless. */
  tick(node: { readonly term: Term; readonly commitIndex: Index }): void {
    const present = this.#fetch;
    if (present !== undefined) {
      const { message, reference } = present.offer;
      if (message.term < node.term || reference.index <= node.commitIndex) present.stop.abort();
      return;
    }
    const partial = this.#partial;
    if (partial === undefined) return;
    const idleMs = this.#options.clock.now() - partial.touchedAt;
    if (idleMs > this.#options.partialSnapshotMs || partial.reference.index <= node.commitIndex)
      void this.#discardPartial(); // never rejects
  }

  /** Resolves when nothing is under way any more. Never rejects. */
  async stop(): Promise<void> {
    this.#hasStopped = true;
    this.#next = undefined;
    this.#fetch?.stop.abort();
    await this.#fetch?.done;
    await this.#discardPartial();
  }

  #begin(offer: Offer): void {
    const stop = new AbortController();
    let end: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      end = resolve;
    });
    const fetch: Fetch = { offer, beganAt: this.#options.clock.now(), stop, done };
    this.#fetch = fetch;
    void this.#run(fetch).then(() => {
      this.#fetch = undefined;
      end();
      const next = this.#next;
      this.#next = undefined;
      if (next !== undefined && !this.#hasStopped) this.#begin(next);
    });
  }

  /** Never rejects. */
  async #run(fetch: Fetch): Promise<void> {
    const { clock, random, onTrouble } = this.#options;
    const backoff = new Backoff({ msMin: RETRY_MS_MIN, msMax: RETRY_MS_MAX, random });
    let fruitless = 0;
    while (!fetch.stop.signal.aborted) {
      const before = this.#partial?.reception.offset ?? 0;
      const error = await this.#attempt(fetch);
      if (error === undefined || fetch.stop.signal.aborted) return;
      if ((this.#partial?.reception.offset ?? 0) > before) {
        fruitless = 0;
        backoff.reset();
      } else fruitless += 1;
      if (isFinal(error) || fruitless >= FRUITLESS_ATTEMPTS_MAX) {
        onTrouble(asRuntimeError(error, fetch.offer));
        return;
      }
      if (this.#next !== undefined) return;
      await sleep(clock, backoff.nextMs(), fetch.stop.signal);
    }
  }

  /** One connection's worth. Returns why the image is not here yet; undefined when the node has had its message. */
  async #attempt(fetch: Fetch): Promise<unknown> {
    try {
      const reception = await this.#receptionFor(fetch.offer);
      if (!reception.isComplete) await this.#pull(fetch, reception);
      if (fetch.stop.signal.aborted) return undefined;
      await reception.publish();
      this.#partial = undefined;
      this.#told(fetch);
      await this.#options.deliver(fetch.offer.message);
      return undefined;
    } catch (error) {
      if (this.#partial?.reception.hasEnded) this.#partial = undefined;
      return error;
    }
  }

  #told({ offer, beganAt }: Fetch): void {
    const { clock, onReceived } = this.#options;
    const { index, bytes } = offer.reference;
    onReceived({ index, bytes, milliseconds: clock.now() - beganAt, peer: offer.message.from });
  }

  async #receptionFor({ message, reference }: Offer): Promise<Reception> {
    const present = this.#partial;
    if (present !== undefined && isSameImage(present.reference, reference)) return present.reception;
    await this.#discardPartial();
    const reception = await this.#options.images.receive(message.snapshot, reference);
    this.#partial = { reception, reference, touchedAt: this.#options.clock.now() };
    return reception;
  }

  async #pull(fetch: Fetch, reception: Reception): Promise<void> {
    const { request, clock } = this.#options;
    const { message, reference } = fetch.offer;
    const { offset } = reception;
    const pieces = request(message.from, { ...reference, offset }, fetch.stop.signal);
    for await (const piece of pieces) {
      await reception.append(piece);
      if (this.#partial !== undefined) this.#partial.touchedAt = clock.now();
      if (fetch.stop.signal.aborted) return;
    }
    if (!reception.isComplete)
      throw new TransportError('SNAPSHOT_BROKE_OFF', 'The connection ended before the snapshot did.', {
        index: reference.index,
        bytes: reception.offset,
        bytesTotal: reference.bytes,
      });
  }

  async #discardPartial(): Promise<void> {
    const partial = this.#partial;
    this.#partial = undefined;
    await partial?.reception.discard();
  }
}

/** Whether asking the same server again is of no use. */
function isFinal(error: unknown): boolean {
  if (error instanceof SnapshotError) return error.code !== 'SNAPSHOT_BUSY';
  if (!(error instanceof TransportError)) return false;
  return error.code === 'REFUSED' && error.detail.theirCode === 'SNAPSHOT_UNAVAILABLE';
}

function asRuntimeError(error: unknown, { message, reference }: Offer): RuntimeError {
  if (error instanceof RuntimeError) return error;
  if (error instanceof SnapshotError) return fromSnapshotError(error);
  const why = error instanceof Error ? error.message : String(error);
  return new RuntimeError(
    'SNAPSHOT_FAILED',
    `The snapshot at index ${reference.index} could not be fetched from server ${message.from}: ${why}`,
    { detail: { index: reference.index, from: message.from }, cause: error },
  );
}

function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = () => {
      timer.cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.setTimer(ms, wake);
    signal.addEventListener('abort', wake, { once: true });
  });
}
