// Makes a cluster of one survivor when the majority is lost for good (docs/recovery.md has the argument). Runs on a
// stopped server's directory. What makes it safe to be interrupted anywhere, and to be run again:
//
//   1. identity   a new cluster id, and "begun": from here on neither the old cluster nor a start believes in it
//   2. peers      what was known of the old members' logs is put away
//   3. log        a marker and the configuration, in a new term; durable
//   4. identity   "done": it may start
//
// In another order, a crash could leave a log in which this server alone decides, under the old cluster's id: beside the
// old majority, should that return.

import { join as joinPath } from 'node:path';
import {
  type Configuration,
  encodeConfiguration,
  encodeEntry,
  type Index,
  type NodeId,
  type Term,
} from '@waldb/core';
import { type Clock, NodeVfs, publishFile, readFile, type Vfs } from '@waldb/io';
import { WalLog } from '@waldb/wal';
import { type Identity, readIdentity, writeIdentity } from '../directory/identity.js';
import type { Members } from '../options/options.js';
import { RuntimeError } from '../runtime-error.js';
import { configurationInLog } from './log-configuration.js';
import { markedAddress, requireServerAddress } from './server-address.js';

/** What a recovery finds, and what it is about to do. */
export interface RecoveryPlan {
  readonly id: NodeId;
  readonly directory: string;
  /** The cluster that is given up. */
  readonly cluster: string;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** The newest term that this server has seen. */
  readonly term: Term;
  /** As the log has it, committed or not, or as the server was founded; undefined where it never heard of one. */
  readonly before: Configuration | undefined;
  /** By id, with addresses. */
  readonly after: Members;
  /** An earlier recovery of this directory was interrupted: this one finishes it. */
  readonly isInterrupted: boolean;
}

export interface RecoveryReport extends RecoveryPlan {
  /** The cluster that this server is of from now on; new servers join that. */
  readonly newCluster: string;
  /** Where the new configuration stands in the log, in `newTerm`. */
  readonly index: Index;
  readonly newTerm: Term;
  /** Copies of the small files as they were. */
  readonly backups: readonly string[];
}

export interface RecoverMembershipOptions {
  /** Of a server that is stopped. */
  readonly directory: string;
  /** The only voters from now on, this server among them; the others have to be new. Default: this server alone. */
  readonly members?: Members;
  /** Asked before anything is changed; the log is locked meanwhile. */
  readonly confirm: (plan: RecoveryPlan) => boolean | Promise<boolean>;
  readonly vfs?: Vfs;
  readonly clock?: Clock;
}

const BACKUP_BYTES_MAX = 1024 * 1024;

/**
 * Resolves with undefined when `confirm` says no; nothing was changed then. Errors: `IDENTITY_MISSING`, `LOG_LOST`,
 * `OPTIONS_INVALID`, and `WalError`: `WAL_LOCKED` while the server runs.
 */
export async function recoverMembership(
  options: RecoverMembershipOptions,
): Promise<RecoveryReport | undefined> {
  const vfs = options.vfs ?? new NodeVfs();
  const { directory } = options;
  const identity = readIdentity(vfs, joinPath(directory, 'identity'));
  const logPath = joinPath(directory, 'log');
  if (identity === undefined) throw refused('IDENTITY_MISSING', `${directory} holds no server.`);
  if (!vfs.isDirectory(logPath) || vfs.list(logPath).length === 0)
    throw refused('LOG_LOST', `${logPath} is gone: there is nothing to recover here.`);
  const log = await WalLog.open(logPath, { vfs, ...(options.clock && { clock: options.clock }) });
  try {
    if (log.logId !== identity.logId)
      throw refused(
        'LOG_LOST',
        `${logPath} is not the log of server ${identity.id}: another survivor may be whole.`,
      );
    const plan = planOf(directory, identity, log, options.members);
    if (!(await options.confirm(plan))) return undefined;
    return carryOut(vfs, { plan, identity, log });
  } finally {
    await log.close();
  }
}

function planOf(
  directory: string,
  identity: Identity,
  log: WalLog,
  members: Members | undefined,
): RecoveryPlan {
  const { id, recovery } = identity;
  const after = members ?? { [id]: identity.address };
  if (after[id] === undefined) {
    throw refused(
      'OPTIONS_INVALID',
      `The members have to include server ${id}: it is the one that has the data.`,
    );
  }
  for (const [member, address] of Object.entries(after))
    requireServerAddress(address, `The address of member ${member}`);
  const isInterrupted = recovery?.state === 'begun';
  return {
    ...{ id, directory, after, isInterrupted },
    cluster: isInterrupted ? recovery.from : identity.clusterId,
    lastIndex: log.lastIndex(),
    lastTerm: log.lastTerm(),
    term: Math.max(log.hardState().term, log.lastTerm()),
    before: configurationInLog(log) ?? founded(identity),
  };
}

function carryOut(
  vfs: Vfs,
  { plan, identity, log }: { readonly plan: RecoveryPlan; readonly identity: Identity; readonly log: WalLog },
): RecoveryReport {
  const { directory, id, cluster, after } = plan;
  const identityPath = joinPath(directory, 'identity');
  const peersPath = joinPath(directory, 'peers');
  const backups = [identityPath, peersPath].flatMap((path) => backUp(vfs, path));
  const newCluster = Buffer.from(vfs.randomBytes(16)).toString('hex');
  const newTerm = plan.term + 1;
  const index = plan.lastIndex + 2;
  const recovery = { from: cluster, index, term: newTerm };
  const address = after[id] ?? identity.address;
  // The new cluster begins with this server, however it came to the old one: it is no learner that waits to be added.
  const begins = { origin: 'bootstrap', clusterId: newCluster, address, members: after } as const;
  const recovered: Identity = { ...identity, ...begins };
  writeIdentity(vfs, identityPath, { ...recovered, recovery: { ...recovery, state: 'begun' } });
  if (vfs.size(peersPath) !== undefined) {
    vfs.unlink(peersPath);
    vfs.syncDirectory(directory);
  }
  // The vote for itself: nobody else of the new cluster may ever lead the term in which these entries stand.
  log.setHardState({ term: newTerm, votedFor: id });
  const note = JSON.stringify({ recovery: { from: cluster, to: newCluster, lastIndex: plan.lastIndex } });
  log.append([
    encodeEntry({ index: index - 1, term: newTerm, kind: 'noop', command: new TextEncoder().encode(note) }),
    encodeEntry({
      index,
      term: newTerm,
      kind: 'config',
      command: encodeConfiguration(onlyVoters(after, id, index)),
    }),
  ]);
  log.sync();
  writeIdentity(vfs, identityPath, { ...recovered, recovery: { ...recovery, state: 'done' } });
  return { ...plan, newCluster, index, newTerm, backups };
}

function founded({ origin, members }: Identity): Configuration | undefined {
  if (origin === 'join') return undefined;
  const voters = Object.keys(members).map(Number);
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false, addresses: members };
}

/** The others are new: their marks say so. */
function onlyVoters(members: Members, ownId: NodeId, index: Index): Configuration {
  const voters = Object.keys(members)
    .map(Number)
    .sort((a, b) => a - b);
  const addresses: Record<NodeId, string> = {};
  for (const id of voters) {
    const address = members[id] ?? '';
    addresses[id] = id === ownId ? address : markedAddress(address, index);
  }
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false, addresses };
}

/** Copies a small file beside itself, under the first name that is free. */
function backUp(vfs: Vfs, path: string): string[] {
  if (vfs.size(path) === undefined) return [];
  for (let nth = 1; ; nth++) {
    const copy = `${path}.before-recovery-${nth}`;
    if (vfs.size(copy) !== undefined) continue;
    publishFile(vfs, copy, readFile(vfs, path, BACKUP_BYTES_MAX));
    return [copy];
  }
}

function refused(code: 'IDENTITY_MISSING' | 'LOG_LOST' | 'OPTIONS_INVALID', message: string): RuntimeError {
  return new RuntimeError(code, message);
}
