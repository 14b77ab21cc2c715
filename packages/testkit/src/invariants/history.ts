// What the whole cluster has done so far, as only an outside observer can know it: every entry that any log ever
// held, every leader by term, and the one committed log. Invariants write here what they have proved and read what
// others have.
//
// Log matching costs O(1) per entry because of how entries are kept: each (term, index) is one record that names the
// term before it. If every log agrees with the records link by link, equal (term, index) implies equal prefixes.

import type { Configuration, Index, LogEntry, NodeId, Term } from '@waldb/core';
import { decodedConfiguration } from './configuration-in-force.js';

/** Indexes stay below this, so that (term, index) makes one safe integer. */
const INDEX_MAX = 2 ** 21;

export interface EntryRecord {
  readonly term: Term;
  readonly index: Index;
  readonly previousTerm: Term;
  readonly entry: LogEntry;
  /** The server that first staged it. */
  readonly creator: NodeId;
}

export interface CommittedEntry {
  readonly record: EntryRecord;
  /** The term of the leader that first committed it. */
  readonly committedIn: Term;
  /** The digest of a state machine that has applied everything up to here. */
  readonly digest: number;
}

export class History {
  readonly leaders: Map<Term, NodeId> = new Map();
  readonly #entries: Map<number, EntryRecord> = new Map();
  readonly #committed: CommittedEntry[] = [];
  /** For a leader's term, the first entry it appended. */
  readonly #firstOfTerm: Map<Term, EntryRecord> = new Map();
  readonly #termsBelow: Map<Term, Term[]> = new Map();
  readonly #initialConfiguration: Configuration;
  /** Committed configurations, by rising index. */
  readonly #configurations: { readonly index: Index; readonly configuration: Configuration }[] = [];

  constructor(initialConfiguration: Configuration) {
    this.#initialConfiguration = initialConfiguration;
  }

  /** The highest index known to be committed anywhere. */
  get commitIndex(): Index {
    return this.#committed.length;
  }

  committed(index: Index): CommittedEntry | undefined {
    return this.#committed[index - 1];
  }

  record(term: Term, index: Index): EntryRecord | undefined {
    return this.#entries.get(term * INDEX_MAX + index);
  }

  register(record: EntryRecord): void {
    this.#entries.set(record.term * INDEX_MAX + record.index, record);
    const first = this.#firstOfTerm.get(record.term);
    if (first === undefined || record.index < first.index) this.#firstOfTerm.set(record.term, record);
  }

  commit(record: EntryRecord, committedIn: Term): void {
    const digest = foldEntry(this.digestAt(this.commitIndex), record.entry);
    this.#committed.push({ record, committedIn, digest });
    if (record.entry.kind === 'config') {
      const configuration = decodedConfiguration(record.entry);
      this.#configurations.push({ index: record.index, configuration });
    }
  }

  /** The digest of a state machine that has applied every committed entry up to `index`. */
  digestAt(index: Index): number {
    return this.#committed[index - 1]?.digest ?? 0;
  }

  /** The committed configuration in force at `index`. */
  configurationAt(index: Index): Configuration {
    return (
      this.#configurations.findLast((at) => at.index <= index)?.configuration ?? this.#initialConfiguration
    );
  }

  /** The term at `index` in the log of the leader of `term`, as far as that leader ever appended; undefined beyond. */
  leaderTermAt(term: Term, index: Index): Term | undefined {
    if (index === 0) return 0;
    const first = this.#firstOfTerm.get(term);
    if (first === undefined) return undefined;
    if (index >= first.index) return this.record(term, index) === undefined ? undefined : term;
    return this.#termsBefore(first)[index];
  }

  /** Terms by index below a leader's first entry: its log as it was when it won. */
  #termsBefore(first: EntryRecord): Term[] {
    const known = this.#termsBelow.get(first.term);
    if (known !== undefined && known.length === first.index) return known;
    const terms: Term[] = new Array(first.index).fill(0);
    let term = first.previousTerm;
    for (let index = first.index - 1; index > 0; index--) {
      terms[index] = term;
      term = this.record(term, index)?.previousTerm ?? 0;
    }
    this.#termsBelow.set(first.term, terms);
    return terms;
  }
}

/** How the simulated state machine's digest changes by one entry; only `normal` entries reach a state machine. */
export function foldEntry(digest: number, entry: LogEntry): number {
  if (entry.kind !== 'normal') return digest;
  let folded = Math.imul(digest ^ entry.index, 0x01000193) ^ Math.imul(entry.term, 0x9e3779b1);
  for (const byte of entry.command) folded = Math.imul(folded ^ byte, 0x01000193);
  return folded | 0;
}

export function sameEntry(a: LogEntry, b: LogEntry): boolean {
  if (a === b) return true;
  return a.term === b.term && a.index === b.index && a.kind === b.kind && sameBytes(a.command, b.command);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
