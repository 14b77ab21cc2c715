// One seed, one run of whole servers: real `RaftServer`s with everything below them, in one process, on simulated machines
// and a simulated network, thousands of times faster than real time. Nothing in a run depends on anything but its seed.

import type { ProtocolTraceSink } from '@waldb/runtime';
import { type InvariantViolation, unexpectedError } from '../invariants/invariant.js';
import { SimulatedNetwork } from '../machines/simulated-network.js';
import { Simulation } from '../machines/simulation.js';
import { ClusterClients } from './cluster-clients.js';
import {
  type ClientAction,
  type ClusterCounts,
  ClusterCoverage,
  type ClusterFault,
  LATER_ACTIONS,
  OPERATOR_ACTIONS,
  type OperatorAction,
  UPGRADE_ACTIONS,
} from './cluster-coverage.js';
import { ClusterFaults } from './cluster-faults.js';
import type { ClusterObserver } from './cluster-observer.js';
import { ClusterOperator } from './cluster-operator.js';
import { type ClusterScenario, makeClusterScenario, type ScheduledAction } from './cluster-scenario.js';
import type { ClusterWorld } from './cluster-world.js';
import { GuardedObserver } from './guarded-observer.js';
import { listsWorkload } from './lists.js';
import { loseMajority } from './lost-majority.js';
import { type Release, THIS_RELEASE } from './release.js';
import { type ClusterParts, settle } from './settlement.js';
import type { Workload } from './workload.js';

/** How often the operator looks whether somebody needs him. */
const LOOK_AFTER_MS = 500;

export interface ClusterRunOptions {
  readonly observer?: ClusterObserver;
  /** Replaces parts of what the seed describes. */
  readonly scenario?: Partial<ClusterScenario>;
  /** Lines of the schedule that are left out, by index. */
  readonly without?: ReadonlySet<number>;
  /**
   * What happens when the faults end. `majorityLost`: the disks of all servers but one are gone for good, and an operator
   * makes a new cluster of the survivor (docs/recovery.md). What the others alone held is lost, as it must be: an observer
   * that minds has to know.
   */
  readonly disaster?: 'majorityLost';
  /**
   * Later releases, oldest first, to which the operator upgrades the cluster where the schedule says so (docs/upgrades.md).
   * Default none: what the schedule says of upgrades is passed over.
   */
  readonly releases?: readonly Release[];
  /** Default: lists that clients append to. */
  readonly workload?: Workload;
  /** Takes the servers' protocol traces, in one causal order (docs/trace-format.md). */
  readonly protocolTrace?: ProtocolTraceSink;
  /** Hears the run's story, line by line. */
  readonly log?: (line: string) => void;
}

export interface ClusterRunResult {
  readonly seed: number;
  readonly scenario: ClusterScenario;
  readonly violation: InvariantViolation | undefined;
  readonly counts: ClusterCounts;
  /** Equal for two runs that went the same way. */
  readonly digest: number;
}

/** Runs one seed. Never rejects for what a server does wrong: that is the result's `violation`. */
export async function runClusterSeed(
  seed: number,
  options: ClusterRunOptions = {},
): Promise<ClusterRunResult> {
  const scenario = { ...makeClusterScenario(seed), ...options.scenario };
  const world = makeWorld(scenario, options);
  const { simulation, observer, coverage } = world;
  try {
    await run(world, options);
  } catch (thrown) {
    observer.broken(unexpectedError(thrown, 'outside of any request'));
  }
  // Whatever still waits in this process waits for ever: it holds nothing.
  for (const server of world.servers.values()) server.machine.end('kill');
  const { events, digest, now } = simulation;
  return {
    seed,
    scenario,
    violation: observer.violation,
    counts: coverage.counts({ events, simulatedMs: now }),
    digest,
  };
}

function makeWorld(scenario: ClusterScenario, options: ClusterRunOptions): ClusterWorld {
  const simulation = new Simulation(scenario.seed);
  const {
    log,
    observer = {},
    protocolTrace,
    releases = [],
    workload = listsWorkload(scenario.clients.commandBytesMax),
  } = options;
  return {
    scenario,
    simulation,
    network: new SimulatedNetwork(simulation, simulation.random.fork(), scenario.network),
    observer: new GuardedObserver(observer),
    coverage: new ClusterCoverage(),
    workload,
    servers: new Map(),
    releases: [THIS_RELEASE, ...releases],
    release: 0,
    isCalm: false,
    isReshaping: false,
    protocolTrace,
    log: log && ((line) => log(`${simulation.now.toFixed(2).padStart(9)} ${line}`)),
  };
}

async function run(world: ClusterWorld, { without, disaster }: ClusterRunOptions): Promise<void> {
  const { simulation, scenario, observer } = world;
  const parts: ClusterParts = {
    faults: new ClusterFaults(world),
    clients: new ClusterClients(world),
    operator: new ClusterOperator(world),
  };
  const founders = Array.from({ length: scenario.founders }, (_, i) => i + 1);
  observer.tell('began', { seed: scenario.seed, founders, scenario });
  parts.operator.found();
  parts.operator.grow(scenario.growsTo - scenario.founders);
  parts.clients.start();
  for (const action of scenario.schedule) {
    const isMeant = action.at < scenario.faultsMs && without?.has(action.index) !== true;
    if (isMeant) simulation.at(action.at, () => carryOut(action, parts));
  }
  let isOver = false;
  let failure: unknown;
  const end = async (): Promise<void> => {
    if (disaster === 'majorityLost') await loseMajority(world, parts);
    await settle(world, parts);
  };
  simulation.at(scenario.faultsMs, () => {
    end()
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        isOver = true;
      });
  });
  const lookAfter = (): void => {
    parts.operator.lookAfter();
    simulation.after(LOOK_AFTER_MS, lookAfter);
  };
  lookAfter();
  await simulation.run(() => isOver || observer.violation !== undefined);
  if (failure !== undefined) throw failure;
}

function carryOut(action: ScheduledAction, { faults, operator, clients }: ClusterParts): void {
  const { index, kind, seed } = action;
  if (kind === 'session walked') clients.walkSession(`walk.${index}`, seed);
  else if (isOperatorAction(kind)) operator.act(kind, seed);
  else faults.inject(action, kind);
}

const OF_OPERATOR: ReadonlySet<string> = new Set([...OPERATOR_ACTIONS, ...LATER_ACTIONS, ...UPGRADE_ACTIONS]);

function isOperatorAction(kind: ClusterFault | OperatorAction | ClientAction): kind is OperatorAction {
  return OF_OPERATOR.has(kind);
}
