// What an operator asks of a cluster's membership, made of the protocol's single steps: addresses with their marks, and
// the way of a new server from learner to voter. Runs on the leader; every step that was taken stays taken, so a request
// that was cut short is asked again and goes on.

import type { Configuration, Index, NodeId, NodeStatus, ProgressState, RaftNode } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { WalError } from '@waldb/wal';
import { memberIds } from '../membership/address-book.js';
import { requireServerAddress, unmarked } from '../membership/server-address.js';
import { checkTimeout } from '../options/check-options.js';
import type { Members } from '../options/options.js';
import { RuntimeError, storageError } from '../runtime-error.js';
import type { ChangeRequest } from './changes.js';
import { abortedError } from './patience.js';
import type { RequestOptions } from './request-options.js';

/** How far a learner has come. */
export interface CatchUpProgress {
  readonly id: NodeId;
  /** `probe`: its log is being compared; `snapshot`: it gets the state; `replicate`: it gets entries as they come. */
  readonly state: ProgressState;
  /** It holds the log through here, of `commitIndex` that it needs. */
  readonly matchIndex: Index;
  readonly commitIndex: Index;
  /** It was heard of since the leader last checked its quorum. */
  readonly isReached: boolean;
  readonly isCaughtUp: boolean;
}

export interface CatchUpOptions extends RequestOptions {
  /**
   * How long the whole may take. Default: as long as it takes; but a server that is not heard of for as long as a request
   * may take (`requestTimeoutMs`) is given up.
   */
  readonly timeoutMs?: number;
  /** Called now and then while the learner catches up. */
  readonly onProgress?: (progress: CatchUpProgress) => void;
}

export interface AddServerOptions extends CatchUpOptions {
  /** Makes it a voter at once, without waiting until it has caught up: commits may have to wait for it. */
  readonly immediately?: boolean;
}

/** A whole configuration: its voters, its learners, and the addresses of whoever is new or has moved. */
export interface WantedMembership {
  readonly voters: readonly NodeId[];
  /** Default: none. */
  readonly learners?: readonly NodeId[];
  readonly addresses?: Members;
}

export interface MembershipRequestsOptions {
  readonly node: RaftNode;
  readonly clock: Clock;
  /** How often a learner's progress is looked at. */
  readonly pollMs: number;
  /** How long a learner may be silent. */
  readonly silenceMs: number;
  readonly change: (request: ChangeRequest, options: RequestOptions) => Promise<void>;
  /** Why the server has stopped; undefined while it runs. */
  readonly failure: () => RuntimeError | undefined;
  readonly notLeader: () => RuntimeError;
}

export class MembershipRequests {
  readonly #options: MembershipRequestsOptions;

  constructor(options: MembershipRequestsOptions) {
    this.#options = options;
  }

  async addServer(id: NodeId, address: string, options: AddServerOptions): Promise<void> {
    if (options.timeoutMs !== undefined) checkTimeout(options.timeoutMs);
    const { configuration } = this.#options.node;
    const { signal } = options;
    const request = options.signal === undefined ? {} : { signal: options.signal };
    if (options.immediately === true) {
      requireAddress(id, address);
      return await this.#options.change({ type: 'addServer', id, address }, options);
    }
    if (configuration.learners.includes(id)) {
      const present = configuration.addresses[id];
      if (present === undefined || unmarked(present) !== address)
        await this.changeAddress(id, address, request);
    } else {
      if (configuration.voters.includes(id)) throw invalid(`Server ${id} is a voter already.`, id);
      await this.addLearner(id, address, request);
    }
    const deadline =
      options.timeoutMs === undefined ? undefined : this.#options.clock.now() + options.timeoutMs;
    for (;;) {
      const left =
        deadline === undefined ? {} : { timeoutMs: Math.max(deadline - this.#options.clock.now(), 0) };
      await this.waitUntilCaughtUp(id, { ...options, ...left });
      try {
        return await this.#options.change({ type: 'promoteLearner', id }, request);
      } catch (error) {
        // Something was committed in between that it does not have yet.
        if (!(error instanceof RuntimeError) || error.code !== 'NOT_CAUGHT_UP') throw error;
        await this.#pause(signal);
      }
    }
  }

  /** Async so that a wrong address rejects. */
  async addLearner(id: NodeId, address: string, options: RequestOptions): Promise<void> {
    requireAddress(id, address);
    await this.#options.change({ type: 'addLearner', id, address }, options);
  }

  async demoteVoter(id: NodeId, options: RequestOptions): Promise<void> {
    await this.#options.change({ type: 'addLearner', id }, options);
  }

  async waitUntilCaughtUp(id: NodeId, options: CatchUpOptions): Promise<void> {
    if (options.timeoutMs !== undefined) checkTimeout(options.timeoutMs);
    const { clock, silenceMs } = this.#options;
    const startedAt = clock.now();
    let heardAt = startedAt;
    let matchIndex = 0;
    for (;;) {
      const progress = this.#progressOf(id, options.signal);
      const now = clock.now();
      if (progress.isReached || progress.matchIndex > matchIndex) heardAt = now;
      matchIndex = progress.matchIndex;
      options.onProgress?.(progress);
      if (progress.isCaughtUp) return;
      if (options.timeoutMs !== undefined && now - startedAt >= options.timeoutMs) throw lateError(progress);
      if (now - heardAt > silenceMs) throw silentError(progress, silenceMs);
      await this.#pause(options.signal);
    }
  }

  async changeMembership(wanted: WantedMembership, options: RequestOptions): Promise<void> {
    const { configuration } = this.#options.node;
    const { voters, learners = [] } = wanted;
    const addresses: Record<NodeId, string> = {};
    for (const id of [...voters, ...learners]) {
      const address = wanted.addresses?.[id];
      if (address === undefined) {
        if (!memberIds(configuration).has(id)) throw invalid(`Server ${id} is new: say its address.`, id);
        continue;
      }
      requireAddress(id, address);
      addresses[id] = address;
    }
    await this.#options.change({ type: 'changeMembership', voters, learners, addresses }, options);
  }

  async changeAddress(id: NodeId, address: string, options: RequestOptions): Promise<void> {
    const { voters, learners } = this.#options.node.configuration;
    if (!voters.includes(id) && !learners.includes(id))
      throw invalid(`Server ${id} is not in the cluster.`, id);
    await this.changeMembership({ voters, learners, addresses: { [id]: address } }, options);
  }

  #progressOf(id: NodeId, signal: AbortSignal | undefined): CatchUpProgress {
    const { node, failure, notLeader } = this.#options;
    const stopped = failure();
    if (stopped !== undefined) throw stopped;
    if (signal?.aborted) throw abortedError(signal, true);
    const { leadership, commitIndex, configuration } = statusOf(node);
    if (leadership === undefined) throw notLeader();
    const peer = leadership.peers.get(id);
    if (peer === undefined) throw invalid(`Server ${id} is not in the cluster.`, id);
    const { state, matchIndex, recentlyActive: isReached } = peer;
    const isVoter = configuration.voters.includes(id);
    const isCaughtUp = isVoter || (state === 'replicate' && matchIndex >= commitIndex && leadership.isReady);
    return { id, state, matchIndex, commitIndex, isReached, isCaughtUp };
  }

  #pause(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#options.clock.setTimer(this.#options.pollMs, end);
      signal?.addEventListener('abort', end);
    });
  }
}

/** A log may have failed that nobody has asked for anything since. Errors: `STORAGE`. */
function statusOf(node: RaftNode): NodeStatus {
  try {
    return node.status();
  } catch (error) {
    if (error instanceof WalError) throw storageError(error);
    throw error;
  }
}

/** Errors: `OPTIONS_INVALID`. */
function requireAddress(id: NodeId, address: string): void {
  requireServerAddress(address, `The address of server ${id}`);
}

/**
 * Why a change may not be made of this configuration although the protocol takes it: it would not do what was asked for.
 * Must be asked when the change is proposed: others may have been waiting before it.
 */
export function refusalOf(change: ChangeRequest, present: Configuration): RuntimeError | undefined {
  if (change.type !== 'addLearner') return undefined;
  const { id, address } = change;
  const isVoter = present.voters.includes(id);
  // Whoever is demoted is a member already, and is asked for without an address.
  if (address === undefined) return isVoter ? undefined : invalid(`Server ${id} is no voter.`, id);
  if (!isVoter) return undefined;
  return invalid(`Server ${id} is a voter: \`demoteVoter\` makes it a learner.`, id);
}

function invalid(why: string, id: NodeId): RuntimeError {
  return new RuntimeError('CONFIG_INVALID', why, { detail: { id } });
}

function lateError({ id, matchIndex, commitIndex }: CatchUpProgress): RuntimeError {
  return new RuntimeError(
    'TIMEOUT',
    `Server ${id} has not caught up in time: it holds the log up to ${matchIndex} of ${commitIndex}. It stays a learner; ask again to go on.`,
    { detail: { id, matchIndex, commitIndex }, mayHaveBeenApplied: true },
  );
}

function silentError({ id, matchIndex, commitIndex }: CatchUpProgress, silenceMs: number): RuntimeError {
  return new RuntimeError(
    'NOT_CAUGHT_UP',
    `Server ${id} was not heard of for ${Math.round(silenceMs / 1000)} s. It stays a learner: see that it runs, that it was started to join this cluster, and that its address is right; then ask again.`,
    { detail: { id, matchIndex, commitIndex }, mayHaveBeenApplied: true },
  );
}
