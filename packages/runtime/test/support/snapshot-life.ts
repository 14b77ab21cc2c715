// One server's disk, log, node and snapshots, without a network and without time: every step is the test's, so that the
// power can go at any operation of the disk.

import { type Action, type Event, type Message, RaftNode } from '@waldb/core';
import { NodeClock } from '@waldb/io';
import type { FaultVfs } from '@waldb/testkit';
import { WalLog } from '@waldb/wal';
import { NO_REPLICATED_STATE } from '../../src/apply/replicated-state.js';
import { RuntimeError } from '../../src/runtime-error.js';
import { Images } from '../../src/snapshot/images.js';
import type { SnapshotFetcherOptions } from '../../src/snapshot/snapshot-fetcher.js';
import { SnapshotWork } from '../../src/snapshot/snapshot-work.js';
import { bytes, ListMachine } from './list-machine.js';

export interface LifeOptions {
  readonly id?: number;
  /** Other voters; a server alone leads at once. */
  readonly peers?: readonly number[];
  readonly request?: SnapshotFetcherOptions['request'];
  readonly partialSnapshotMs?: number;
}

export class SnapshotLife {
  readonly log: WalLog;
  readonly images: Images;
  readonly machine: ListMachine;
  readonly node: RaftNode;
  readonly work: SnapshotWork;
  readonly sent: Message[] = [];
  readonly troubles: RuntimeError[] = [];
  appliedIndex: number;
  /** Why it cannot go on. */
  failure: unknown;
  #durableSeq = 0;

  static async open(vfs: FaultVfs, options: LifeOptions = {}): Promise<SnapshotLife> {
    if (!vfs.isDirectory('/server')) {
      vfs.mkdir('/server');
      vfs.syncDirectory('/');
    }
    const log = await WalLog.open('/server/log', { vfs, segmentBytes: 64 * 1024 });
    const named = log.snapshot();
    const images = await Images.open({ vfs, directory: '/server/snapshots', snapshotBytesMax: 1e9, named });
    const machine = new ListMachine();
    if (named !== undefined)
      await images.restore(named, { replicatedState: NO_REPLICATED_STATE, stateMachine: machine });
    const life = new SnapshotLife(log, images, machine, options);
    while (options.peers === undefined && !life.node.isLeader) await life.step({ type: 'tick' });
    return life;
  }

  private constructor(log: WalLog, images: Images, machine: ListMachine, options: LifeOptions) {
    this.log = log;
    this.images = images;
    this.machine = machine;
    this.appliedIndex = log.snapshotIndex();
    const applied = this.appliedIndex;
    const config = { id: options.id ?? 1, peers: [...(options.peers ?? [])], applied, seed: 1 };
    this.node = RaftNode.withLog(config, log, { durability: 'deferred' });
    this.#durableSeq = log.stagedSeq();
    this.work = new SnapshotWork({
      node: this.node,
      log,
      images,
      parts: { replicatedState: NO_REPLICATED_STATE, stateMachine: machine },
      clock: new NodeClock(),
      random: () => 0,
      partialSnapshotMs: options.partialSnapshotMs ?? 60_000,
      takeKeepEntries: () => 0,
      request: options.request ?? (() => Promise.reject(new Error('nobody is asked')) as never),
      atPoint: (call) => call(this.appliedIndex),
      applyNothing: () => Promise.reject(new Error('nobody leads here')),
      step: (event, onStepped) => {
        this.step(event, () => onStepped(undefined)).catch((error: unknown) => {
          this.failure = error;
          void this.work.stop(new RuntimeError('STORAGE', 'The disk failed.', { cause: error })); // never rejects
        });
      },
      onEvent: () => {},
      onTrouble: (error) => this.troubles.push(error),
    });
  }

  async propose(item: string): Promise<void> {
    await this.step({ type: 'propose', command: bytes(item) });
  }

  /** Receives a message as a driver would. */
  async receive(message: Message): Promise<void> {
    if (!this.work.holds(message)) await this.step({ type: 'message', message });
  }

  /** One event, and everything that follows from it once it is durable. */
  async step(event: Event, onStepped: () => void = () => {}): Promise<void> {
    await this.#perform(this.node.step(event));
    onStepped();
    while (this.#durableSeq < this.log.stagedSeq()) {
      this.#durableSeq = await this.log.flush();
      await this.#perform(this.node.step({ type: 'durable', seq: this.#durableSeq }));
    }
    this.work.durable(this.#durableSeq);
  }

  async #perform(actions: readonly Action[]): Promise<void> {
    for (const action of actions) {
      if (action.type === 'send') this.sent.push(action.message);
      if (action.type === 'apply') await this.machine.apply(action.entries);
      if (action.type === 'restoreSnapshot')
        await this.images.restore(action.snapshot, {
          replicatedState: NO_REPLICATED_STATE,
          stateMachine: this.machine,
        });
    }
    this.appliedIndex = this.node.lastApplied;
  }
}
