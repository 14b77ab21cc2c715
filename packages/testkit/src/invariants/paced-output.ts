// Nothing is sent without bound to a peer that does not answer: between two signs of life of a peer a leader sends at
// most as many appends as its limits allow and one snapshot, and a snapshot is not sent again on each heartbeat (X8, X9).

import type { Configuration, Event, Message, NodeId } from '@waldb/core';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export interface PaceLimits {
  readonly maxInflightMessages: number;
  readonly snapshotRetryTicks: number;
}

/** What a leader has sent to one peer since it last heard of it. */
interface Sent {
  appends: number;
  /** Ticks since a snapshot was sent and nothing has told how it went; undefined when none is under way. */
  snapshotTicks: number | undefined;
}

export class PacedOutput implements Invariant {
  readonly name: string = 'paced-output';
  readonly #limits: PaceLimits;
  /** By sender and receiver. */
  readonly #sent: Map<NodeId, Map<NodeId, Sent>> = new Map();

  constructor(limits: PaceLimits) {
    this.#limits = limits;
  }

  started(server: ServerView): void {
    this.#sent.set(server.id, new Map());
  }

  stepped({ server, before, event, actions }: StepView): void {
    if (server.role !== 'leader') return;
    const sent = this.#sent.get(server.id) ?? new Map<NodeId, Sent>();
    if (before.role !== 'leader' || before.term !== server.term) sent.clear();
    this.#hear(sent, event);
    for (const action of actions) {
      if (action.type === 'send') this.#count(server, sent, action.message);
      else if (action.type === 'membershipChanged') forgetOthers(sent, action.configuration);
    }
  }

  #hear(sent: Map<NodeId, Sent>, event: Event): void {
    if (event.type === 'tick') {
      for (const to of sent.values()) if (to.snapshotTicks !== undefined) to.snapshotTicks += 1;
    } else if (event.type === 'unreachable') {
      this.#of(sent, event.id).appends = 0;
    } else if (event.type === 'snapshotStatus') {
      this.#of(sent, event.to).snapshotTicks = undefined;
    } else if (event.type === 'message') {
      const from = this.#of(sent, event.message.from);
      from.appends = 0;
      const { type } = event.message;
      if (type === 'installSnapshotReply' || type === 'appendEntriesReply') from.snapshotTicks = undefined;
    }
  }

  #count(server: ServerView, sent: Map<NodeId, Sent>, message: Message): void {
    const to = this.#of(sent, message.to);
    if (message.type === 'appendEntries' && message.entries.length > 0) {
      to.appends += 1;
      // One more when the peer goes back from streaming to probing in between.
      hold(
        to.appends <= this.#limits.maxInflightMessages + 1,
        this.name,
        'appends pile up for a peer that does not answer',
        () => ({
          server: server.id,
          to: message.to,
          appends: to.appends,
        }),
      );
    } else if (message.type === 'installSnapshot') {
      const { snapshotTicks } = to;
      const isDue = snapshotTicks === undefined || snapshotTicks >= this.#limits.snapshotRetryTicks;
      hold(isDue, this.name, 'a snapshot is sent again before its time', () => ({
        server: server.id,
        to: message.to,
        snapshotTicks,
      }));
      to.snapshotTicks = 0;
    }
  }

  #of(sent: Map<NodeId, Sent>, id: NodeId): Sent {
    const known = sent.get(id);
    if (known !== undefined) return known;
    const fresh: Sent = { appends: 0, snapshotTicks: undefined };
    sent.set(id, fresh);
    return fresh;
  }
}

/** Whoever leaves the configuration and comes back is a newcomer. */
function forgetOthers(sent: Map<NodeId, Sent>, { voters, votersOutgoing, learners }: Configuration): void {
  for (const id of sent.keys()) {
    if (!voters.includes(id) && !votersOutgoing.includes(id) && !learners.includes(id)) sent.delete(id);
  }
}
