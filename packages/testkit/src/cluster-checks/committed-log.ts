// The one committed log of a cluster, as far as anybody has said what is in it: by telling a commit, by applying, by
// sending an entry with a commit index that covers it, by a snapshot. The first to say so is believed; everybody after
// that, on any server and in any life, has to agree (state machine safety, §5.4.3).

import type { EntryKind, Index, LogEntry, NodeId, Term } from '@waldb/core';
import { hold } from '../invariants/invariant.js';
import { entryDigest } from './entry-digest.js';

export interface Committed {
  readonly index: Index;
  readonly term: Term;
  /** The term of whoever said so first: every leader of a later term has the entry. */
  readonly committedIn: Term;
  /** Who said so first. */
  readonly by: NodeId;
  /** Once anybody has shown the entry. */
  kind: EntryKind | undefined;
  digest: number | undefined;
}

/** What somebody says is committed. */
export interface CommitClaim {
  readonly index: Index;
  readonly term: Term;
  readonly by: NodeId;
  readonly inTerm: Term;
  readonly entry?: LogEntry | undefined;
}

export class CommittedLog {
  readonly #entries: Map<Index, Committed> = new Map();
  #lastIndex: Index = 0;

  /** The highest index that anybody has said is committed. */
  get lastIndex(): Index {
    return this.#lastIndex;
  }

  at(index: Index): Committed | undefined {
    return this.#entries.get(index);
  }

  /** Throws, in the name of `rule`, when something else is committed there. */
  claim({ index, term, by, inTerm, entry }: CommitClaim, rule: string): void {
    if (index === 0) return;
    const kind = entry?.kind;
    const digest = entry && entryDigest(entry);
    const known = this.#entries.get(index);
    if (known === undefined) {
      this.#entries.set(index, { index, term, committedIn: inTerm, by, kind, digest });
      if (index > this.#lastIndex) this.#lastIndex = index;
      return;
    }
    const isSame = digest === undefined || known.digest === undefined || digest === known.digest;
    if (known.term !== term || !isSame)
      hold(
        false,
        rule,
        `servers ${known.by} and ${by} committed different entries at index ${index}`,
        () => ({
          first: known,
          second: { index, term, by, kind, digest },
        }),
      );
    known.kind ??= kind;
    known.digest ??= digest;
  }
}
