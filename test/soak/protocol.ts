// What the soak says to its servers: one JSON object in a line each way, over a socket of its own, so that a server that is
// killed answers nothing. An answer has its request's number.

import type { SessionData, SessionRequest } from '@waldb/runtime';

export type Request =
  | {
      readonly type: 'append';
      readonly key: string;
      readonly item: string;
      readonly session?: SessionRequest;
    }
  | { readonly type: 'openSession'; readonly ttlMs: number }
  /** `key`'s list, as the server may show it after a linearizable read. */
  | { readonly type: 'read'; readonly key: string }
  | { readonly type: 'status' }
  | { readonly type: 'applied'; readonly from: number; readonly count: number }
  | { readonly type: 'snapshot' }
  | { readonly type: 'addLearner'; readonly server: number; readonly address: string }
  | { readonly type: 'promoteLearner' | 'removeServer' | 'transferLeadership'; readonly server: number };

/** What `openSession` answers. */
export type OpenedSession = SessionData;

export interface Status {
  readonly role: string;
  readonly leader: number | undefined;
  readonly isReady: boolean;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly snapshotIndex: number;
  readonly applied: number;
  readonly voters: readonly number[];
  readonly learners: readonly number[];
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** False only where the server is sure that nothing was done, nor will be. */
  readonly mayHaveBeenApplied: boolean;
  readonly leader: number | undefined;
}

export type Answer =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly refusal: Refusal };

/** What a server tells of its life, one line each on its standard output. */
export type LifeEvent =
  | { readonly event: 'ready' }
  | { readonly event: 'role'; readonly role: string; readonly term: number }
  | { readonly event: 'restored'; readonly count: number }
  | { readonly event: 'trouble'; readonly code: string; readonly message: string }
  /** It did not start. */
  | { readonly event: 'refused'; readonly code: string; readonly message: string }
  | { readonly event: 'closed' };

/** How one server is started. */
export interface ServerPlan {
  readonly id: number;
  readonly directory: string;
  readonly listen: string;
  readonly clientPort: number;
  readonly bootstrap?: { readonly members: Readonly<Record<number, string>> };
  readonly join?: { readonly members: Readonly<Record<number, string>>; readonly cluster: string };
  /** Where each peer's address is really dialled: the port of the link to it. */
  readonly via: Readonly<Record<string, string>>;
  readonly snapshotThreshold: number;
  readonly requestTimeoutMs: number;
  readonly readPolicy: ReadPolicy;
  readonly machine: MachineKind;
  readonly ballastBytes: number;
  /** The file that its protocol trace is added to. */
  readonly protocolTrace?: string;
  /** PEM. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** What kind of servers a soak has. */
export interface Variant {
  readonly readPolicy: ReadPolicy;
  readonly machine: MachineKind;
  /** Between the servers. */
  readonly hasTls: boolean;
  /** Every snapshot has so many bytes more, which are checked when it is restored. */
  readonly ballastBytes: number;
}

export const PLAIN: Variant = {
  readPolicy: 'linearizable',
  machine: 'quick',
  hasTls: false,
  ballastBytes: 0,
};

/**
 * `quick` applies at once. `slow` takes its time, now and then a lot of it, and is given two entries at a time and a backlog of a few,
 * so that most of what is committed is read back from the log.
 */
export type MachineKind = 'quick' | 'slow';

/** How linearizable reads are confirmed: by asking the others, or by a lease, which rests on the rate of clocks. */
export type ReadPolicy = 'linearizable' | 'lease';

/** How often a server ticks, in milliseconds: slower than by default, since all of them share two cores. */
export const TICK_MS = 25;
/** Below the shortest election timeout, 16 ticks. */
export const LEASE_MS = 350;
