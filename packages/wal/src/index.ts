// The public names of @waldb/wal, one by one.

export { type InspectOptions, inspectLog } from './inspection/inspect-log.js';
export type {
  Damage,
  DamageType,
  EntriesReport,
  Inspection,
  InspectionProblem,
  InspectionProblemCode,
  InspectionProgress,
  LostEntries,
  MetadataSlotReport,
  Note,
  SegmentReport,
  SnapshotReport,
  TailReport,
  Verdict,
} from './inspection/inspection.js';
export type { RepairPlan } from './inspection/plan-repair.js';
export {
  type LenientItem,
  type LenientReadOptions,
  readLogLeniently,
} from './inspection/read-leniently.js';
export { prepareRepair, type RebuildChoice, type Repair } from './inspection/rebuild-log.js';
export {
  type ColdReadMessage,
  type Distribution,
  type FailureMessage,
  type SyncMessage,
  WAL_CHANNELS,
  type WalMetrics,
} from './metrics.js';
export { DEFAULT_ENTRY_BYTES_MAX, type FlushMode, type WalOptions } from './options.js';
export type { RecoveryReport } from './recovery/recover.js';
export { type RecoveryPolicy, Wal, type WalOpenOptions } from './wal.js';
export type { Lsn, WalRecord, WalRecords } from './wal-cursor.js';
export { WalError, type WalErrorCode, type WalErrorDetail } from './wal-error.js';
export { WalLog } from './wal-log.js';
