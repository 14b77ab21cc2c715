// Who this server is, for good: written once, before the server first speaks, and believed over every option after
// that. A server that forgot who it was, or whose log was replaced under it, might vote twice in one term.

import { createHash } from 'node:crypto';
import type { Index, NodeId, Term } from '@waldb/core';
import { formatEndpoint, type Vfs } from '@waldb/io';
import { requireServerAddress } from '../membership/server-address.js';
import { damaged, readSealedText, writeSealedText } from './sealed-text.js';

export interface Identity {
  readonly clusterId: string;
  readonly id: NodeId;
  /** The log that belongs to this server: its votes and entries are in there. */
  readonly logId: string;
  readonly origin: 'bootstrap' | 'join';
  /** Where this server said it can be reached when it was founded. */
  readonly address: string;
  /** The voters that it knew then; what the log says later wins. */
  readonly members: Readonly<Record<NodeId, string>>;
  /** Present where this server was made the beginning of a new cluster, after the majority of the old one was lost. */
  readonly recovery?: RecoveryRecord;
  /** Present where this server was made from a backup. */
  readonly restored?: RestoreRecord;
}

export interface RecoveryRecord {
  /** The cluster that was given up. */
  readonly from: string;
  /** Where the new configuration stands in the log. */
  readonly index: Index;
  readonly term: Term;
  /** `begun`: it was interrupted, and has to be run again before the server may start. */
  readonly state: 'begun' | 'done';
}

export interface RestoreRecord {
  /** Of the backup's image, and where that stood in the log of the old cluster. */
  readonly checksum: string;
  readonly index: Index;
  readonly term: Term;
  /** What the cluster's id would be by its members: a `bootstrap` with these is taken for a wish for this cluster. */
  readonly founded: string;
  /** `begun`: it was interrupted, and what it made is worth nothing. */
  readonly state: 'begun' | 'done';
}

const HEADING = 'waldb identity 1';
const CLUSTER_ID_LENGTH = 32;

/** All servers that are founded with the same token and members belong to one cluster, and no others. */
export function foundedClusterId(token: string, members: Readonly<Record<NodeId, string>>): string {
  const hash = createHash('sha256').update(`${token.length}:${token}`);
  const ids = Object.keys(members)
    .map(Number)
    .sort((a, b) => a - b);
  for (const id of ids) {
    const { peer } = requireServerAddress(members[id] ?? '', `The address of member ${id}`);
    hash.update(`\n${id}=${formatEndpoint(peer)}`);
  }
  return hash.digest('hex').slice(0, CLUSTER_ID_LENGTH);
}

/** Undefined when there is none. Errors: `IDENTITY_DAMAGED`, `DIRECTORY_NEWER`, or the file system's. */
export function readIdentity(vfs: Vfs, path: string): Identity | undefined {
  const value = readSealedText(vfs, path, HEADING);
  if (value === undefined) return undefined;
  if (!isIdentity(value)) throw damaged(path, 'a field is missing or of another type');
  return value;
}

/** Returns once the identity is on stable storage. */
export function writeIdentity(vfs: Vfs, path: string, identity: Identity): void {
  writeSealedText(vfs, path, HEADING, identity);
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false;
  const { clusterId, id, logId, origin, address, members, recovery, restored } = value as Record<
    string,
    unknown
  >; // any object has string keys
  return (
    typeof clusterId === 'string' &&
    typeof id === 'number' &&
    Number.isSafeInteger(id) &&
    typeof logId === 'string' &&
    (origin === 'bootstrap' || origin === 'join') &&
    typeof address === 'string' &&
    typeof members === 'object' &&
    members !== null &&
    Object.values(members).every((member) => typeof member === 'string') &&
    (recovery === undefined || isRecovery(recovery)) &&
    (restored === undefined || isRestore(restored))
  );
}

function isRecovery(value: unknown): value is RecoveryRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { from, index, term, state } = value as Record<string, unknown>; // any object has string keys
  return (
    typeof from === 'string' &&
    typeof index === 'number' &&
    typeof term === 'number' &&
    (state === 'begun' || state === 'done')
  );
}

function isRestore(value: unknown): value is RestoreRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { checksum, index, term, founded, state } = value as Record<string, unknown>; // any object has string keys
  return (
    typeof checksum === 'string' &&
    typeof index === 'number' &&
    typeof term === 'number' &&
    typeof founded === 'string' &&
    (state === 'begun' || state === 'done')
  );
}
