// Which configuration follows which (§6; thesis §4). Pure: whether the leader may change it now is decided elsewhere.
//
// One voter at a time, or by way of a joint configuration. Two voters added in one plain entry could form a majority
// of the new set that is disjoint from a majority of the old one, and two leaders in one term.

import type { Configuration, NodeId } from '../types.js';
import { checked, invalid, isJoint, isVoter, sorted } from './configuration.js';

export type MembershipChange =
  | { readonly type: 'addServer'; readonly id: NodeId; readonly address?: string }
  | { readonly type: 'addLearner'; readonly id: NodeId; readonly address?: string }
  | { readonly type: 'removeServer'; readonly id: NodeId }
  | { readonly type: 'promoteLearner'; readonly id: NodeId }
  | {
      readonly type: 'changeMembership';
      readonly voters: readonly NodeId[];
      readonly learners?: readonly NodeId[];
      readonly addresses?: Readonly<Record<NodeId, string>>;
      readonly autoLeave?: boolean;
    }
  | { readonly type: 'leaveJoint' };

/** The configuration that `change` makes of `present`. Errors: `CONFIG_INVALID`. */
export function nextConfiguration(present: Configuration, change: MembershipChange): Configuration {
  switch (change.type) {
    case 'addServer':
      return addServer(present, change.id, change.address);
    case 'addLearner':
      return addLearner(present, change.id, change.address);
    case 'removeServer':
      return removeServer(present, change.id);
    case 'promoteLearner':
      if (!present.learners.includes(change.id)) throw invalid(`server ${change.id} is not a learner`);
      return addServer(present, change.id, undefined);
    case 'changeMembership':
      return enterJoint(present, change);
    case 'leaveJoint':
      return leaveJoint(present);
  }
}

function addServer(present: Configuration, id: NodeId, address: string | undefined): Configuration {
  if (present.voters.includes(id)) throw invalid(`server ${id} is a voter already`);
  return checked({
    ...present,
    voters: sorted([...present.voters, id]),
    learners: present.learners.filter((learner) => learner !== id),
    addresses: withAddress(present, id, address),
  });
}

function addLearner(present: Configuration, id: NodeId, address: string | undefined): Configuration {
  if (present.learners.includes(id)) throw invalid(`server ${id} is a learner already`);
  return checked({
    ...present,
    voters: present.voters.filter((voter) => voter !== id),
    learners: sorted([...present.learners, id]),
    addresses: withAddress(present, id, address),
  });
}

function removeServer(present: Configuration, id: NodeId): Configuration {
  if (!isVoter(present, id) && !present.learners.includes(id))
    throw invalid(`server ${id} is not in the cluster`);
  return checked(
    pruned({
      ...present,
      voters: present.voters.filter((voter) => voter !== id),
      learners: present.learners.filter((learner) => learner !== id),
    }),
  );
}

/** C(old,new): both voter sets decide. A change of learners alone needs no second majority and is taken at once. */
function enterJoint(
  present: Configuration,
  change: Extract<MembershipChange, { type: 'changeMembership' }>,
): Configuration {
  const voters = sorted(change.voters);
  const wanted = sorted(change.learners ?? []);
  const addresses = { ...present.addresses, ...change.addresses };
  const both = voters.find((id) => wanted.includes(id));
  if (both !== undefined) throw invalid(`server ${both} cannot be voter and learner at once`);
  if (sameIds(voters, present.voters)) {
    return checked(pruned({ ...present, learners: wanted, addresses }));
  }
  return checked({
    voters,
    learners: wanted.filter((id) => !present.voters.includes(id)),
    votersOutgoing: present.voters,
    learnersNext: wanted.filter((id) => present.voters.includes(id)),
    autoLeave: change.autoLeave ?? true,
    addresses,
  });
}

function leaveJoint(present: Configuration): Configuration {
  if (!isJoint(present)) throw invalid('the configuration is not joint');
  return checked(
    pruned({
      ...present,
      learners: sorted([...present.learners, ...present.learnersNext]),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    }),
  );
}

/** Without the addresses of servers that are no longer in it. */
function pruned(configuration: Configuration): Configuration {
  const addresses: Record<NodeId, string> = {};
  for (const [key, address] of Object.entries(configuration.addresses)) {
    const id = Number(key);
    if (isVoter(configuration, id) || configuration.learners.includes(id)) addresses[id] = address;
  }
  return { ...configuration, addresses };
}

function withAddress(
  present: Configuration,
  id: NodeId,
  address: string | undefined,
): Record<NodeId, string> {
  return address === undefined ? { ...present.addresses } : { ...present.addresses, [id]: address };
}

function sameIds(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
