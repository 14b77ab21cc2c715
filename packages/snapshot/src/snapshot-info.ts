// What the store says about snapshots. Plain, immutable values.

import type { Configuration, Index, Term } from '@waldb/core';
import type { SnapshotError } from './snapshot-error.js';

/** Where in the log an image stands (§7). */
export interface SnapshotPosition {
  /** The last entry that the image covers. */
  readonly index: Index;
  readonly term: Term;
  /** The configuration in force at `index`. */
  readonly configuration: Configuration;
}

/** One snapshot in the store. */
export interface SnapshotInfo extends SnapshotPosition {
  /** Bytes of the image. */
  readonly bytes: number;
  /** How many chunks they take on disk. */
  readonly chunks: number;
  /**
   * SHA-256 over position and image, in 64 hex digits: the same for the same snapshot on every server, however
   * it is cut into chunks. What a sender tells a receiver, and `write` compares.
   */
  readonly checksum: string;
}

/** A file with a snapshot's name that cannot be used. */
export interface RefusedSnapshot {
  /** Name of the file, relative to the store's directory. */
  readonly file: string;
  /** As the name says. */
  readonly index: Index;
  readonly term: Term;
  readonly error: SnapshotError;
}
