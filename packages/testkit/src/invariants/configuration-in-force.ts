// Which configuration a log puts in force, and what a majority of it is. Written apart from core's membership and
// quorum code on purpose: the judge does not borrow the scales of the judged.

import {
  type Configuration,
  decodeConfiguration,
  type Index,
  type LogEntry,
  type NodeId,
  RaftError,
} from '@waldb/core';
import type { LogView } from '../sim/log-image.js';
import { InvariantViolation } from './invariant.js';

const decoded: WeakMap<LogEntry, Configuration> = new WeakMap();

/** The configuration in force when the log ends at `index` (§6: the newest one appended, committed or not). */
export function configurationAt(log: LogView, index: Index, initial: Configuration): Configuration {
  const entry = log.entry(log.configIndexBefore(index));
  const snapshot = log.snapshot;
  if (
    entry === undefined ||
    (snapshot !== undefined && snapshot.index > entry.index && snapshot.index <= index)
  ) {
    return snapshot?.configuration ?? initial;
  }
  return decodedConfiguration(entry);
}

export function decodedConfiguration(entry: LogEntry): Configuration {
  const known = decoded.get(entry);
  if (known !== undefined) return known;
  const configuration = readConfiguration(entry);
  decoded.set(entry, configuration);
  return configuration;
}

/** The codec refuses what could never be in force; such an entry must not be in any log. */
function readConfiguration(entry: LogEntry): Configuration {
  try {
    return decodeConfiguration(entry.command);
  } catch (cause) {
    if (!(cause instanceof RaftError)) throw cause;
    const why = `a log holds a configuration that could never be in force: ${cause.message}`;
    throw new InvariantViolation('membership-rules', why, { entry });
  }
}

export function isVoterOf(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** Whether those that `holds` include a majority of the voters, and of the outgoing voters while joint. */
export function isQuorum(configuration: Configuration, holds: (id: NodeId) => boolean): boolean {
  const { voters, votersOutgoing } = configuration;
  return isMajority(voters, holds) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, holds));
}

function isMajority(voters: readonly NodeId[], holds: (id: NodeId) => boolean): boolean {
  return voters.filter(holds).length * 2 > voters.length;
}

export function sameMembers(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}

/** Whether both name the same servers in the same parts; `autoLeave` only counts while joint. */
export function sameConfiguration(a: Configuration, b: Configuration): boolean {
  if (a === b) return true;
  return (
    sameMembers(a.voters, b.voters) &&
    sameMembers(a.learners, b.learners) &&
    sameMembers(a.votersOutgoing, b.votersOutgoing) &&
    sameMembers(a.learnersNext, b.learnersNext) &&
    (a.votersOutgoing.length === 0 || a.autoLeave === b.autoLeave)
  );
}
