// Drives one node: feeds it events in the order that the loop decides, and has its actions carried out. The only place
// that calls `step`. Must never wait inside a slice for anything but a quick disk (flusher.ts), and never reorder a step's
// actions.

import { type Event, type Index, type NodeId, RaftError, type RaftNode } from '@waldb/core';
import { WalError } from '@waldb/wal';
import { Applier } from '../apply/applier.js';
import { Changes } from '../request/changes.js';
import { ClientWork, type ProposedAction } from '../request/client-work.js';
import { Proposals } from '../request/proposals.js';
import { Reads } from '../request/reads.js';
import {
  bugError,
  diskStalledError,
  haltedError,
  RuntimeError,
  storageError,
  withOutcome,
} from '../runtime-error.js';
import { Interpreter } from '../session/interpreter.js';
import type { SessionReply } from '../session/session-reply.js';
import { CompactionPolicy } from '../snapshot/compaction-policy.js';
import { SnapshotWork } from '../snapshot/snapshot-work.js';
import type { DriverOptions } from './driver-options.js';
import { EventLoop } from './event-loop.js';
import { Flusher } from './flusher.js';
import { Inbox } from './inbox.js';
import { StallWatch } from './stall-watch.js';
import { StepActions } from './step-actions.js';

/**
 * A leader with more proposals than this in hand does not block for its disk. By measurement the number matters little
 * (bench/server): with few, the thread-pool hop is a good part of a proposal's time; with many, it is shared.
 */
const BLOCKING_PROPOSALS_MAX = 8;

export class Driver<Result> {
  readonly proposals: Proposals<Result | SessionReply>;
  readonly clientWork: ClientWork<Result>;
  readonly reads: Reads;
  readonly changes: Changes;
  readonly inbox: Inbox;
  readonly applier: Applier<Result>;
  readonly snapshots: SnapshotWork;
  readonly #options: DriverOptions<Result>;
  readonly #node: RaftNode;
  readonly #flusher: Flusher;
  readonly #loop: EventLoop;
  readonly #unreachable = new Set<NodeId>();
  /** The newest durable seq that the node has not been told. */
  #durableSeq: number | undefined;
  #lastDurableSeq: number;
  /** Steps that this server owes its node, at most a handful. */
  #ownSteps: (() => void)[] = [];
  #onProposed: ((action: ProposedAction) => void) | undefined;
  readonly #actions: StepActions<Result>;
  readonly #stallWatch: StallWatch;
  #failure: RuntimeError | undefined;
  readonly #stopped: Promise<void>;
  #onStopped: () => void = () => {};

  constructor(options: DriverOptions<Result>) {
    this.#options = options;
    this.#node = options.node;
    const { limits, log, clock, transport, recorder } = options;
    this.proposals = new Proposals(limits, recorder);
    this.reads = new Reads(limits, recorder);
    this.changes = new Changes({
      ...limits,
      termAt: (index) => log.termAt(index),
      inForce: () => options.node.status(),
    });
    this.inbox = new Inbox({
      ...limits,
      hold: (isHeld) => (isHeld ? transport.pauseReceiving() : transport.resumeReceiving()),
    });
    this.#lastDurableSeq = log.stagedSeq();
    this.#flusher = new Flusher({
      log,
      onDurable: (seq) => {
        this.#durableSeq = seq;
        this.#loop.wake();
      },
      onFailed: (error) => this.#storageFailed(error),
      onFullChange: (isFull) => this.#diskFullChanged(isFull),
    });
    this.clientWork = new ClientWork<Result>({
      ...options,
      proposals: this.proposals,
      reads: this.reads,
      changes: this.changes,
      disk: this.#flusher,
      request: (event, onProposed) => this.#request(event, onProposed),
      wake: () => this.#loop.wake(),
    });
    const compactionPolicy = new CompactionPolicy(options.compaction);
    this.#stallWatch = new StallWatch(options.diskStallTicks);
    this.applier = new Applier<Result>({
      ...limits,
      stateMachine: options.stateMachine,
      restore: (snapshot) => options.images.restore(snapshot, options),
      interpreter: new Interpreter({
        table: options.sessions,
        codec: options.sessionResults,
        ...limits,
        onTrouble: (error) => options.listener.onTrouble(error),
      }),
      log,
      clock,
      appliedIndex: options.node.lastApplied,
      onApplied: (entries, results) => {
        const now = clock.now();
        for (let i = 0; i < entries.length; i++) {
          const entry = entries[i];
          // The applier has checked that there is one result for each entry.
          const result = results[i] as Result | SessionReply;
          if (entry !== undefined) this.proposals.applied(entry.index, entry.term, result, now);
        }
      },
      onRestored: (index, milliseconds) => {
        this.proposals.replacedThrough(index);
        options.listener.onSnapshot({ step: 'restored', index, milliseconds });
      },
      onAdvanced: (index) => this.reads.applied(index),
      onFailed: (error) => this.fail(error),
    });
    this.snapshots = new SnapshotWork({
      ...options,
      ...limits,
      parts: options,
      takeKeepEntries: () => compactionPolicy.takeKeepEntries(),
      request: (from, request, signal) => transport.requestSnapshot(from, request, signal),
      atPoint: (call) => this.applier.call(() => call(this.applier.appliedIndex)),
      step: (event, onStepped) => this.#stepNextTurn(event, onStepped),
      applyNothing: () => this.clientWork.proposeTime(),
      onEvent: (event) => options.listener.onSnapshot(event),
      onTrouble: (error) => options.listener.onTrouble(error),
    });
    this.#actions = new StepActions<Result>({
      ...options,
      ...{ proposals: this.proposals, reads: this.reads, changes: this.changes, clientWork: this.clientWork },
      ...{ applier: this.applier, snapshots: this.snapshots, compactionPolicy },
      readableIndex: () => this.readableIndex,
      onProposed: (action) => this.#onProposed?.(action),
    });
    this.#loop = new EventLoop({
      clock,
      tickMs: options.tickMs,
      tasks: this.#tasks(),
      onTimer: (lateMs) => recorder.loopDelayed(lateMs),
    });
    this.#stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Why the server has stopped or is stopping; undefined while it runs. */
  get failure(): RuntimeError | undefined {
    return this.#failure;
  }

  /** What a read of the state machine shows now, at least: nothing while it is being restored. */
  get readableIndex(): Index {
    return this.applier.restoringTo === undefined ? this.applier.appliedIndex : 0;
  }

  get isDiskFull(): boolean {
    return this.#flusher.isFull;
  }

  unreachable(id: NodeId): void {
    this.#unreachable.add(id);
    this.#loop.wake();
  }

  /** A member says that the committed configuration at `index` does not have this server. */
  toldOfRemoval(index: Index): void {
    this.#ownSteps.push(() => this.#stepOwn({ type: 'removed', index }));
    this.#loop.wake();
  }

  /** Ends everything: first thing in the next turn, whatever else waits. Resolves when nothing is under way any more. */
  stop(reason: RuntimeError): Promise<void> {
    if (this.#failure === undefined) {
      this.#failure = reason;
      this.#loop.stop();
    }
    return this.#stopped;
  }

  fail(error: RuntimeError): void {
    if (this.#failure !== undefined) return;
    void this.stop(error); // nobody waits: `onFailed` tells the owner
    this.#options.listener.onFailed(error);
  }

  // ---- the loop's tasks ----

  #tasks() {
    return {
      tick: () => this.#guarded(() => this.#tick()),
      ownEvents: () => this.#guarded(() => this.#ownEvents()),
      messages: () => this.#guarded(() => this.#messages()) ?? false,
      clientWork: () => this.#guarded(() => this.#clientWork()) ?? false,
      endSlice: () => this.#guarded(() => this.#endSlice()),
      shutdown: () => this.#shutdown(),
    };
  }

  /**
   * What a task throws stops the server, and must not get as far as the event loop, where it would end the process: a log
   * can fail at any time without having been asked for anything (an idle frame), and then whoever looks at it first hears.
   */
  #guarded<Value>(task: () => Value): Value | undefined {
    try {
      return task();
    } catch (error) {
      this.#stepFailed(error);
      return undefined;
    }
  }

  #tick(): void {
    const now = this.#options.clock.now();
    this.clientWork.quotaMayHaveRoom();
    this.#flusher.retry();
    this.#stepOwn({ type: 'tick', now });
    if (this.#stallWatch.tick(this.#options.log.stagedSeq(), this.#lastDurableSeq)) {
      this.#options.listener.onTrouble(diskStalledError());
    }
    for (const event of this.snapshots.tick()) this.#stepOwn(event);
    this.proposals.expire(now);
    this.reads.expire(now);
    this.changes.expire(now);
  }

  #ownEvents(): void {
    this.#toldDurable();
    for (const id of this.#unreachable) this.#stepOwn({ type: 'unreachable', id });
    this.#unreachable.clear();
    for (const step of this.#ownSteps.splice(0)) step();
    this.snapshots.durable(this.#lastDurableSeq);
  }

  #toldDurable(): void {
    if (this.#durableSeq === undefined) return;
    this.#lastDurableSeq = this.#durableSeq;
    this.#durableSeq = undefined;
    this.#stepOwn({ type: 'durable', seq: this.#lastDurableSeq });
    this.snapshots.durable(this.#lastDurableSeq);
  }

  #messages(): boolean {
    const now = this.#options.clock.now();
    for (let handled = 0; handled < this.#options.limits.sliceMessagesMax; handled++) {
      const message = this.inbox.shift();
      if (message === undefined) return false;
      if (!this.snapshots.holds(message)) this.#stepOwn({ type: 'message', message, now });
    }
    return this.inbox.length > 0;
  }

  #clientWork(): boolean {
    if (this.#failure !== undefined) return false;
    this.clientWork.start();
    // More proposals wait for the flush that this batch is about to need; more changes for this one's end.
    return this.#node.hasUnapplied;
  }

  #endSlice(): void {
    if (this.#failure !== undefined) return;
    if (this.#node.hasUnapplied) this.#stepOwn({ type: 'durable', seq: this.#lastDurableSeq });
    // The leader's appends leave before its own disk is asked (thesis 10.2.1).
    this.#options.transport.flush();
    const durableSeq = this.#flusher.start(this.#mayBlock());
    if (durableSeq === undefined) return;
    // What waited for the disk leaves in this same slice.
    this.#durableSeq = durableSeq;
    this.#toldDurable();
    this.#options.transport.flush();
    const isStaged = this.#options.log.stagedSeq() > durableSeq;
    if (isStaged || this.clientWork.isWaiting || this.#node.hasUnapplied || this.#ownSteps.length > 0) {
      this.#loop.wake();
    }
  }

  /**
   * Whether the slice may wait for the disk, where that is quick. A follower has nothing better to do: its leader waits
   * for it. A leader with many proposals has: answers of its followers and new proposals come in meanwhile.
   */
  #mayBlock(): boolean {
    if (!this.#options.blocksForQuickDisk) return false;
    return !this.#actions.isLeading || this.proposals.count <= BLOCKING_PROPOSALS_MAX;
  }

  #shutdown(): void {
    const failure = this.#failure ?? new RuntimeError('CLOSED', 'The server was closed.');
    const outcome = (mayHaveBeenApplied: boolean) => withOutcome(failure, mayHaveBeenApplied);
    this.proposals.rejectAll(outcome);
    this.reads.rejectAll(failure);
    this.changes.rejectAll(outcome);
    const idle = [this.snapshots.stop(failure), this.applier.stop(), this.#flusher.idle()];
    // Last: an image that is being restored ends here with an error, which nobody hears of any more.
    idle.push(this.#options.images.close());
    void Promise.all(idle).then(() => this.#onStopped()); // none of them rejects
  }

  // ---- steps ----

  /** A step that a client asked for; returns the refusal, if it was refused. */
  #request(event: Event, onProposed?: (action: ProposedAction) => void): RaftError | undefined {
    this.#onProposed = onProposed;
    try {
      this.#step(event);
      return undefined;
    } catch (error) {
      if (error instanceof RaftError && error.code !== 'STORAGE') return error;
      this.#stepFailed(error);
      return error instanceof RaftError ? error : new RaftError('STORAGE', String(error));
    } finally {
      this.#onProposed = undefined;
    }
  }

  /** A step that nobody asked for: it cannot be refused, only fail. */
  #stepOwn(event: Event): void {
    if (this.#failure !== undefined) return;
    try {
      this.#step(event);
    } catch (error) {
      this.#stepFailed(error);
    }
  }

  #step(event: Event): void {
    for (const action of this.#node.step(event)) this.#actions.perform(action);
    this.#actions.stepped();
  }

  /** Calls back right after the step. A server that has stopped steps no more, and nobody waits for it. */
  #stepNextTurn(event: Event, onStepped: (refusal: RaftError | undefined) => void): void {
    this.#ownSteps.push(() => onStepped(this.#request(event)));
    this.#loop.wake();
  }

  // ---- failures ----

  #storageFailed(error: unknown): void {
    this.#node.step({ type: 'storageFailed', error }); // a halted node gives no actions
    this.fail(storageError(error));
  }

  #diskFullChanged(isFull: boolean): void {
    this.#options.listener.onDiskFull(isFull);
    this.#loop.wake();
  }

  #stepFailed(error: unknown): void {
    const isHalted = error instanceof RaftError && error.code === 'STORAGE';
    if (isHalted) this.fail(haltedError(error.cause ?? error));
    else if (error instanceof WalError) this.#storageFailed(error);
    else this.fail(bugError(error));
  }
}
