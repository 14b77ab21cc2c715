// Who has lost its disk and goes on under its old id takes no part until it was removed and added again (docs/protocol.md,
// section 7): nobody who has met it takes a promise of its new log, be it a vote, an acknowledgement or an answer to a
// heartbeat. What harm such a promise may do, the other checks see; but it seldom does any, and is wrong at once.
//
// Having met it means: a message of the old log was handled by somebody in whose configuration, committed, it was a member. What
// is known of a server before that is not certain to be kept.

import {
  type Configuration,
  encodeMessage,
  type Index,
  type Message,
  type NodeId,
  type TraceRecord,
} from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import { foldBytes } from './entry-digest.js';

interface Receiver {
  life: number;
  configuration: Configuration | undefined;
  /** The configuration stands here in its log, or before. */
  since: Index;
  /** Whose present log it has met. */
  readonly met: Set<NodeId>;
  /** Whose former one. */
  readonly metLost: Set<NodeId>;
}

export class LostDisks implements ClusterCheck {
  readonly name: string = 'lost-disks';
  readonly #receivers: Map<NodeId, Receiver> = new Map();
  /** By server that has lost its disk: the promises that its new log has made, as bytes. */
  readonly #promises: Map<NodeId, Set<number>> = new Map();

  diskLost(id: NodeId): void {
    this.#promises.set(id, new Set());
    for (const { met, metLost } of this.#receivers.values()) if (met.delete(id)) metLost.add(id);
    this.#receivers.delete(id); // it has forgotten whom it met
  }

  stepped(server: ServerLife, { event, before, after, actions }: TraceRecord): void {
    const receiver = this.#of(server);
    if (receiver.configuration !== after.configuration) {
      receiver.since = receiver.configuration === undefined ? before.lastIndex : after.lastIndex;
      receiver.configuration = after.configuration;
    }
    if (event.type === 'message') this.#receive(server, receiver, event.message, after.commitIndex);
    const promises = this.#promises.get(server.id);
    if (promises === undefined) return;
    for (const action of actions)
      if (action.type === 'send' && isPromise(action.message)) promises.add(digestOf(action.message));
  }

  #receive(server: ServerLife, receiver: Receiver, message: Message, commitIndex: Index): void {
    const { from } = message;
    const { configuration, since, met, metLost } = receiver;
    if (configuration === undefined || !hasMember(configuration, from)) return;
    if (!this.#promises.has(from)) {
      if (since <= commitIndex) met.add(from);
      return;
    }
    if (!metLost.has(from) || !isPromise(message) || !this.#promises.get(from)?.has(digestOf(message)))
      return;
    hold(false, this.name, 'a server counts on another that has lost its disk', () => ({
      ...server,
      message,
    }));
  }

  #of({ id, life }: ServerLife): Receiver {
    const known = this.#receivers.get(id);
    const receiver: Receiver = known ?? {
      ...{ life, configuration: undefined, since: 0, met: new Set(), metLost: new Set() },
    };
    if (known === undefined) this.#receivers.set(id, receiver);
    else if (known.life !== life) {
      known.life = life;
      known.configuration = undefined;
    }
    return receiver;
  }
}

/** Whatever its receiver may count towards a majority. */
function isPromise(message: Message): boolean {
  switch (message.type) {
    case 'requestVoteReply':
    case 'preVoteReply':
      return message.voteGranted;
    case 'appendEntriesReply':
    case 'installSnapshotReply':
      return message.success;
    case 'heartbeatReply':
      return true;
    default:
      return false;
  }
}

function hasMember({ voters, learners, votersOutgoing }: Configuration, id: NodeId): boolean {
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id);
}

function digestOf(message: Message): number {
  return foldBytes(0, encodeMessage(message));
}
