// What a server acknowledged is there in every later life, or was replaced on the word of a later leader. An
// acknowledgement (of appended entries or of a snapshot) names the leader's term and an index: from then on the server's
// log reaches that far and is at least as up to date (§5.4.1) as the leader's log is there. A leader of a later term may
// replace what lies above the entry at which its own log agrees; that, and nothing else, takes a promise back.
//
// A step that fails is not seen, and may have changed the log on a leader's word all the same (the disk gave up behind it).
// So at the first step of a life what leaders have sent to this server counts as heard.
//
// Who has lost its disk keeps nothing, and begins anew; that nobody counts it then, lost-disks asks.

import type {
  AppendEntries,
  InstallSnapshot,
  Message,
  NodeId,
  RequestVote,
  Term,
  TraceRecord,
} from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';

interface Promised {
  /** The latest term whose leader was told that entries are there. */
  term: Term;
  /** The latest term whose leader has spoken, and may have changed the log. */
  heard: Term;
  /** The log holds that leader's entries up to here. */
  index: number;
  /** The term of the newest entry that is known to be among them. */
  entryTerm: Term;
  /** The life that was seen last. */
  life: number;
}

export class PromisedEntries implements ClusterCheck {
  readonly name: string = 'promised-entries';
  readonly #promised: Map<NodeId, Promised> = new Map();
  /** What leaders have sent: the entry's term by leader's term and index. */
  readonly #sent: Map<Term, Map<number, Term>> = new Map();
  /** What they have sent to a server, by leader's term: the lowest place at which its log was to agree. */
  readonly #toldOf: Map<NodeId, Map<Term, number>> = new Map();

  diskLost(id: NodeId): void {
    this.#promised.delete(id);
    this.#toldOf.delete(id);
  }

  stepped(server: ServerLife, { event, before, after, actions }: TraceRecord): void {
    const promised = this.#of(server.id);
    if (promised.life !== server.life) this.#begin(server, promised, before.lastIndex);
    this.#checkReaches(server, promised, before.lastIndex);
    if (event.type === 'message') obey(promised, event.message, after.term);
    this.#checkReaches(server, promised, after.lastIndex);
    for (const action of actions) if (action.type === 'send') this.#hear(server, promised, action.message);
  }

  /** The first step of a life: what the step that ended the one before may have done. */
  #begin(server: ServerLife, promised: Promised, lastIndex: number): void {
    promised.life = server.life;
    if (lastIndex >= promised.index) return;
    for (const [term, agreed] of this.#toldOf.get(server.id) ?? [])
      if (agreed <= lastIndex) replace(promised, term, agreed);
  }

  #checkReaches(server: ServerLife, promised: Promised, lastIndex: number): void {
    if (lastIndex >= promised.index) return;
    hold(false, this.name, 'a server has lost entries that it acknowledged', () => ({
      ...server,
      lastIndex,
      acknowledged: promised.index,
      inTerm: promised.term,
    }));
  }

  #hear(server: ServerLife, promised: Promised, message: Message): void {
    switch (message.type) {
      case 'appendEntries':
        this.#told(message);
        return this.#remember(message);
      case 'installSnapshot':
        return this.#told(message);
      case 'appendEntriesReply':
      case 'installSnapshotReply':
        if (message.success) this.#acknowledge(promised, message);
        return;
      case 'requestVote':
        return this.#checkCampaign(server, promised, message);
      default:
        return;
    }
  }

  #told(message: AppendEntries | InstallSnapshot): void {
    const told = this.#toldOf.get(message.to) ?? new Map<Term, number>();
    this.#toldOf.set(message.to, told);
    told.set(
      message.term,
      Math.min(told.get(message.term) ?? Number.POSITIVE_INFINITY, agreedIndex(message)),
    );
  }

  #remember({ term, prevLogIndex, prevLogTerm, entries }: AppendEntries): void {
    const sent = this.#sent.get(term) ?? new Map<number, Term>();
    this.#sent.set(term, sent);
    sent.set(prevLogIndex, prevLogTerm);
    for (const entry of entries) sent.set(entry.index, entry.term);
  }

  #acknowledge(promised: Promised, message: { readonly term: Term; readonly matchIndex: number }): void {
    const { term, matchIndex } = message;
    // Released late, when a later leader had changed the log already: that leader's word counts.
    if (term < promised.heard) return;
    promised.term = term;
    if (matchIndex <= promised.index) return;
    promised.index = matchIndex;
    promised.entryTerm = Math.max(promised.entryTerm, this.#sent.get(term)?.get(matchIndex) ?? 0);
  }

  /** A candidate's own word about its log. */
  #checkCampaign(server: ServerLife, promised: Promised, message: RequestVote): void {
    const { lastLogIndex, lastLogTerm } = message;
    const isKept =
      lastLogTerm > promised.entryTerm ||
      (lastLogTerm === promised.entryTerm && lastLogIndex >= promised.index);
    if (isKept) return;
    hold(false, this.name, 'a candidate has a log that is less up to date than what it acknowledged', () => ({
      ...server,
      lastLogIndex,
      lastLogTerm,
      acknowledged: promised.index,
      ofTerm: promised.entryTerm,
    }));
  }

  #of(id: NodeId): Promised {
    const known = this.#promised.get(id);
    if (known !== undefined) return known;
    const promised: Promised = { term: 0, heard: 0, index: 0, entryTerm: 0, life: 0 };
    this.#promised.set(id, promised);
    return promised;
  }
}

/**
 * A leader of a later term than that of the promise speaks: above the place where its log would agree, everything may be
 * replaced. (Where it does not agree there it is refused, and comes again with an earlier place.)
 */
function obey(promised: Promised, message: Message, term: Term): void {
  if (message.type !== 'appendEntries' && message.type !== 'installSnapshot') return;
  if (message.term >= term) replace(promised, message.term, agreedIndex(message));
}

/** What lies above `agreed` is the leader's of `term`, if that is a later one than was promised to. */
function replace(promised: Promised, term: Term, agreed: number): void {
  if (term <= promised.term) return;
  promised.heard = Math.max(promised.heard, term);
  if (agreed >= promised.index) return;
  promised.index = agreed;
  promised.entryTerm = 0;
}

function agreedIndex(message: AppendEntries | InstallSnapshot): number {
  return message.type === 'appendEntries' ? message.prevLogIndex : message.snapshot.index;
}
