// What was said before: the last few messages of each type on each link, so that the network may say them again long after.
// A message that nobody expects any more must do no harm: an answer to a question of an earlier life or term, the word of a
// former leader.

import type { Message, MessageType, NodeId } from '@waldb/core';
import type { SeededRandom } from './seeded-random.js';

/** Kept of one type on one link. */
const KEPT_MAX = 12;

/** What answers what. */
const ANSWERS: Partial<Record<MessageType, MessageType>> = {
  requestVote: 'requestVoteReply',
  preVote: 'preVoteReply',
  appendEntries: 'appendEntriesReply',
  heartbeat: 'heartbeatReply',
  installSnapshot: 'installSnapshotReply',
  readIndex: 'readIndexReply',
};

export interface Archived {
  readonly message: Message;
  readonly packed: unknown;
}

export class MessageArchive {
  /** By type, then by link. */
  readonly #kept = new Map<MessageType, Map<string, Archived[]>>();

  keep(archived: Archived): void {
    const { type, from, to } = archived.message;
    const links = this.#kept.get(type) ?? new Map<string, Archived[]>();
    this.#kept.set(type, links);
    const link = `${from}>${to}`;
    const kept = links.get(link) ?? [];
    links.set(link, kept);
    kept.push(archived);
    if (kept.length > KEPT_MAX) kept.shift();
  }

  /** An answer to an earlier question of this kind, between these two; to one with the same number if there is one. */
  answerTo(question: Message, random: SeededRandom): Archived | undefined {
    const type = ANSWERS[question.type];
    if (type === undefined) return undefined;
    const kept = this.#of(type, question.to, question.from);
    const alike = kept.filter(({ message }) => numberOf(message) === numberOf(question));
    return pick(alike.length > 0 ? alike : kept, random);
  }

  /** Any message; of a rare type as likely as of a frequent one. */
  any(random: SeededRandom): Archived | undefined {
    const links = pick([...this.#kept.values()], random);
    return links && pick(pick([...links.values()], random) ?? [], random);
  }

  /** The newest of each type that was sent to `to` on each link, and the newest of `type` that `from` sent to anybody. */
  around(server: NodeId, type: MessageType): { readonly to: Archived[]; readonly from: Archived[] } {
    const newest = [...this.#kept.values()].flatMap((links) =>
      [...links.values()].flatMap((kept) => kept.slice(-1)),
    );
    return {
      to: newest.filter(({ message }) => message.to === server),
      from: newest.filter(({ message }) => message.from === server && message.type === type),
    };
  }

  #of(type: MessageType, from: NodeId, to: NodeId): readonly Archived[] {
    return this.#kept.get(type)?.get(`${from}>${to}`) ?? [];
  }
}

function numberOf(message: Message): number | undefined {
  return message.type === 'readIndex' || message.type === 'readIndexReply' ? message.request : undefined;
}

function pick<T>(from: readonly T[], random: SeededRandom): T | undefined {
  return from.length === 0 ? undefined : random.pick(from);
}
