// Brings to the node what clients wait for: batches of commands, rounds of reads, changes of membership. Decides what may
// start now, and what becomes of a refusal. Must never ask the node for more than one batch while the disk is busy: what
// gathers meanwhile is the next batch (docs/server.md).

import type { Action, Event, RaftError, RaftNode } from '@waldb/core';
import type { DriverOptions } from '../loop/driver-options.js';
import type { Flusher } from '../loop/flusher.js';
import { markedChange } from '../membership/marked-change.js';
import { diskFullError, fromRaftError, type RuntimeError, withOutcome } from '../runtime-error.js';
import { LoggedClock } from '../session/logged-clock.js';
import { encodeRuntimeCommand } from '../session/runtime-command.js';
import type { SessionReply } from '../session/session-reply.js';
import type { ChangeRequest, Changes } from './changes.js';
import { refusalOf } from './membership-requests.js';
import type { Proposal, Proposals } from './proposals.js';
import type { Reads } from './reads.js';

export type ProposedAction = Extract<Action, { type: 'proposed' }>;

export interface ClientWorkOptions<Result>
  extends Pick<DriverOptions<Result>, 'clock' | 'notLeader' | 'recorder' | 'sessions' | 'timeResolutionMs'> {
  readonly node: RaftNode;
  readonly proposals: Proposals<Result | SessionReply>;
  readonly reads: Reads;
  readonly changes: Changes;
  readonly disk: Pick<Flusher, 'isFull' | 'isFlushing'>;
  /** One step; `onProposed` hears within it where its entries are. Returns the refusal, if it was refused. */
  readonly request: (event: Event, onProposed?: (action: ProposedAction) => void) => RaftError | undefined;
  readonly wake: () => void;
}

export class ClientWork<Result> {
  readonly loggedClock: LoggedClock;
  readonly #options: ClientWorkOptions<Result>;
  /** The leader's quota of uncommitted bytes is used up: proposals wait for the next commit. */
  #isQuotaReached = false;
  /** What the last clock entry of this leadership says. */
  #lastClockReading = 0;

  constructor(options: ClientWorkOptions<Result>) {
    this.#options = options;
    this.loggedClock = new LoggedClock(options.clock);
  }

  /** Whether `start` would have something to do, as far as that is known without asking the node. */
  get isWaiting(): boolean {
    const { proposals, reads, changes } = this.#options;
    return proposals.hasWaiting || reads.wantsRound || changes.wantsStart;
  }

  start(): void {
    const { reads, changes } = this.#options;
    this.#startProposals();
    if (reads.wantsRound) this.#startReadRound();
    if (changes.wantsStart) this.#startChange();
  }

  /** Something was committed, or time has passed: what the quota held back may be tried again. */
  quotaMayHaveRoom(): void {
    this.#isQuotaReached = false;
  }

  roleChanged(): void {
    this.#lastClockReading = 0;
    this.#isQuotaReached = false;
  }

  /** The time, in an entry of its own: for who needs the log to grow. Errors: those of a proposal. */
  proposeTime(): Promise<unknown> {
    const { proposals, sessions, clock, wake } = this.#options;
    const command = encodeRuntimeCommand({ type: 'clock', time: this.loggedClock.read(sessions.time) });
    const applied = proposals.add(command, Number.POSITIVE_INFINITY, undefined, clock.now());
    wake();
    return applied;
  }

  #startProposals(): void {
    const { proposals, node, disk, notLeader } = this.#options;
    if (!proposals.hasWaiting) return;
    if (!node.isLeader) return proposals.rejectWaiting(notLeader());
    if (disk.isFull) return proposals.rejectWaiting(diskFullError());
    // What comes while the disk is busy shares the next write and the next append: the disk's latency is the window.
    if (disk.isFlushing || this.#isQuotaReached) return;
    const batch = proposals.takeBatch();
    if (batch.length > 0 && !this.#place(batch)) proposals.putBack(batch);
  }

  /** False when there is no room for the batch now. Else it is in the log, or its callers are answered. */
  #place(batch: readonly Proposal<Result | SessionReply>[]): boolean {
    const { proposals, recorder, request } = this.#options;
    const commands = batch.map((proposal) => proposal.command);
    const time = this.#dueClockReading();
    // Ahead of the batch, whose commands are to be of this time.
    if (time !== undefined) commands.unshift(encodeRuntimeCommand({ type: 'clock', time }));
    const refusal = request({ type: 'proposeBatch', commands }, (action) => {
      const first = time === undefined ? action.first : action.first + 1;
      this.#lastClockReading = time ?? this.#lastClockReading;
      proposals.placed(batch, first, action.term);
      recorder.batchPlaced(first, action.term, batch.length);
    });
    if (refusal === undefined) return true;
    if (refusal.code === 'QUOTA_EXCEEDED' && proposals.isAnyInLog) {
      this.#isQuotaReached = true;
      return false;
    }
    if (refusal.code === 'TOO_LARGE' && batch.length > 1) this.#placeOneByOne(batch);
    else proposals.rejectBatch(batch, this.#outcome(refusal));
    return true;
  }

  /** One of them is too large: the others shall not suffer for it. */
  #placeOneByOne(batch: readonly Proposal<Result | SessionReply>[]): void {
    const at = batch.findIndex((proposal) => !this.#place([proposal]));
    if (at >= 0) this.#options.proposals.putBack(batch.slice(at));
  }

  /** The time that the log is to be told with the next batch, if it has not been told for long enough. */
  #dueClockReading(): number | undefined {
    const { timeResolutionMs, sessions } = this.#options;
    if (timeResolutionMs === 0) return undefined;
    const reading = this.loggedClock.read(sessions.time);
    return reading - this.#lastClockReading >= timeResolutionMs ? reading : undefined;
  }

  #startReadRound(): void {
    const { reads, clock, request } = this.#options;
    const context = reads.startRound();
    const refusal = request({ type: 'read', context, now: clock.now(), asksMajority: true });
    if (refusal !== undefined) reads.failed(context, this.#refusalError(refusal));
  }

  #startChange(): void {
    const { changes, node, request } = this.#options;
    const change: ChangeRequest | undefined = changes.start();
    if (change === undefined) return;
    const { configuration, lastIndex } = node.status();
    const hidden = node.isLeader ? refusalOf(change, configuration) : undefined;
    if (hidden !== undefined) return changes.refused(hidden);
    const marked = markedChange(change, configuration, lastIndex);
    const refusal = request(marked, (action) => changes.placed(action.first, action.term));
    if (refusal !== undefined) changes.refused(this.#outcome(refusal));
    else changes.committed(node.commitIndex);
  }

  #refusalError(refusal: RaftError): RuntimeError {
    return refusal.code === 'NOT_LEADER' ? this.#options.notLeader() : fromRaftError(refusal);
  }

  /** Of what was to go into the log. */
  #outcome(refusal: RaftError): RuntimeError {
    const error = this.#refusalError(refusal);
    // A step that failed is no refusal: what it staged before is in the log, and may come back with this server.
    return refusal.code === 'STORAGE' ? withOutcome(error, true) : error;
  }
}
