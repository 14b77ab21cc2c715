// Configurations as values: making, checking and asking them. Pure; what a change may be is `change.ts`.

import { RaftError } from '../raft-error.js';
import type { Configuration, NodeId } from '../types.js';

/** More servers than any quorum system wants; a bound on what a decoder builds. */
export const SERVERS_MAX = 1024;

/** A configuration that is not joint. Errors: `CONFIG_INVALID`. */
export function makeConfiguration(
  voters: Iterable<NodeId>,
  learners: Iterable<NodeId> = [],
  addresses: Readonly<Record<NodeId, string>> = {},
): Configuration {
  return checked({
    voters: sorted(voters),
    learners: sorted(learners),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses,
  });
}

/** Whether elections and commits need two majorities now. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Whether `id` votes in either half. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** Every server that receives the log, by rising id. */
export function members(configuration: Configuration): NodeId[] {
  return sorted([...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners]);
}

/** Returns the configuration if it is one that may ever be in force. Errors: `CONFIG_INVALID`. */
export function checked(configuration: Configuration): Configuration {
  const { voters, learners, votersOutgoing, learnersNext } = configuration;
  const all = members(configuration);
  if (all.length > SERVERS_MAX) throw invalid(`${all.length} servers are more than ${SERVERS_MAX}`);
  for (const id of [...all, ...Object.keys(configuration.addresses).map(Number)]) {
    if (!Number.isSafeInteger(id) || id < 1)
      throw invalid(`${id} is not a server id (a positive safe integer)`);
  }
  if (voters.length === 0) throw invalid('a configuration without voters could never decide anything again');
  const learnerVoter = learners.find((id) => isVoter(configuration, id));
  if (learnerVoter !== undefined) throw invalid(`server ${learnerVoter} cannot be voter and learner at once`);
  const stray = learnersNext.find((id) => !votersOutgoing.includes(id) || voters.includes(id));
  if (stray !== undefined) throw invalid(`server ${stray} is to become a learner but is no outgoing voter`);
  return configuration;
}

/** Rising and without duplicates. */
export function sorted(ids: Iterable<NodeId>): NodeId[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}

export function invalid(why: string): RaftError {
  return new RaftError('CONFIG_INVALID', why);
}
