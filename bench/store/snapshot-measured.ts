// What the measuring process of the store tells its parent.

export interface Stalls {
  /** Between two turns of the event loop. */
  readonly longestMs: number;
  /** CPU time of all threads of the process between two turns: without what the disk and other processes add. */
  readonly longestCpuMs: number;
  readonly p999Ms: number;
  readonly turns: number;
}

export interface SnapshotMeasured {
  /** Heap for each key with its value. */
  readonly keyBytes: number;
  readonly mapKeyBytes: number;
  /** Writers alone. */
  readonly calm: Stalls[];
  /** The same writers while a snapshot is taken and written. */
  readonly snapshots: (Stalls & { readonly tookMs: number })[];
  readonly mapCopyMs: number[];
}
