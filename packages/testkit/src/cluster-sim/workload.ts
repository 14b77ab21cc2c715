// What a simulated cluster replicates, and what its clients do with it. The simulator brings one (lists.ts); users bring
// their own state machine.

import type { StateMachine } from '@waldb/runtime';
import type { SeededRandom } from '../sim/seeded-random.js';

/** A state machine whose state can be compared with another's. */
export interface ComparableMachine<Result = unknown> extends StateMachine<Result> {
  /** Equal for equal states, and only for those; undefined where the state cannot be looked at just now. */
  digest(): string | undefined;
  /** What a read gives now; only asked where the workload has reads. */
  answer?(read: WorkloadRead): unknown;
}

export interface WorkloadCommand {
  /** The object that it is about. */
  readonly key: string;
  /** What it does, in the words of a sequential model. */
  readonly input: unknown;
  readonly command: Uint8Array;
}

export interface WorkloadRead {
  readonly key: string;
  readonly input: unknown;
}

export interface Workload {
  /** An empty one, as each server starts with; `release` is the place of the server's release among those of the run, 0 for the first. */
  makeMachine(release: number): ComparableMachine;
  /** `number` is another one for each command of a run. */
  command(random: SeededRandom, number: number): WorkloadCommand;
  /** Undefined for a workload without reads. */
  readonly read?: ((random: SeededRandom) => WorkloadRead) | undefined;
}
