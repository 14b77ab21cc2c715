// What the load generator is asked to do, and what it answers.

export type Protocol = 'resp' | 'etcd';

export interface LoadTask {
  readonly protocol: Protocol;
  readonly port: number;
  readonly operation: 'set' | 'get';
  readonly valueBytes: number;
  /** Each has one request under way at a time. */
  readonly clients: number;
  /** How many clients speak over each connection; without it each has its own. */
  readonly clientsPerConnection?: number;
  readonly ms: number;
  /** Each key once, however long that takes, instead of `ms`. */
  readonly eachKeyOnce?: boolean;
  /** Requests per second by a schedule, whatever the answers do; without it each client goes on when it is answered. */
  readonly perSecond?: number;
}

export interface LoadReport {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of the generator. */
  readonly cpuSeconds: number;
}

export type LoadAnswer = LoadReport | { readonly failed: string };

/** Keys that are written and read, so many different ones. */
export const KEYS = 10_000;

export function keyOf(nth: number): string {
  return `key:${String(nth % KEYS).padStart(8, '0')}`;
}
