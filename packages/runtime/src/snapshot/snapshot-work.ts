// All that one driver does with snapshots: takes its own, fetches those that a leader offers, gives its own to peers,
// and removes what is not needed any more. Must never let the log name an image that is not durable, and never let go of
// one that the durable log names.

import type { DeferredRaftLog, Event, Index, Message, NodeId, RaftError, RaftNode } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { SnapshotError, type SnapshotPosition } from '@waldb/snapshot';
import type { SnapshotRequest } from '@waldb/transport';
import type { SnapshotEvent } from '../observe/server-events.js';
import { fromRaftError, RuntimeError } from '../runtime-error.js';
import type { Images } from './images.js';
import { type InstallSnapshot, SnapshotFetcher, type SnapshotFetcherOptions } from './snapshot-fetcher.js';
import { SnapshotGiver } from './snapshot-giver.js';
import { beginImage, type ImageParts } from './snapshot-image.js';
import { decodeReference, encodeReference, type SnapshotReference } from './snapshot-reference.js';
import { fromSnapshotError, Snapshots } from './snapshots.js';

export interface SnapshotWorkOptions {
  readonly node: RaftNode;
  readonly log: DeferredRaftLog;
  readonly images: Images;
  readonly parts: ImageParts;
  readonly clock: Clock;
  readonly random: () => number;
  readonly partialSnapshotMs: number;
  /** Entries to keep below the snapshot that is saved now. */
  readonly takeKeepEntries: () => number;
  readonly request: SnapshotFetcherOptions['request'];
  /** Calls back at a point between two entries, with everything up to `index` applied and nothing after it. */
  readonly atPoint: (call: (index: Index) => void) => void;
  /** Steps the node in the loop's next turn, and calls back right after with the refusal, if it was refused. */
  readonly step: (event: Event, onStepped: (refusal: RaftError | undefined) => void) => void;
  /** Resolves once an entry that changes no state was applied. Rejects where this server does not lead, among others. */
  readonly applyNothing: () => Promise<unknown>;
  /** An image was taken, received or sent. */
  readonly onEvent: (event: SnapshotEvent) => void;
  /** Something failed that the server survives. */
  readonly onTrouble: (error: RuntimeError) => void;
}

/** A snapshot that the log names once `seq` is durable. */
interface Staged {
  readonly seq: number;
  readonly index: Index;
  readonly onDurable: () => void;
}

export class SnapshotWork {
  readonly #options: SnapshotWorkOptions;
  readonly #snapshots: Snapshots;
  readonly #fetcher: SnapshotFetcher;
  readonly #giver: SnapshotGiver;
  #staged: Staged[] = [];
  /** A damaged image is being replaced. */
  #replacing: Promise<void> | undefined;
  #pruning: Promise<void> = Promise.resolve();
  #hasStopped = false;
  #onStop: () => void = () => {};
  /** What waits for a step that a stopped server does not make any more. */
  readonly #stopped: Promise<void>;

  constructor(options: SnapshotWorkOptions) {
    this.#options = options;
    this.#stopped = new Promise((resolve) => {
      this.#onStop = resolve;
    });
    const { images, parts, log } = options;
    const onTrouble = (error: RuntimeError): void => {
      if (!this.#hasStopped) options.onTrouble(error);
    };
    this.#snapshots = new Snapshots({
      clock: options.clock,
      onTaken: (taken) => options.onEvent({ step: 'taken', ...taken }),
      atPoint: options.atPoint,
      beginImage: () => beginImage(parts),
      snapshotIndex: () => log.snapshotIndex(),
      positionAt: (index) => this.#positionAt(index),
      write: (position, image, signal) => images.write(position, image, signal),
      save: (reference) => this.#save(reference),
      onTrouble,
    });
    this.#fetcher = new SnapshotFetcher({
      ...options,
      deliver: (message) => this.#deliver(message),
      onReceived: (received) => options.onEvent({ step: 'received', ...received }),
      onTrouble,
    });
    this.#giver = new SnapshotGiver({
      images,
      clock: options.clock,
      onSent: (sent) => options.onEvent({ step: 'sent', ...sent }),
      onDamage: (error) => {
        onTrouble(fromSnapshotError(error));
        this.#replace();
      },
      onMissing: (index) => {
        // What the log names was found damaged before, and could not be replaced then.
        if (index === log.snapshotIndex()) this.#replace();
      },
    });
  }

  /** Resolves with the index that is covered, once that is durable; 0 when nothing is applied. A second call shares the first. */
  take(): Promise<Index> {
    return this.#snapshots.take();
  }

  /**
   * The log may name a damaged image; until it names another, this server could not be started again, nor bring anybody
   * near. Where nothing was applied since, an entry of our own makes a later point to save. That can fail: a lost leadership
   * ends it, for one. Then it is tried again when the image is next asked for.
   */
  #replace(): void {
    this.#replacing ??= this.#takeLater(this.#options.log.snapshotIndex())
      .catch(() => {}) // `onTrouble` has heard of what went wrong with an image
      .finally(() => {
        this.#replacing = undefined;
      });
  }

  /** A snapshot of a later point than `index`. */
  async #takeLater(index: Index): Promise<void> {
    if ((await this.take()) > index) return;
    await this.#options.applyNothing();
    await this.take();
  }

  /** The image that is being fetched, and how much of it is there. */
  get fetching(): SnapshotFetcher['progress'] {
    return this.#fetcher.progress;
  }

  /** Takes a message that must wait for its image; false for every other, which the node may have now. */
  holds(message: Message): boolean {
    if (message.type !== 'installSnapshot' || !this.#isNews(message)) return false;
    try {
      this.#fetcher.offer(message, decodeReference(message.snapshot));
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      this.#options.onTrouble(error); // nobody can use it; the leader offers it again, or sends entries
    }
    return true;
  }

  /** Gives a peer a snapshot. Errors: `TransportError`. */
  give(peer: NodeId, request: SnapshotRequest): AsyncIterable<Uint8Array> {
    return this.#giver.open(peer, request);
  }

  /** What the node is to hear with this tick. */
  tick(): Event[] {
    this.#fetcher.tick(this.#options.node);
    return this.#giver.takeEvents();
  }

  durable(seq: number): void {
    const due = this.#staged.filter((staged) => staged.seq <= seq);
    if (due.length === 0) return;
    this.#staged = this.#staged.filter((staged) => staged.seq > seq);
    this.#prune(Math.max(...due.map(({ index }) => index)));
    for (const { onDurable } of due) onDurable();
  }

  /** Resolves when nothing is under way any more. Never rejects. */
  async stop(reason: RuntimeError): Promise<void> {
    this.#hasStopped = true;
    this.#onStop();
    this.#snapshots.stop(reason);
    await Promise.all([this.#fetcher.stop(), this.#pruning]);
  }

  /** Whether the node would have to be given the image: it neither has the entries nor refuses the message as it is. */
  #isNews({ term, to, snapshot }: InstallSnapshot): boolean {
    const { node, log } = this.#options;
    if (to !== node.id || term < node.term || snapshot.index <= node.commitIndex) return false;
    return log.termAt(snapshot.index) !== snapshot.term;
  }

  #positionAt(index: Index): SnapshotPosition {
    const { node, log } = this.#options;
    const term = log.termAt(index);
    const configuration = node.configurationAt(index);
    if (term !== undefined && configuration !== undefined) return { index, term, configuration };
    throw new RuntimeError(
      'NOT_READY',
      `This server joined the cluster and cannot tell yet which configuration was in force at index ${index}.`,
      { detail: { index } },
    );
  }

  #save(reference: SnapshotReference): Promise<void> {
    const { takeKeepEntries, step } = this.#options;
    const keepEntries = takeKeepEntries();
    const { index } = reference;
    return new Promise((resolve, reject) => {
      step({ type: 'snapshot', index, data: encodeReference(reference), keepEntries }, (refusal) => {
        if (refusal === undefined) this.#stagedNow(resolve);
        else reject(fromRaftError(refusal));
      });
    });
  }

  async #deliver(message: InstallSnapshot): Promise<void> {
    const { clock, log, step, images, onTrouble } = this.#options;
    const { index } = message.snapshot;
    const stepped = new Promise<boolean>((resolve) => {
      step({ type: 'message', message, now: clock.now() }, () => {
        const isNamed = log.snapshotIndex() === index;
        if (isNamed) this.#stagedNow(() => {});
        resolve(isNamed);
      });
    });
    const isInstalled = await Promise.race([stepped, this.#stopped]);
    if (isInstalled || this.#hasStopped) return;
    // The node did not want it after all: a later term, or it has the entries by now.
    await images.drop(index).catch((error: unknown) => {
      if (error instanceof SnapshotError) onTrouble(fromSnapshotError(error));
      else throw error;
    });
  }

  #stagedNow(onDurable: () => void): void {
    const { log } = this.#options;
    this.#staged.push({ seq: log.stagedSeq(), index: log.snapshotIndex(), onDurable });
  }

  #prune(index: Index): void {
    const { images, onTrouble } = this.#options;
    this.#pruning = images.named(index).catch((error: unknown) => {
      // It is tried again after the next one. More than a file too many is not the matter.
      if (error instanceof SnapshotError && !this.#hasStopped) onTrouble(fromSnapshotError(error));
    });
  }
}
