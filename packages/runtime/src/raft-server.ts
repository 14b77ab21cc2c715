// A replicated state machine in this process: the public face of the runtime. Answers requests and tells of events;
// what it is made of is put together in server-parts.ts. Must never say that a command was applied before it was.

import type { Index, NodeId, Term } from '@waldb/core';
import type { TlsCredentials } from '@waldb/io';
import type { SnapshotStream } from '@waldb/snapshot';
import { Closing } from './closing.js';
import type { ServerAddress } from './membership/server-address.js';
import type { RaftServerEvents } from './observe/server-events.js';
import type { ServerMetrics } from './observe/server-metrics.js';
import { type ServerStatus, serverStatus } from './observe/server-status.js';
import { checkTimeout } from './options/check-options.js';
import {
  DEFAULT_CLOSE_TIMEOUT_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  DEFAULT_SESSION_TTL_MS,
  DEFAULT_TICK_MS,
  type RaftServerOptions,
} from './options/options.js';
import type { ChangeRequest } from './request/changes.js';
import {
  type AddServerOptions,
  type CatchUpOptions,
  MembershipRequests,
  type WantedMembership,
} from './request/membership-requests.js';
import { abortedError, patiently } from './request/patience.js';
import type { ProposeOptions } from './request/proposals.js';
import type { CloseOptions, ReadConsistency, RequestOptions } from './request/request-options.js';
import { RuntimeError } from './runtime-error.js';
import { openServerParts, type ServerParts } from './server-parts.js';
import { loggedCommand } from './session/runtime-command.js';
import type { Session } from './session/session.js';
import type { Patience } from './session/session-requests.js';

/**
 * One server of a replicated state machine.
 *
 * ```ts
 * const server = await RaftServer.start({
 *   id: 1,
 *   directory: './data/1',
 *   stateMachine,
 *   bootstrap: { members: { 1: '127.0.0.1:7201', 2: '127.0.0.1:7202', 3: '127.0.0.1:7203' } },
 * });
 * const result = await server.propose(command); // on the leader; elsewhere NOT_LEADER says where that is
 * await server.read('linearizable');            // on any server; then read the state machine directly
 * ```
 */
export class RaftServer<Result> {
  readonly #options: RaftServerOptions<Result>;
  readonly #parts: ServerParts<Result>;
  readonly #membership: MembershipRequests;
  readonly #onSignal: () => void;
  readonly #timeoutMs: number;
  readonly #closing: Closing<Result>;

  /**
   * Opens the directory, restores the state machine, and takes part in the cluster from then on. Does not wait for a
   * leader. Errors: those for starting in `RuntimeErrorCode`, and `WalError` where the log refuses to open.
   */
  static async start<Result>(options: RaftServerOptions<Result>): Promise<RaftServer<Result>> {
    const { signal } = options;
    if (signal?.aborted) throw abortedError(signal, false);
    const parts = await openServerParts(options);
    const server = new RaftServer(options, parts);
    if (!signal?.aborted) return server;
    await server.close({ transfer: false });
    throw abortedError(signal, false);
  }

  private constructor(options: RaftServerOptions<Result>, parts: ServerParts<Result>) {
    this.#options = options;
    this.#parts = parts;
    this.#timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    const { node, clock } = parts;
    this.#membership = new MembershipRequests({
      node,
      clock,
      pollMs: (options.tickMs ?? DEFAULT_TICK_MS) * 2,
      silenceMs: this.#timeoutMs,
      change: (request, requestOptions) => this.#change(request, requestOptions),
      failure: () => this.#refusal,
      notLeader: parts.notLeader,
    });
    this.#closing = new Closing(parts, options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS);
    this.#onSignal = () => {
      // Whoever calls `close` hears of it too; where nobody does, it must not end the process.
      this.close().catch((error: unknown) => {
        options.logger?.error({ event: 'closeFailed', error }, `Closing did not end well: ${String(error)}`);
      });
    };
    options.signal?.addEventListener('abort', this.#onSignal, { once: true });
    parts.driver.start();
  }

  get id(): NodeId {
    return this.#parts.identity.id;
  }

  /** What a server that joins must name. */
  get clusterId(): string {
    return this.#parts.identity.clusterId;
  }

  get isLeader(): boolean {
    return this.#parts.node.isLeader;
  }

  /** The leader of the present term, if known. */
  get leader(): NodeId | undefined {
    return this.#parts.node.leader;
  }

  get term(): Term {
    return this.#parts.node.term;
  }

  get commitIndex(): Index {
    return this.#parts.node.commitIndex;
  }

  /** Everything at or below is visible in the state machine. */
  get appliedIndex(): Index {
    return this.#parts.driver.applier.appliedIndex;
  }

  /** Where a server is, as far as known. */
  addressOf(id: NodeId): ServerAddress | undefined {
    return this.#parts.addressBook.addressOf(id);
  }

  /**
   * Replicates a command; resolves with the state machine's result once it is committed and applied here. The bytes
   * belong to the server until then.
   *
   * Errors: `NOT_LEADER`, `BUSY`, `TIMEOUT`, `ABORTED`, `LEADERSHIP_LOST`, `TRANSFER_IN_PROGRESS`, `TOO_LARGE`,
   * `STORAGE`, `STORAGE_FULL`, `STATE_MACHINE`, `CLOSED`; with a session also `SESSION_EXPIRED`, `RESULT_FORGOTTEN`.
   * `mayHaveBeenApplied` says whether this call can have taken effect all the same.
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<Result> {
    return this.#ask(options, (patience) => {
      const { driver, sessionRequests } = this.#parts;
      const { session } = options;
      if (session !== undefined) return sessionRequests.propose(command, session, patience);
      const { deadline, signal, now } = patience;
      const outcome = driver.proposals.add(loggedCommand(command), deadline, signal, now);
      driver.wake();
      // Only the runtime's own entries result in a `SessionReply`.
      return outcome as Promise<Result>;
    });
  }

  /**
   * Opens a session, with which a command that is tried again is applied once (docs/server.md, section 2). It expires
   * when it is not used for `ttlMs` (default one minute) of logged time. Errors: those of `propose`; `BUSY` with
   * `detail.limit` when there are too many.
   */
  openSession(options: RequestOptions & { readonly ttlMs?: number } = {}): Promise<Session> {
    const ttlMs = options.ttlMs ?? DEFAULT_SESSION_TTL_MS;
    return this.#ask(options, (patience) => this.#parts.sessionRequests.open(ttlMs, patience));
  }

  /** Counts as a use of the session, and tells what it has settled. Errors: those of `propose`, `SESSION_EXPIRED`. */
  keepSession(session: Session, options: RequestOptions = {}): Promise<void> {
    return this.#ask(options, (patience) => this.#parts.sessionRequests.keep(session, patience));
  }

  /** Its results are forgotten, and nothing of it is applied any more. Errors: those of `propose`, `SESSION_EXPIRED`. */
  closeSession(session: Session, options: RequestOptions = {}): Promise<void> {
    return this.#ask(options, (patience) => this.#parts.sessionRequests.close(session, patience));
  }

  /**
   * Resolves when a read of this server's state machine, made in the same turn, is as fresh as asked. On a follower
   * the leader is asked, and this server waits until it has applied as much.
   *
   * Errors: `NOT_LEADER` (none is known), `BUSY`, `TIMEOUT`, `ABORTED`, `LEADERSHIP_LOST`, `STORAGE`, `CLOSED`.
   */
  read(consistency: ReadConsistency = 'linearizable', options: RequestOptions = {}): Promise<void> {
    const { driver, node } = this.#parts;
    const { restoringTo } = driver.applier;
    const isRefused = this.#refusal !== undefined || options.signal?.aborted === true;
    if (consistency === 'eventual' && restoringTo === undefined && !isRefused) return READ_NOW;
    return this.#ask(options, ({ now, deadline, signal }) => {
      if (consistency === 'eventual' && restoringTo !== undefined)
        return driver.reads.addConfirmed(restoringTo, deadline, signal);
      const index = this.#mayAskNobody(consistency) ? node.leaseReadIndex(now) : undefined;
      if (index !== undefined && index > driver.readableIndex)
        return driver.reads.addConfirmed(index, deadline, signal);
      if (index !== undefined && signal?.aborted !== true) return driver.reads.answerAtOnce();
      const confirmed = driver.reads.add(deadline, signal);
      driver.wake();
      return confirmed;
    });
  }

  /**
   * Adds a voter without holding up anybody: adds the server as a learner, waits until it has caught up, and promotes it.
   * It should be running, started with `join`. `address` is `peerHost:peerPort[,clientHost:clientPort[,adminHost:adminPort]]`.
   * Each step stays done when a later one fails: ask again, of the present leader, and it goes on.
   *
   * This and the other changes resolve once the change is committed. Errors: `NOT_LEADER`, `NOT_READY`,
   * `CONFIG_IN_PROGRESS`, `CONFIG_INVALID`, `NOT_CAUGHT_UP` (it is not heard of), `TRANSFER_IN_PROGRESS`, `BUSY`,
   * `TIMEOUT`, `ABORTED`, `LEADERSHIP_LOST`, `STORAGE`, `CLOSED`.
   */
  addServer(id: NodeId, address: string, options: AddServerOptions = {}): Promise<void> {
    return this.#membership.addServer(id, address, options);
  }

  /** Adds a server that receives the log and counts in no quorum. A voter is refused (`CONFIG_INVALID`). */
  addLearner(id: NodeId, address: string, options: RequestOptions = {}): Promise<void> {
    return this.#membership.addLearner(id, address, options);
  }

  /** Resolves once a learner holds everything that is committed. Errors: as `addServer`. */
  waitUntilCaughtUp(id: NodeId, options: CatchUpOptions = {}): Promise<void> {
    return this.#membership.waitUntilCaughtUp(id, options);
  }

  /** Makes a learner a voter. Errors: also `NOT_CAUGHT_UP` while it is too far behind. */
  promoteLearner(id: NodeId, options: RequestOptions = {}): Promise<void> {
    return this.#change({ type: 'promoteLearner', id }, options);
  }

  /** Makes a voter a learner: it goes on receiving the log, and its voice is heard no more. */
  demoteVoter(id: NodeId, options: RequestOptions = {}): Promise<void> {
    return this.#membership.demoteVoter(id, options);
  }

  removeServer(id: NodeId, options: RequestOptions = {}): Promise<void> {
    return this.#change({ type: 'removeServer', id }, options);
  }

  /**
   * Changes any number of servers at once, by way of a joint configuration (§6): replaces three of five, say, without ever
   * having a majority of the old or the new ones alone decide. Resolves once the new configuration alone is in force.
   * A learner becomes a voter only when it has caught up (`NOT_CAUGHT_UP`); a server that is new altogether may be named
   * as a voter, and commits wait for it.
   */
  changeMembership(wanted: WantedMembership, options: RequestOptions = {}): Promise<void> {
    return this.#membership.changeMembership(wanted, options);
  }

  /** Tells everybody where a member is from now on. Start it there before or after. */
  changeAddress(id: NodeId, address: string, options: RequestOptions = {}): Promise<void> {
    return this.#membership.changeAddress(id, address, options);
  }

  /** Hands leadership to another voter; resolves once it leads. Errors: also `TRANSFER_FAILED`. */
  transferLeadership(to: NodeId, options: RequestOptions = {}): Promise<void> {
    return this.#change({ type: 'transferLeadership', to }, options);
  }

  /**
   * Other TLS certificates for all connections from now on, without a restart; connections that are open live on.
   * Errors: `OPTIONS_INVALID`, and then nothing has changed.
   */
  replaceCertificates(tls: TlsCredentials): void {
    if (this.#parts.tls === undefined) {
      throw new RuntimeError(
        'OPTIONS_INVALID',
        'A server that was started without `tls` goes on without it.',
        {
          detail: { option: 'tls' },
        },
      );
    }
    this.#parts.tls.replace(tls);
  }

  /** When this server's certificate expires; undefined without TLS. Peers refuse new connections after that. */
  get certificateValidTo(): Date | undefined {
    return this.#parts.tls?.network.validTo;
  }

  /**
   * Saves the state machine and gives up the log before it, up to `snapshotKeepEntries`; resolves with the index
   * that it covers once it is durable. Entries are applied meanwhile.
   * Errors: `SNAPSHOT_TOO_LARGE`, `STATE_MACHINE`, `STORAGE`, `CLOSED`.
   */
  snapshot(options: RequestOptions = {}): Promise<Index> {
    return this.#ask(options, ({ now, deadline, signal }) => {
      const { driver, clock } = this.#parts;
      const isBounded = options.timeoutMs !== undefined || signal !== undefined;
      const taken = driver.snapshots.take();
      if (!isBounded) return taken;
      const timeoutMs = options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : deadline - now;
      return patiently(taken, { clock, timeoutMs, signal });
    });
  }

  /**
   * Saves the state machine as {@link snapshot} does, and gives the newest image with its position: a backup, once all of
   * it is read (docs/backup.md). It holds whatever was applied here before the call; after a linearizable `read`, all
   * that was acknowledged. The image stays until it is read to its end or given back.
   * Errors: those of {@link snapshot}, `SNAPSHOT_FAILED`; while it is read, `SnapshotError`.
   */
  async backup(options: RequestOptions = {}): Promise<SnapshotStream> {
    const { clock, images } = this.#parts;
    const applied = this.appliedIndex;
    const began = clock.now();
    // 1. a snapshot is being taken  2. a command is applied  3. a backup is asked for, and shares the snapshot: too early an image.
    // The next one begins after this call, whoever asks for it.
    if ((await this.snapshot(options)) < applied) await this.snapshot(left(options, clock.now() - began));
    return images.readNewest();
  }

  /** How this server is now. */
  status(): ServerStatus {
    return serverStatus(this.#parts);
  }

  /** What was counted and measured since the start. Events of the same kind are on `SERVER_CHANNELS`. */
  metrics(): ServerMetrics {
    const { recorder, log, transport } = this.#parts;
    return recorder.summary(log.metrics(), new Set(transport.peerIds));
  }

  /** Hears of events from now on; returns what removes the listener. Listeners are called inside the loop: be quick. */
  on<Name extends keyof RaftServerEvents>(
    name: Name,
    listener: (event: RaftServerEvents[Name]) => void,
  ): () => void {
    return this.#parts.events.on(name, listener);
  }

  off<Name extends keyof RaftServerEvents>(
    name: Name,
    listener: (event: RaftServerEvents[Name]) => void,
  ): void {
    this.#parts.events.off(name, listener);
  }

  /**
   * Takes nothing new (`CLOSED`), finishes what is under way, hands leadership to the voter that has most of the log, and
   * stops: leaves the network, lets a call into the state machine end, makes everything staged durable, closes the log.
   * All of it that depends on others ends after `timeoutMs` (default: the server's `closeTimeoutMs`), or when `signal` is
   * aborted; what is then unanswered is rejected with `CLOSED`. With `transfer: false` it stops at once. Idempotent; a
   * later call can only hurry it. Errors: those of closing the log.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onSignal);
    return this.#closing.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Why nothing new is taken; undefined while it is. */
  get #refusal(): RuntimeError | undefined {
    return this.#parts.driver.failure ?? this.#closing.reason;
  }

  /** Starts what a caller asks for, unless it cannot be right or nothing is taken any more. */
  #ask<Answer>(
    { timeoutMs, signal }: RequestOptions,
    start: (patience: Patience) => Promise<Answer>,
  ): Promise<Answer> {
    const refusal = this.#refusal;
    if (refusal !== undefined) return Promise.reject(refusal);
    try {
      const wait = timeoutMs === undefined ? this.#timeoutMs : checkTimeout(timeoutMs);
      const now = this.#parts.clock.now();
      return start({ now, deadline: now + wait, signal });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Where there are no leases, nobody is asked by a leader that is the only voter. */
  #mayAskNobody(consistency: ReadConsistency): boolean {
    return consistency === 'lease' || this.#options.raft?.readPolicy !== 'lease';
  }

  #change(request: ChangeRequest, options: RequestOptions): Promise<void> {
    return this.#ask(options, ({ deadline, signal }) => {
      const { driver } = this.#parts;
      const done = driver.changes.add(request, deadline, signal);
      driver.wake();
      return done;
    });
  }
}

/** An eventual read asks nobody: all of them share one answer. */
const READ_NOW: Promise<void> = Promise.resolve();

/** What is left of a request's time. */
function left({ timeoutMs, ...others }: RequestOptions, passedMs: number): RequestOptions {
  return timeoutMs === undefined ? others : { ...others, timeoutMs: Math.max(timeoutMs - passedMs, 0) };
}
