// Three rules about what is in logs. Log matching (§5.3): equal index and term mean equal entries and equal prefixes.
// Leader append-only: a leader never truncates. And only the leader of a term makes entries of that term; nobody
// truncates or overwrites what is committed.

import type { Index, LogEntry, Term } from '@waldb/core';
import type { LogOperation } from '../sim/log-image.js';
import { type EntryRecord, type History, sameEntry } from './history.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class LogMatching implements Invariant {
  readonly name: string = 'log-matching';
  readonly #history: History;
  /** Entries that the step under way was the first to stage. */
  #created: EntryRecord[] = [];
  #truncatedFrom: Index | undefined;

  constructor(history: History) {
    this.#history = history;
  }

  crashed(): void {
    this.#checkCreators();
    this.#truncatedFrom = undefined;
  }

  staged(server: ServerView, operation: LogOperation): void {
    if (operation.type === 'append') this.#append(server, operation.entries);
    else if (operation.type === 'truncate') this.#truncate(server, operation.from);
  }

  stepped(step: StepView): void {
    if (this.#truncatedFrom !== undefined) this.#checkAppendOnly(step);
    this.#checkCreators();
  }

  scanned(servers: readonly ServerView[]): void {
    for (const server of servers) this.#scan(server);
  }

  #append(server: ServerView, entries: readonly LogEntry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    let previousTerm = server.log.termAt(first.index - 1) as Term; // the log checked that the entries follow it
    for (const entry of entries) {
      this.#match(server, entry, previousTerm);
      previousTerm = entry.term;
    }
  }

  #match(server: ServerView, entry: LogEntry, previousTerm: Term): void {
    const record = this.#history.record(entry.term, entry.index);
    if (record === undefined) {
      const { term, index } = entry;
      const made: EntryRecord = { term, index, previousTerm, entry, creator: server.id };
      this.#history.register(made);
      this.#created.push(made);
      return;
    }
    const matches = record.previousTerm === previousTerm && sameEntry(record.entry, entry);
    hold(
      matches,
      this.name,
      'two logs hold different entries, or different prefixes, at one index and term',
      () => ({
        server: server.id,
        entry,
        previousTerm,
        record,
      }),
    );
  }

  #truncate(server: ServerView, from: Index): void {
    this.#truncatedFrom = Math.min(from, this.#truncatedFrom ?? from);
    const committed = this.#history.committed(from);
    // Only from the term in which it was committed on: a server that has not got there, and so was no part of the
    // quorum, may still give the entry up to an earlier leader, and gets it again (seeds 62637 and 77785).
    const isBound =
      committed !== undefined &&
      committed.record.term === server.log.termAt(from) &&
      server.term >= committed.committedIn;
    hold(!isBound && from > server.commitIndex, this.name, 'a committed entry is truncated', () => ({
      server: server.id,
      from,
      commitIndex: server.commitIndex,
    }));
  }

  #checkAppendOnly({ server, before }: StepView): void {
    const from = this.#truncatedFrom;
    this.#truncatedFrom = undefined;
    const stillLeads = before.role === 'leader' && server.role === 'leader' && before.term === server.term;
    hold(!stillLeads, this.name, 'a leader truncated its own log', () => ({ server: server.id, from }));
  }

  #checkCreators(): void {
    if (this.#created.length === 0) return;
    for (const record of this.#created) this.#checkCreator(record);
    this.#created = [];
  }

  #checkCreator(record: EntryRecord): void {
    const leader = this.#history.leaders.get(record.term);
    hold(leader === record.creator, this.name, "an entry was made by another than its term's leader", () => ({
      record,
      leader,
    }));
  }

  #scan(server: ServerView): void {
    const { log } = server;
    for (let index = log.firstIndex; index <= log.lastIndex; index++) {
      const entry = log.entry(index) as LogEntry; // firstIndex <= index <= lastIndex
      this.#match(server, entry, log.termAt(index - 1) as Term);
    }
  }
}
