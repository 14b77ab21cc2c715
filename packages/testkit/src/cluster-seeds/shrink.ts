// Makes a failing run small enough to be understood: leaves out lines of its schedule, by halves and then one by one, and
// whatever else of the scenario it can do without, as long as the same rule is still broken. The schedule is drawn
// beforehand, each line with a seed of its own, so a run without some lines is the same run otherwise.
//
// What is left is a failing run in its own right; that nothing of it can be missed is only likely, since a line that is
// left out shifts what follows.

import type { ClusterScenario } from '../cluster-sim/cluster-scenario.js';
import type { InvariantViolation } from '../invariants/invariant.js';
import type { CheckedRunResult } from './checked-run.js';

/** How a run differs from the one that its seed describes. Plain data: it is printed, and kept with a regression. */
export interface Reduction {
  /** The lines of the schedule that are carried out, by index. Default: all. */
  readonly only?: readonly number[];
  /** Clients, where they are fewer. */
  readonly clients?: number;
  /** Faults end earlier, in simulated milliseconds. */
  readonly faultsMs?: number;
}

export interface ShrunkRun {
  readonly reduction: Reduction;
  /** Of the smallest run that was found. */
  readonly violation: InvariantViolation;
  /** Runs that it took. */
  readonly runs: number;
}

export interface ShrinkOptions {
  readonly scenario: ClusterScenario;
  /** What the whole run broke: the same rule must stay broken. */
  readonly violation: InvariantViolation;
  readonly run: (reduction: Reduction) => Promise<Pick<CheckedRunResult, 'violation'>>;
  /** Default 300. */
  readonly runsMax?: number;
  /** Returns true once the time is up. Default: never. */
  readonly isOver?: () => boolean;
}

const RUNS_MAX = 300;

export async function shrink(options: ShrinkOptions): Promise<ShrunkRun> {
  return await new Shrinking(options).shrink();
}

/** What a scenario becomes by a reduction. */
export function reducedScenario(scenario: ClusterScenario, reduction: Reduction): ClusterScenario {
  const { clients, faultsMs } = reduction;
  return {
    ...scenario,
    ...(clients !== undefined && { clients: { ...scenario.clients, count: clients } }),
    ...(faultsMs !== undefined && { faultsMs }),
  };
}

/** The lines that a reduction leaves out. */
export function leftOut({ schedule }: ClusterScenario, { only }: Reduction): ReadonlySet<number> {
  if (only === undefined) return new Set();
  const kept = new Set(only);
  return new Set(schedule.map(({ index }) => index).filter((index) => !kept.has(index)));
}

class Shrinking {
  readonly #options: ShrinkOptions;
  #best: Reduction;
  #violation: InvariantViolation;
  #runs = 0;

  constructor(options: ShrinkOptions) {
    this.#options = options;
    this.#best = { only: options.scenario.schedule.map(({ index }) => index) };
    this.#violation = options.violation;
  }

  async shrink(): Promise<ShrunkRun> {
    const { scenario } = this.#options;
    await this.#dropLines();
    for (const clients of [1, 2, 3]) {
      if (clients < scenario.clients.count && (await this.#try({ ...this.#best, clients }))) break;
    }
    await this.#endEarlier();
    // Fewer clients may make do with fewer faults.
    await this.#dropLines();
    return { reduction: this.#best, violation: this.#violation, runs: this.#runs };
  }

  /** Halves first, then quarters, down to single lines: each piece is left out for good where it is not needed. */
  async #dropLines(): Promise<void> {
    const lines = (): readonly number[] => this.#best.only ?? [];
    for (let size = lines().length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < lines().length && !this.#isOver; ) {
        const only = [...lines().slice(0, from), ...lines().slice(from + size)];
        if (!(await this.#try({ ...this.#best, only }))) from += size;
      }
    }
  }

  async #endEarlier(): Promise<void> {
    const { schedule, faultsMs } = this.#options.scenario;
    const kept = schedule.filter(({ index }) => this.#best.only?.includes(index));
    const last = Math.max(0, ...kept.map(({ at }) => at));
    for (const share of [0, 0.1, 0.3, 0.6]) {
      const earlier = Math.ceil(last + share * (faultsMs - last)) + 1;
      if (earlier < faultsMs && (await this.#try({ ...this.#best, faultsMs: earlier }))) return;
    }
  }

  get #isOver(): boolean {
    const { runsMax = RUNS_MAX, isOver } = this.#options;
    return this.#runs >= runsMax || isOver?.() === true;
  }

  async #try(reduction: Reduction): Promise<boolean> {
    if (this.#isOver) return false;
    this.#runs += 1;
    const { violation } = await this.#options.run(reduction);
    if (violation?.invariant !== this.#violation.invariant) return false;
    this.#best = reduction;
    this.#violation = violation;
    return true;
  }
}
