// The public names of @waldb/testkit, one by one.

export type { ClusterCheck } from './cluster-checks/cluster-check.js';
export {
  type ClusterChecks,
  type ClusterChecksOptions,
  makeClusterChecks,
} from './cluster-checks/cluster-checks.js';
export { together } from './cluster-checks/together.js';
export {
  type CheckedRunOptions,
  type CheckedRunResult,
  checkClusterSeed,
} from './cluster-seeds/checked-run.js';
export {
  type ClusterBatchOptions,
  type ClusterBatchReport,
  checkClusterSeeds,
  strayViolation,
} from './cluster-seeds/cluster-batch.js';
export {
  type ClusterFailure,
  describeClusterFailure,
  replayCommand,
} from './cluster-seeds/failure-report.js';
export {
  leftOut,
  type Reduction,
  reducedScenario,
  type ShrinkOptions,
  type ShrunkRun,
  shrink,
} from './cluster-seeds/shrink.js';
export {
  addCounts,
  CLUSTER_EVENTS,
  type ClusterCounts,
  type ClusterEvent,
  describeCounts,
  NO_COUNTS,
  UPGRADES,
} from './cluster-sim/cluster-coverage.js';
export type {
  ClientOperation,
  ClientOutcome,
  ClusterObserver,
  FinalServer,
  InjectedFault,
  LifeEnding,
  RunFacts,
  ServerLife,
  StartKind,
} from './cluster-sim/cluster-observer.js';
export { type ClusterRunOptions, type ClusterRunResult, runClusterSeed } from './cluster-sim/cluster-run.js';
export {
  CLUSTER_GENERATOR_VERSION,
  type ClientPlan,
  type ClusterScenario,
  makeClusterScenario,
  type ScheduledAction,
  type ServerTuning,
} from './cluster-sim/cluster-scenario.js';
export {
  type DirectoryImage,
  type Proof,
  type ProvenFrame,
  provenFrames,
} from './cluster-sim/proven-frames.js';
export type { Release } from './cluster-sim/release.js';
export type {
  ComparableMachine,
  Workload,
  WorkloadCommand,
  WorkloadRead,
} from './cluster-sim/workload.js';
export { randomCall, randomEntry, type ScriptOptions } from './contract/log-script.js';
export { describeModel, type LogCall, ModelLog, statesAfter } from './contract/model-log.js';
export {
  applyCall,
  describeLog,
  type LogSubject,
  raftLogContract,
  type TestHarness,
} from './contract/raft-log-contract.js';
export { PowerLoss } from './fault-vfs/disk-vfs.js';
export {
  type Ending,
  type Fault,
  type FaultPlan,
  FaultVfs,
  type FaultVfsOptions,
  type Operation,
} from './fault-vfs/fault-vfs.js';
export type { OperationType } from './fault-vfs/simulated-disk.js';
export { SECTOR_BYTES, type Survival } from './fault-vfs/simulated-file.js';
export { type EntryRecord, History } from './invariants/history.js';
export {
  type Invariant,
  InvariantViolation,
  type ServerView,
  type StateBefore,
  type StepView,
} from './invariants/invariant.js';
export { InvariantSuite, type SuiteOptions } from './invariants/suite.js';
export { type CheckOptions, type CheckResult, checkHistory } from './linearizability/check-history.js';
export type { Counterexample } from './linearizability/counterexample.js';
export { type AppliedLists, checkExactlyOnce } from './linearizability/exactly-once.js';
export {
  HistoryError,
  type HistoryEvent,
  HistoryWriter,
  readHistory,
  readOperations,
} from './linearizability/history-event.js';
export {
  type AppendListInput,
  type AppendListOutput,
  appendListModel,
} from './linearizability/models/append-list.js';
export { type CounterInput, counterModel } from './linearizability/models/counter.js';
export {
  type RegisterInput,
  type RegisterOutput,
  type RegisterValue,
  registerModel,
} from './linearizability/models/register.js';
export type { Operation as HistoryOperation } from './linearizability/operation.js';
export {
  type AnyModel,
  anyModel,
  type SequentialModel,
  type Step,
} from './linearizability/sequential-model.js';
export type { FlowRule } from './links/flow.js';
export { type LinkRule, Links } from './links/links.js';
export {
  type BatchReport,
  describeFailure,
  runBatch,
  type SeedFailure,
  type SeedRange,
} from './sim/batch.js';
export { Coverage, SITUATIONS, type Situation } from './sim/coverage.js';
export { LogImage, LogMisuse, type LogOperation, type LogView } from './sim/log-image.js';
export { makeTracedNode } from './sim/protocol-trace.js';
export { makeRaftNode } from './sim/raft-node-factory.js';
export { GENERATOR_VERSION, makeScenario, type Scenario } from './sim/scenario.js';
export { SeededRandom } from './sim/seeded-random.js';
export { SimulatedCrash, SimulatedDiskFailure, SimulatedLog } from './sim/simulated-log.js';
export { type RunOptions, type RunResult, runSeed } from './sim/simulator.js';
export type { NodeFactory, ProtocolNode } from './sim/world.js';
export {
  type SimulateOptions,
  SimulationFailure,
  type SimulationReport,
  simulate,
} from './simulate/simulate.js';
export { mergeTraces, type TimedLine } from './trace-validation/merging.js';
export type { SpecRule } from './trace-validation/outcome.js';
export { readTrace } from './trace-validation/read-trace.js';
export {
  type LineEvent,
  type LineMessage,
  readTraceLine,
  TraceFormatError,
} from './trace-validation/trace-line.js';
export { TraceValidator, TraceViolation } from './trace-validation/validator.js';
