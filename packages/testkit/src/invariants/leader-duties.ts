// When a leader must stop leading: once its removal is committed (thesis §4.2.2), when no quorum has answered it for
// two election timeouts (thesis §6.2; X7), and when its disk has stalled (a leader that cannot write is as good as dead).
// And when nobody may make it: a server that hears its leader lets no candidate disturb it (thesis §4.2.3; P67, P81).

import type { Configuration, Event, NodeId } from '@waldb/core';
import { isQuorum, isVoterOf } from './configuration-in-force.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export interface DutyLimits {
  readonly checkQuorum: boolean;
  readonly electionTimeoutTicksMin: number;
  readonly diskStallTicks: number;
}

interface Watch {
  /** Ticks of this life so far. */
  ticks: number;
  /** When each server was last heard, or joined the configuration, in ticks. */
  readonly heard: Map<NodeId, number>;
  /** When this server last heard the leader of its term; undefined when it has not. */
  leaderHeard: number | undefined;
  durableSeq: number;
  /** Ticks for which staged work has waited without progress. */
  stalled: number;
}

export class LeaderDuties implements Invariant {
  readonly name: string = 'leader-duties';
  readonly #limits: DutyLimits;
  readonly #watches: Map<NodeId, Watch> = new Map();

  constructor(limits: DutyLimits) {
    this.#limits = limits;
  }

  started(server: ServerView): void {
    this.#watches.set(server.id, {
      ticks: 0,
      heard: new Map(),
      leaderHeard: undefined,
      durableSeq: 0,
      stalled: 0,
    });
  }

  durable(server: ServerView): void {
    const watch = this.#watches.get(server.id);
    // A node of the inline discipline knows at once; a deferred one knows what it is told.
    if (watch !== undefined && server.durability === 'inline') progress(watch, watch.durableSeq + 1);
  }

  stepped(step: StepView): void {
    const { server, before, event } = step;
    const watch = this.#watches.get(server.id);
    if (watch === undefined || server.isHalted) return;
    this.#checkUndisturbed(step, watch);
    this.#listen(watch, step);
    if (server.role !== 'leader') return;
    if (before.role !== 'leader' || before.term !== server.term) watch.heard.clear();
    this.#checkRemoved(server);
    if (event.type !== 'tick') return;
    this.#checkAnswered(server, watch);
    hold(
      watch.stalled <= this.#limits.diskStallTicks,
      this.name,
      'a leader leads on with a stalled disk',
      () => ({
        server: server.id,
        stalledTicks: watch.stalled,
      }),
    );
  }

  #listen(watch: Watch, { server, before, event, actions }: StepView): void {
    if (server.term !== before.term) watch.leaderHeard = undefined;
    switch (event.type) {
      case 'tick':
        watch.ticks += 1;
        watch.stalled =
          before.stagedSeq > watch.durableSeq && before.role === 'leader' ? watch.stalled + 1 : 0;
        break;
      case 'durable':
        progress(watch, event.seq);
        break;
      case 'message':
        watch.heard.set(event.message.from, watch.ticks);
        if (isFromLeader(event) && event.message.term === server.term) watch.leaderHeard = watch.ticks;
        break;
      case 'removed':
        // Its cluster goes on without it: there is no leader that it would have to stick to (docs/protocol.md, section 7).
        if (server.leader === undefined) watch.leaderHeard = undefined;
        break;
      default:
        break;
    }
    // Another quorum is asked from now on: it has as long to answer as a new leader's.
    if (actions.some((action) => action.type === 'membershipChanged')) watch.heard.clear();
  }

  #checkRemoved(server: ServerView): void {
    const { configuration, log, commitIndex, id } = server;
    const isCommitted = log.configIndexBefore(log.lastIndex) <= commitIndex;
    const stays = isCommitted && !isVoterOf(configuration, id);
    hold(!stays, this.name, 'a leader leads on after its removal is committed', () => ({
      server: id,
      configuration,
    }));
  }

  #checkAnswered(server: ServerView, watch: Watch): void {
    if (!this.#limits.checkQuorum) return;
    for (const id of votersOf(server.configuration))
      if (!watch.heard.has(id)) watch.heard.set(id, watch.ticks);
    const patience = 2 * this.#limits.electionTimeoutTicksMin;
    const isAnswered = isQuorum(
      server.configuration,
      (id) => id === server.id || watch.ticks - (watch.heard.get(id) ?? 0) <= patience,
    );
    hold(isAnswered, this.name, 'a leader leads on that no quorum answers', () => ({
      server: server.id,
      ticks: watch.ticks,
      heard: Object.fromEntries(watch.heard),
    }));
  }

  /** Only where check-quorum promises it, and unless the leader itself asked for the election. */
  #checkUndisturbed({ server, before, event }: StepView, watch: Watch): void {
    if (!this.#limits.checkQuorum || event.type !== 'message' || event.message.type !== 'requestVote') return;
    const { message } = event;
    if (message.transfer || message.term <= before.term || watch.leaderHeard === undefined) return;
    if (
      before.role === 'candidate' ||
      watch.ticks - watch.leaderHeard >= this.#limits.electionTimeoutTicksMin
    )
      return;
    hold(
      server.term === before.term,
      this.name,
      'a candidate disturbs a server that hears its leader',
      () => ({
        server: server.id,
        message,
      }),
    );
  }
}

function progress(watch: Watch, durableSeq: number): void {
  if (durableSeq <= watch.durableSeq) return;
  watch.durableSeq = durableSeq;
  watch.stalled = 0;
}

function isFromLeader(event: Extract<Event, { type: 'message' }>): boolean {
  const { type } = event.message;
  return type === 'appendEntries' || type === 'heartbeat' || type === 'installSnapshot';
}

function votersOf({ voters, votersOutgoing }: Configuration): readonly NodeId[] {
  return [...voters, ...votersOutgoing];
}
