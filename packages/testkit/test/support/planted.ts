// Records of steps that a test makes up, for planting violations that no real server commits.

import type { Action, Event, Message, NodeId, TraceRecord, TraceState } from '@waldb/core';
import type { ClientOperation, ServerLife } from '../../src/cluster-sim/cluster-observer.js';
import { THREE } from './fake-server.js';

export function lifeOf(id: NodeId, life = 1): ServerLife {
  return { id, life, startedAt: 0 };
}

const IDLE: TraceState = {
  role: 'follower',
  term: 1,
  votedFor: undefined,
  leader: undefined,
  commitIndex: 0,
  lastApplied: 0,
  lastIndex: 0,
  snapshotIndex: 0,
  stagedSeq: 0,
  durableSeq: 0,
  configuration: THREE,
};

interface Parts {
  readonly event?: Event;
  readonly before?: Partial<TraceState>;
  /** Of what is not said, nothing changes. */
  readonly after?: Partial<TraceState>;
  readonly actions?: readonly Action[];
  /** Sent in this step. */
  readonly sends?: readonly Message[];
}

export function stepRecord(id: NodeId, parts: Parts): TraceRecord {
  const before = { ...IDLE, ...parts.before };
  const sends = (parts.sends ?? []).map((message): Action => ({ type: 'send', to: message.to, message }));
  return {
    id,
    event: parts.event ?? { type: 'tick' },
    before,
    after: { ...before, ...parts.after },
    actions: [...(parts.actions ?? []), ...sends],
  };
}

export function operationOf(number: number, parts: Partial<ClientOperation> = {}): ClientOperation {
  return {
    number,
    process: 'a',
    server: lifeOf(1),
    type: 'propose',
    key: 'x',
    input: { type: 'add', amount: 1 },
    at: number,
    ...parts,
  };
}
