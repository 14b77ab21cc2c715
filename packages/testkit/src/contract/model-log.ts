// What a RaftLog means, written for obviousness: one array, no indexes, no cleverness. Implementations are compared
// with it, call by call and after crashes.

import {
  entryEncoding,
  type HardState,
  type Index,
  type LogEntry,
  type Snapshot,
  type Term,
} from '@waldb/core';

/** One mutating call of a RaftLog, as data. */
export type LogCall =
  | { readonly type: 'append'; readonly entries: readonly LogEntry[] }
  | { readonly type: 'truncate'; readonly from: Index }
  | { readonly type: 'setHardState'; readonly state: HardState }
  | { readonly type: 'applySnapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'compact'; readonly through: Index };

export class ModelLog {
  /** Rising indexes without a gap, all above `compacted`. */
  entries: readonly LogEntry[] = [];
  compacted: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  hardState: HardState = { term: 0, votedFor: undefined };
  snapshot: Snapshot | undefined;

  clone(): ModelLog {
    return Object.assign(new ModelLog(), this);
  }

  get lastIndex(): Index {
    return this.entries.at(-1)?.index ?? this.compacted.index;
  }

  get lastTerm(): Term {
    return this.entries.at(-1)?.term ?? this.compacted.term;
  }

  termAt(index: Index): Term | undefined {
    if (index === 0) return 0;
    if (index === this.compacted.index) return this.compacted.term;
    const held = this.entries.find((entry) => entry.index === index)?.term;
    return held ?? (index === this.snapshot?.index ? this.snapshot.term : undefined);
  }

  configIndexBefore(index: Index): Index {
    return this.entries.findLast((entry) => entry.kind === 'config' && entry.index <= index)?.index ?? 0;
  }

  apply(call: LogCall): void {
    switch (call.type) {
      case 'append':
        this.entries = [...this.entries, ...call.entries];
        break;
      case 'truncate':
        this.entries = this.entries.filter((entry) => entry.index < call.from);
        break;
      case 'setHardState':
        this.hardState = call.state;
        break;
      case 'applySnapshot':
        this.#applySnapshot(call.snapshot);
        break;
      case 'compact':
        this.#compact(call.through);
        break;
    }
  }

  #applySnapshot(snapshot: Snapshot): void {
    if (snapshot.index <= (this.snapshot?.index ?? 0)) return;
    if (this.termAt(snapshot.index) !== snapshot.term) {
      this.entries = [];
      this.compacted = { index: snapshot.index, term: snapshot.term };
    }
    this.snapshot = snapshot;
  }

  #compact(through: Index): void {
    if (through <= this.compacted.index) return;
    this.compacted = { index: through, term: this.termAt(through) ?? 0 };
    this.entries = this.entries.filter((entry) => entry.index > through);
  }
}

/** The states that a call goes through: an append may be cut by a crash between any two of its entries. */
export function statesAfter(model: ModelLog, call: LogCall): ModelLog[] {
  const parts: LogCall[] =
    call.type === 'append' && call.entries.length > 0
      ? call.entries.map((entry) => ({ type: 'append', entries: [entry] }))
      : [call];
  const states: ModelLog[] = [];
  let state = model;
  for (const part of parts) {
    state = state.clone();
    state.apply(part);
    states.push(state);
  }
  return states;
}

/** Everything that a log shows, as text: equal texts are equal logs. */
export function describeModel(model: ModelLog): string {
  return describeState(model, model.entries);
}

export function describeState(
  state: Pick<ModelLog, 'compacted' | 'hardState' | 'snapshot' | 'lastIndex'>,
  entries: readonly LogEntry[],
): string {
  const lines = [
    `compacted ${state.compacted.index}@${state.compacted.term} last ${state.lastIndex}`,
    `term ${state.hardState.term} vote ${state.hardState.votedFor ?? '-'}`,
    state.snapshot === undefined ? 'no snapshot' : describeSnapshot(state.snapshot),
  ];
  for (const entry of entries)
    lines.push(`${entry.index} ${Buffer.from(entryEncoding(entry)).toString('hex')}`);
  return lines.join('\n');
}

function describeSnapshot(snapshot: Snapshot): string {
  const { index, term, configuration, data } = snapshot;
  return `snapshot ${index}@${term} ${JSON.stringify(configuration)} ${Buffer.from(data).toString('hex')}`;
}
