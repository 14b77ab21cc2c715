// For users: their own state machine, replicated by real servers on simulated machines, under every fault that the
// simulator knows, and checked by everything that waldb itself is checked by.

import type { StateMachine } from '@waldb/runtime';
import { type CheckedRunResult, checkClusterSeed } from '../cluster-seeds/checked-run.js';
import { leftOut, type Reduction, reducedScenario, shrink } from '../cluster-seeds/shrink.js';
import { addCounts, type ClusterCounts, NO_COUNTS } from '../cluster-sim/cluster-coverage.js';
import { makeClusterScenario } from '../cluster-sim/cluster-scenario.js';
import { type Release, THIS_RELEASE } from '../cluster-sim/release.js';
import type { Workload, WorkloadCommand, WorkloadRead } from '../cluster-sim/workload.js';
import { anyModel, type SequentialModel } from '../linearizability/sequential-model.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import { ImagedMachine } from './imaged-machine.js';

export interface SimulateOptions<Machine extends StateMachine<unknown>, State, Input, Output> {
  /** A new machine in its first state, as each server begins with. */
  readonly stateMachine: () => Machine;
  /**
   * Later versions of the machine, oldest first. Where the seed says so, servers are upgraded from one to the next while the cluster
   * works, one after the other, sometimes only some of them, and now and then one goes back. So neighbouring versions must make the
   * same state of the same commands, and read each other's images. Default: none, and nothing is upgraded.
   */
  readonly laterMachines?: readonly (() => Machine)[];
  /**
   * A client's command, drawn from `random` and nothing else; `number` is another one for each command of a run. As bare
   * bytes, or with its words for the `model`.
   */
  readonly command: (random: SeededRandom, number: number) => Uint8Array | WorkloadCommand;
  /** A client's read, in the words of the model. Default: nobody reads. */
  readonly read?: (random: SeededRandom) => WorkloadRead;
  /** What a read of this machine gives. */
  readonly answer?: (machine: Machine, read: WorkloadRead) => unknown;
  /**
   * What an object of the machine is when nobody else uses it: with it, what clients saw must be linearizable. A function,
   * since each run takes a new one. Default: histories are not checked, everything else is.
   */
  readonly model?: () => SequentialModel<State, Input, Output>;
  /**
   * The state in words that are equal for equal states, and only for those. Default: the whole image is taken after every
   * batch, and two machines that stand at the same entry must give the same bytes.
   */
  readonly digest?: (machine: Machine) => string;
  /** How many runs. Default 20. */
  readonly seeds?: number;
  /** The first seed. Default 1. */
  readonly from?: number;
  /** Runs that may be spent on making a failing one smaller. Default 40. */
  readonly shrinkRuns?: number;
  /** Hears the story of the smallest failing run, line by line. */
  readonly log?: (line: string) => void;
}

/** What happened in runs in which every rule held. */
export interface SimulationReport {
  readonly seeds: number;
  /** How often everything happened: `describeCounts` makes a table of it. */
  readonly counts: ClusterCounts;
}

/** A rule was broken. The message says which, by which seed, and which faults it took. */
export class SimulationFailure extends Error {
  override readonly name: string = 'SimulationFailure';
  readonly seed: number;
  /** The name of the rule: docs/simulation.md lists them. */
  readonly rule: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    message: string,
    seed: number,
    violation: { readonly invariant: string; readonly facts: object },
  ) {
    super(message);
    this.seed = seed;
    this.rule = violation.invariant;
    this.facts = { ...violation.facts };
  }
}

const SEEDS = 20;
const SHRINK_RUNS = 40;

/**
 * Runs a state machine of your own through the simulator, one seed after another: three or five servers each, clients,
 * crashes, power losses, partitions, slow and full disks, snapshots, changes of the membership, within seconds.
 *
 * ```ts
 * await simulate({
 *   stateMachine: () => new Ledger(),
 *   command: (random) => encode({ account: random.below(5), amount: random.between(-9, 9) }),
 * });
 * ```
 *
 * The machine must do nothing but compute: no timers, no files, no sockets; whatever it waits for must be resolved by its
 * own process. Rejects with `SimulationFailure` for the first seed that breaks a rule.
 */
export async function simulate<Machine extends StateMachine<unknown>, State, Input, Output>(
  options: SimulateOptions<Machine, State, Input, Output>,
): Promise<SimulationReport> {
  const { from = 1, seeds = SEEDS } = options;
  let counts = NO_COUNTS;
  for (let seed = from; seed < from + seeds; seed++) {
    const result = await run(options, seed, {});
    if (result.violation !== undefined) throw await failure(options, result, result.violation);
    counts = addCounts(counts, result.counts);
  }
  return { seeds, counts };
}

function run<Machine extends StateMachine<unknown>, State, Input, Output>(
  options: SimulateOptions<Machine, State, Input, Output>,
  seed: number,
  reduction: Reduction,
  log?: (line: string) => void,
): Promise<CheckedRunResult> {
  const scenario = makeClusterScenario(seed);
  return checkClusterSeed(seed, {
    workload: workloadOf(options),
    releases: releasesOf(options),
    scenario: reducedScenario(scenario, reduction),
    without: leftOut(scenario, reduction),
    ...(options.model && { model: anyModel(options.model) }),
    ...(log && { log }),
  });
}

function workloadOf<Machine extends StateMachine<unknown>, State, Input, Output>(
  options: SimulateOptions<Machine, State, Input, Output>,
): Workload {
  const { stateMachine, laterMachines = [], command, read, answer, digest } = options;
  const versions = [stateMachine, ...laterMachines];
  return {
    makeMachine: (release) => new ImagedMachine((versions[release] ?? stateMachine)(), { answer, digest }),
    command: (random, number) => {
      const made = command(random, number);
      // Bytes alone say nothing of objects: they are all of one, and nobody looks at its history.
      return made instanceof Uint8Array ? { key: '', input: undefined, command: made } : made;
    },
    read,
  };
}

/** The servers are these in every release; what they replicate is not. */
function releasesOf<Machine extends StateMachine<unknown>, State, Input, Output>({
  laterMachines = [],
}: SimulateOptions<Machine, State, Input, Output>): Release[] {
  return laterMachines.map((_, nth) => ({ ...THIS_RELEASE, name: `version ${nth + 2} of the machine` }));
}

async function failure<Machine extends StateMachine<unknown>, State, Input, Output>(
  options: SimulateOptions<Machine, State, Input, Output>,
  { seed, scenario }: CheckedRunResult,
  violation: NonNullable<CheckedRunResult['violation']>,
): Promise<SimulationFailure> {
  const shrunk = await shrink({
    scenario,
    violation,
    run: (reduction) => run(options, seed, reduction),
    runsMax: options.shrinkRuns ?? SHRINK_RUNS,
  });
  if (options.log !== undefined) await run(options, seed, shrunk.reduction, options.log);
  const kept = scenario.schedule
    .filter(({ index }) => shrunk.reduction.only?.includes(index) ?? true)
    .sort((one, other) => one.at - other.at);
  const faults =
    kept.length === 0
      ? 'It takes no fault at all.'
      : `It takes ${kept.map(({ kind, at }) => `${kind} at ${at} ms`).join(', ')}.`;
  const message = `Seed ${seed} broke the rule ${shrunk.violation.message}\n${faults} Replay it with { from: ${seed}, seeds: 1 }.`;
  return new SimulationFailure(message, seed, shrunk.violation);
}
