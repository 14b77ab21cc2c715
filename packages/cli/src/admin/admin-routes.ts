// What can be asked of a server over HTTP, and how its answers and errors read there (docs/operations.md, "Admin").

import {
  formatServerAddress,
  type RaftServer,
  RuntimeError,
  type RuntimeErrorCode,
  type ServerStatus,
} from '@waldb/runtime';
import type { AdminTrust } from './ask-admin.js';
import { BACKUP_PATH, takeBackup } from './backup.js';
import { membersView } from './members-view.js';

export interface AdminAnswer {
  readonly status: number;
  /** Written as JSON, unless it is text or a backup. */
  readonly body: unknown;
}

/** What of a server is asked here; whatever its state machine answers. */
export type Administered = Pick<
  RaftServer<unknown>,
  | 'status'
  | 'addressOf'
  | 'addServer'
  | 'addLearner'
  | 'promoteLearner'
  | 'removeServer'
  | 'transferLeadership'
  | 'changeAddress'
  | 'demoteVoter'
  | 'read'
  | 'snapshot'
  | 'backup'
>;

/** What `GET /status` answers: the server, and the process that it is in. */
export interface StatusAnswer extends ServerStatus {
  readonly version: string;
  /** Of the process. */
  readonly uptimeMs: number;
}

export interface AdminContext {
  readonly raft: Administered;
  /** Of the program. */
  readonly version: string;
  /** How the admin ports of the others are asked. */
  readonly trust: () => AdminTrust | undefined;
  /** The page for Prometheus. */
  readonly metrics: () => Promise<string>;
}

export const TAKE_SNAPSHOT_PATH = '/snapshot/take';

type Fields = Readonly<Record<string, unknown>>;
type Change = (raft: Administered, fields: Fields) => Promise<void>;

const CHANGES: Readonly<Record<string, Change>> = {
  '/members/add': (raft, fields) => {
    const id = idIn(fields);
    const address = addressIn(fields) ?? knownAddress(raft, id);
    if (address === undefined) {
      throw invalid(
        `Server ${id} is not known here: start it first (waldb serve --join), or say its address.`,
      );
    }
    return fields.voter === true
      ? raft.addServer(id, address, { immediately: true })
      : raft.addLearner(id, address);
  },
  '/members/remove': (raft, fields) => raft.removeServer(idIn(fields)),
  '/members/promote': (raft, fields) => raft.promoteLearner(idIn(fields)),
  '/members/demote': (raft, fields) => raft.demoteVoter(idIn(fields)),
  '/members/transfer': (raft, fields) => raft.transferLeadership(idIn(fields)),
  '/members/address': (raft, fields) => {
    const address = addressIn(fields);
    if (address === undefined) throw invalid('`address` is missing.');
    return raft.changeAddress(idIn(fields), address);
  },
};

/** The methods that a path takes; none where there is no such path. */
export function methodsOf(path: string): readonly string[] {
  if (Object.hasOwn(CHANGES, path) || path === BACKUP_PATH || path === TAKE_SNAPSHOT_PATH) return ['POST'];
  return ['/health', '/status', '/members', '/metrics'].includes(path) ? ['GET', 'HEAD'] : [];
}

export async function answerGet(
  path: string,
  { raft, metrics, version }: AdminContext,
): Promise<AdminAnswer> {
  switch (path) {
    case '/health':
      return health(raft);
    case '/members':
      return { status: 200, body: membersView(raft.status()) };
    case '/metrics':
      return { status: 200, body: await metrics() };
    default:
      return {
        status: 200,
        body: { ...raft.status(), version, uptimeMs: Math.floor(process.uptime() * 1000) },
      };
  }
}

export async function answerPost(path: string, fields: Fields, { raft }: AdminContext): Promise<AdminAnswer> {
  const change = CHANGES[path];
  try {
    if (path === BACKUP_PATH) return { status: 200, body: await takeBackup(raft, fields) };
    if (path === TAKE_SNAPSHOT_PATH) return { status: 200, body: { ok: true, index: await raft.snapshot() } };
    if (change === undefined) return notFound(path);
    // Inside, so that what a change throws at once is answered like what it rejects with.
    await change(raft, fields);
    return { status: 200, body: { ok: true, members: membersView(raft.status()) } };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return refusal(error);
  }
}

export function failure(status: number, code: string, message: string, detail: object = {}): AdminAnswer {
  return { status, body: { error: { code, message, detail } } };
}

export function notFound(path: string): AdminAnswer {
  return failure(404, 'NOT_FOUND', `There is nothing at ${path}.`);
}

/** 200 where this server takes part in a cluster that has a leader; else 503, and why. */
function health(raft: Administered): AdminAnswer {
  const { failure: stopped, membership, leader, isDiskFull, role, term, id } = raft.status();
  const facts = { id, role, term, leader };
  const reason =
    stopped !== undefined
      ? stopped.message
      : membership === 'removed'
        ? 'This server was removed from the cluster.'
        : membership === 'joining'
          ? 'This server waits to be added to the cluster.'
          : leader === undefined
            ? 'No leader is known.'
            : isDiskFull
              ? 'The disk is full.'
              : undefined;
  if (reason === undefined) return { status: 200, body: { ok: true, ...facts } };
  return { status: 503, body: { ok: false, reason, ...facts } };
}

const STATUS: Partial<Record<RuntimeErrorCode, number>> = {
  OPTIONS_INVALID: 400,
  CONFIG_INVALID: 400,
  NOT_CAUGHT_UP: 409,
  CONFIG_IN_PROGRESS: 409,
  TRANSFER_IN_PROGRESS: 409,
  TRANSFER_FAILED: 409,
  NOT_LEADER: 421,
  TIMEOUT: 504,
};

function refusal(error: RuntimeError): AdminAnswer {
  const { code, message, detail, mayHaveBeenApplied } = error;
  return failure(STATUS[code] ?? 503, code, message, { ...detail, mayHaveBeenApplied });
}

function idIn({ id }: Fields): number {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1)
    throw invalid('`id` has to be a whole number from 1.');
  return id;
}

function addressIn({ address }: Fields): string | undefined {
  if (address === undefined || typeof address === 'string') return address;
  throw invalid(
    '`address` has to be a string: peerHost:port, clientHost:port and adminHost:port with commas between.',
  );
}

/** A server that waits to be added has said where it is. */
function knownAddress(raft: Administered, id: number): string | undefined {
  const address = raft.addressOf(id);
  return address && formatServerAddress(address);
}

function invalid(message: string): RuntimeError {
  return new RuntimeError('OPTIONS_INVALID', message);
}
