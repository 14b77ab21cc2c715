// The replicated state machine of the simulation: a digest that depends on every command, its index and its order.
// Two that have applied the same entries agree; any difference shows at the next comparison.

import type { Index, LogEntry, Snapshot } from '@waldb/core';
import { foldEntry } from '../invariants/history.js';

const SNAPSHOT_BYTES = 12;

export interface MachineState {
  readonly applied: Index;
  readonly digest: number;
}

export class StateMachine {
  #applied: Index;
  #digest: number;

  constructor(state: MachineState = { applied: 0, digest: 0 }) {
    this.#applied = state.applied;
    this.#digest = state.digest;
  }

  get state(): MachineState {
    return { applied: this.#applied, digest: this.#digest };
  }

  apply(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      this.#digest = foldEntry(this.#digest, entry);
      this.#applied = entry.index;
    }
  }

  restore(snapshot: Snapshot): void {
    const { applied, digest } = stateOf(snapshot);
    this.#applied = applied;
    this.#digest = digest;
  }
}

/** A state as snapshot data. */
export function snapshotData(state: MachineState): Uint8Array {
  const bytes = new Uint8Array(SNAPSHOT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, state.applied);
  view.setInt32(8, state.digest);
  return bytes;
}

/** The state that a snapshot's data holds, as of the snapshot's index. */
export function stateOf(snapshot: Snapshot): MachineState {
  const { data } = snapshot;
  if (data.length !== SNAPSHOT_BYTES) throw new Error('a snapshot of another size than any that was taken');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return { applied: snapshot.index, digest: view.getInt32(8) };
}
