// What a writer begins with: the log as it was opened, and how it is to go on.

import type { Clock, Vfs, VfsFile } from '@waldb/io';
import type { Metadata } from '../format/metadata.js';
import type { DurableFacts } from './durable-state.js';
import type { LiveSegment } from './live-segment.js';

export interface WriterStart {
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly metadata: Metadata;
  readonly metadataFile: VfsFile;
  /** Oldest first; empty for a log that is being created. The last one is the tail. */
  readonly segments: LiveSegment[];
  /** What a crash would leave, apart from the entries. */
  readonly state: DurableFacts;
  /** The highest frame seq that what is on disk proves to be durable. */
  readonly provenSeq: number;
  /** Names of the snapshot files in the directory. */
  readonly snapshotFiles: readonly string[];
  /** How many segments are to be ready for use, and the numbers of those that lie in the directory. */
  readonly spareSegments: number;
  readonly spareNumbers: readonly number[];
}
