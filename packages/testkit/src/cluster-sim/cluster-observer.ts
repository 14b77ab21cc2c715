// What a run of whole servers shows to whoever checks it: everything that leaves a server or can be read from outside,
// and everything that was done to it. Implemented by the rules in ../cluster-checks; called by the simulator alone.
//
// Who calls what, when:
//
//   began                once, before anything else
//   serverStarting       before `RaftServer.start`; `restored` may follow at once, for the snapshot that the log names
//   serverStarted        the start has resolved; no step of that life comes before it
//   stepped              right after each step of the protocol, from `raft.trace`
//   applied, restored,
//   snapshotTaken        right after the state machine's own method has done its work
//   diskLost             between two lives: what the server had on its disk is gone for good
//   serverEnded          once for each life that was starting or started, whatever ended it; nothing of that life comes after
//   clientBegan, clientEnded   around each operation of a client; each that began ends at most once, and those that
//                        are still open at `finished` have no known outcome
//   faultInjected        when the fault takes effect
//   faultsEnded          from here on nothing more is injected, and the cluster has a bounded time to serve
//   finished             once, at the end of a run that nothing else has ended
//
// All calls come one after another, from one thread, in simulated time. A rule that is broken throws an
// `InvariantViolation`, from any method: the simulator keeps the first, ends the run, and makes it the run's result. The
// server does not hear of it. An observer must not change anything it is shown, nor keep `Uint8Array`s of entries beyond
// the call (the log owns them), nor ask a server for anything that makes it act.

import type { Index, LogEntry, NodeId, TraceRecord } from '@waldb/core';
import type { ApplyContext, RaftServer, ReadConsistency, RuntimeError, SessionRequest } from '@waldb/runtime';

/** One life of one server: from a start of the process to its end. */
export interface ServerLife {
  /** The server's id in the cluster. A replaced server's successor has another one. */
  readonly id: NodeId;
  /** Counts the starts of this server, from 1. */
  readonly life: number;
  /** Milliseconds of simulated time at which it was started. */
  readonly startedAt: number;
}

/** How a life began: what its directory held, and with which wish it was started. */
export type StartKind = 'bootstrap' | 'join' | 'restart';

/**
 * - `closed`: `close` was called and resolved.
 * - `refused`: `RaftServer.start` rejected.
 * - `failed`: it ran, and stopped by itself (its `error` event), or its `close` rejected.
 * - `killed`: the process ended between two instructions; what was written is still there.
 * - `powerLoss`: the machine lost its power; what was not synced is there in any part, or not.
 */
export type LifeEnding =
  | { readonly type: 'closed' }
  | { readonly type: 'refused'; readonly error: Error }
  | { readonly type: 'failed'; readonly error: Error }
  | { readonly type: 'killed' }
  | { readonly type: 'powerLoss' };

/** Something that was done to the cluster, as the schedule has it. */
export interface InjectedFault {
  /** Its place in the run's schedule, from 0: what a shrunk run leaves out. */
  readonly index: number;
  /** The name of the kind, as in the run's counts. */
  readonly kind: string;
  /** The servers it was done to, as far as it was done to servers. */
  readonly servers: readonly NodeId[];
  readonly at: number;
}

/** What a client asks of a server. */
export interface ClientOperation {
  /** From 1, in the order in which they began. */
  readonly number: number;
  /** The client. One does one thing at a time. */
  readonly process: string;
  readonly server: ServerLife;
  readonly type: 'propose' | 'read';
  /** The object that is meant: a history is linearizable key by key. */
  readonly key: string;
  /** In the words of the workload's sequential model. */
  readonly input: unknown;
  /** Of a read. */
  readonly consistency?: ReadConsistency;
  /** Of a proposal that is part of a session. A retry has the same session and sequence, and the same input. */
  readonly session?: SessionRequest;
  /** Simulated milliseconds. */
  readonly at: number;
}

/**
 * - `done`: it took effect, and this is its answer.
 * - `refused`: it had no effect and never will (`mayHaveBeenApplied` was false).
 * - `unknown`: it may have an effect, now or later. `error` is undefined where the server was gone before it answered.
 */
export type ClientOutcome =
  | { readonly type: 'done'; readonly output: unknown; readonly at: number }
  | { readonly type: 'refused'; readonly error: RuntimeError; readonly at: number }
  | { readonly type: 'unknown'; readonly error: RuntimeError | undefined; readonly at: number };

/** A server at the end of a run. */
export interface FinalServer {
  readonly life: ServerLife;
  readonly server: RaftServer<unknown>;
  /** The state of its machine at `server.appliedIndex`. */
  readonly digest: string | undefined;
}

export interface RunFacts {
  readonly seed: number;
  readonly founders: readonly NodeId[];
  /** For a report: what the seed has drawn, as plain data. */
  readonly scenario: unknown;
}

/** Every method may be left out. */
export interface ClusterObserver {
  began?(run: RunFacts): void;
  serverStarting?(life: ServerLife, kind: StartKind): void;
  serverStarted?(life: ServerLife, server: RaftServer<unknown>): void;
  stepped?(life: ServerLife, record: TraceRecord): void;
  /** `results` are the machine's, one for each entry. `digest` gives the machine's state after the last of them, if it can be looked at. */
  applied?(
    life: ServerLife,
    entries: readonly LogEntry[],
    results: readonly unknown[],
    after: { readonly digest: () => string | undefined; readonly context: ApplyContext },
  ): void;
  /** The machine now holds the state at `index`, which an image had; 0 when that image held nothing. */
  restored?(life: ServerLife, index: Index, digest: () => string | undefined): void;
  /** An image of the state at `index` begins to be read. */
  snapshotTaken?(life: ServerLife, index: Index, digest: () => string | undefined): void;
  /** What the server survived and told (`trouble`). */
  troubled?(life: ServerLife, error: RuntimeError): void;
  /**
   * The server's disk is gone, and its next life begins on an empty one, under the same id. It keeps no promise of the old
   * one, and must not be held to any; but those promises were made, and whoever counted them went on.
   */
  diskLost?(id: NodeId): void;
  serverEnded?(life: ServerLife, ending: LifeEnding, at: number): void;
  clientBegan?(operation: ClientOperation): void;
  clientEnded?(operation: ClientOperation, outcome: ClientOutcome): void;
  faultInjected?(fault: InjectedFault): void;
  faultsEnded?(at: number): void;
  finished?(servers: readonly FinalServer[], at: number): void;
}
