// The public names of @waldb/snapshot, one by one.

export type { SnapshotStoreOptions } from './options.js';
export type { ExpectedImage, Reception } from './reception.js';
export { SnapshotError, type SnapshotErrorCode, type SnapshotErrorDetail } from './snapshot-error.js';
export {
  type OpenedSnapshotFile,
  openSnapshotFile,
  type SnapshotFileOptions,
  writeSnapshotFile,
} from './snapshot-file.js';
export type { RefusedSnapshot, SnapshotInfo, SnapshotPosition } from './snapshot-info.js';
export { SnapshotStore, type WriteOptions } from './snapshot-store.js';
export { SnapshotStream } from './snapshot-stream.js';
