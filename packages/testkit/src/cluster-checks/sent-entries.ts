// Log matching (§5.3), as far as messages show it: an entry is named by its index and term, and the same name is the same
// entry with the same one before it, whoever sends it in whatever term. And no message comes from a server that does not
// have what it tells: entries follow one another, and no leader tells of commits beyond its own.

import type { AppendEntries, Index, LogEntry, Term, TraceRecord } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import { entryDigest } from './entry-digest.js';

interface Sent {
  readonly digest: number;
  readonly previousTerm: Term;
}

export class SentEntries implements ClusterCheck {
  readonly name: string = 'sent-entries';
  readonly #sent: Map<Index, Map<Term, Sent>> = new Map();

  stepped(server: ServerLife, { after, actions }: TraceRecord): void {
    for (const action of actions) {
      if (action.type !== 'send' || action.message.type !== 'appendEntries') continue;
      if (action.message.leaderCommit > after.commitIndex)
        hold(false, this.name, 'a leader tells of commits that it does not know', () => ({
          ...server,
          commitIndex: after.commitIndex,
          message: action.message,
        }));
      this.#checkEntries(server, action.message);
    }
  }

  #checkEntries(server: ServerLife, message: AppendEntries): void {
    let { prevLogIndex: index, prevLogTerm: previousTerm } = message;
    for (const entry of message.entries) {
      index += 1;
      if (entry.index !== index || entry.term < previousTerm || entry.term > message.term)
        hold(false, this.name, 'the entries of a message do not follow one another', () => ({
          ...server,
          message,
        }));
      this.#match(server, entry, previousTerm);
      previousTerm = entry.term;
    }
  }

  #match(server: ServerLife, entry: LogEntry, previousTerm: Term): void {
    const terms = this.#sent.get(entry.index) ?? new Map<Term, Sent>();
    this.#sent.set(entry.index, terms);
    const sent: Sent = { digest: entryDigest(entry), previousTerm };
    const known = terms.get(entry.term);
    if (known === undefined) terms.set(entry.term, sent);
    else if (known.previousTerm !== previousTerm || known.digest !== sent.digest)
      hold(false, this.name, 'one index and term is two entries, or has two pasts', () => ({
        ...server,
        ...{ index: entry.index, term: entry.term, first: known, second: sent },
      }));
  }
}
