// What the parent asks a server's process to do, and what it hears back.

import type { ReadConsistency } from '@waldb/runtime';

export type Task =
  | { readonly type: 'status' }
  /** One writer on a log of its own that blocks for each entry: what one durable commit takes here. */
  | { readonly type: 'commitAlone'; readonly ms: number }
  /** The same log with concurrent appenders. */
  | { readonly type: 'appendAlone'; readonly callers: number; readonly ms: number }
  | { readonly type: 'roundTrip'; readonly port: number; readonly ms: number }
  | { readonly type: 'propose'; readonly callers: number; readonly ms: number }
  /** The same, watched by the CPU profiler, which writes what it saw to `file`. */
  | { readonly type: 'profile'; readonly callers: number; readonly ms: number; readonly file: string }
  | {
      readonly type: 'read';
      readonly consistency: ReadConsistency;
      readonly callers: number;
      readonly ms: number;
    }
  | { readonly type: 'stop' };

/** What a server of the benchmark does besides. */
export interface ServerExtras {
  /** Every step is written to a file (docs/trace-format.md). */
  readonly isTraced?: boolean;
}

export interface Measured {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the log, where one was used. */
  readonly syncs: number;
  /** User and system time of this process. */
  readonly cpuSeconds: number;
}

export type Answer =
  | { readonly type: 'started' }
  | {
      readonly type: 'status';
      readonly isLeader: boolean;
      readonly echoPort: number;
      readonly cpu: { readonly user: number; readonly system: number };
    }
  | ({ readonly type: 'measured' } & Measured)
  | { readonly type: 'stopped'; readonly applied: number }
  | { readonly type: 'failed'; readonly why: string };
