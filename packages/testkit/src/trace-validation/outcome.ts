// What an action of the specification makes of a state: the states that may follow, or why it is not enabled.

import type { ServerState } from './server-state.js';

/** The rules a trace can break, by stable names. */
export type SpecRule =
  | 'format'
  | 'state'
  | 'init'
  | 'restart'
  | 'campaign'
  | 'election-quorum'
  | 'election-safety'
  | 'term'
  | 'append-only-leader'
  | 'entry-identity'
  | 'membership-change'
  | 'configuration'
  | 'commit-quorum'
  | 'commit-own-term'
  | 'commit-bound'
  | 'applied'
  | 'message-known'
  | 'append-committed'
  | 'two-leaders'
  | 'sender-state'
  | 'sender-log'
  | 'acknowledged'
  | 'vote-durable'
  | 'state-machine-safety'
  | 'leader-completeness'
  | 'durability';

/** The action is not enabled: the rule, what the specification allows, and what the trace says. */
export interface Refusal {
  readonly rule: SpecRule;
  readonly allowed: string;
  readonly said: string;
}

export type Outcome = readonly ServerState[] | Refusal;

export function isRefusal(outcome: Outcome): outcome is Refusal {
  return 'rule' in outcome;
}
