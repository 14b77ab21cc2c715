// Which options can never be right: found before anything is opened, each named. What can be right elsewhere (an address
// in use, a directory of another server) is found by trying.

import { RaftError, RaftNode } from '@waldb/core';
import { DEFAULT_LIMITS } from '@waldb/transport';
import { WalError } from '@waldb/wal';
import { requireServerAddress } from '../membership/server-address.js';
import { RuntimeError } from '../runtime-error.js';
import { DEFAULT_RUNTIME_LIMITS } from './limits.js';
import { commandBytesMax, type Members, type RaftServerOptions } from './options.js';
import { protocolOptions } from './protocol-options.js';

/** Errors: `OPTIONS_INVALID`, with the option's name and value in `detail`. */
export function checkOptions<Result>(options: RaftServerOptions<Result>): void {
  const { id, directory } = options;
  if (!Number.isSafeInteger(id) || id < 1) throw invalid('id', id, 'a whole number from 1');
  if (typeof directory !== 'string' || directory === '') throw invalid('directory', directory, 'a path');
  for (const method of ['apply', 'snapshot', 'restore'] as const) {
    if (typeof options.stateMachine?.[method] !== 'function')
      throw invalid(`stateMachine.${method}`, options.stateMachine?.[method], 'a method');
  }
  checkFounding(options);
  for (const [name, min] of Object.entries(TIMES)) checkTime(name, options[name as keyof typeof TIMES], min);
  for (const name of COUNTS) checkCount(name, options[name], 0);
  const { blocksForQuickDisk } = options;
  if (typeof (blocksForQuickDisk ?? true) !== 'boolean')
    throw invalid('blocksForQuickDisk', blocksForQuickDisk, 'true or false');
  checkLimits('limits', options.limits, DEFAULT_RUNTIME_LIMITS);
  checkLimits('transportLimits', options.transportLimits, DEFAULT_LIMITS);
  checkProtocol(options);
}

/** Options in milliseconds, each with its least value. */
const TIMES = { tickMs: 1, requestTimeoutMs: 0, closeTimeoutMs: 0, timeResolutionMs: 0 } as const;
const COUNTS = [
  'snapshotThreshold',
  'snapshotThresholdBytes',
  'snapshotKeepEntries',
  'snapshotKeepBytes',
  'seed',
] as const;

/** How long one call waits. Errors: `OPTIONS_INVALID`. */
export function checkTimeout(timeoutMs: number): number {
  if (!(timeoutMs >= 0)) throw invalid('timeoutMs', timeoutMs, 'a number of milliseconds from 0');
  return timeoutMs;
}

/** A refusal of an option by the part that it is for, as one of the server's; anything else as it is. */
export function asOptionError(error: unknown): unknown {
  const isOfLog = error instanceof WalError && error.code === 'WAL_INVALID' && 'option' in error.detail;
  if (!isOfLog) return error;
  const { option } = error.detail;
  const detail = { ...error.detail, option: `log.${String(option)}` };
  return new RuntimeError('OPTIONS_INVALID', error.message, { detail, cause: error });
}

function checkFounding<Result>({ id, bootstrap, join }: RaftServerOptions<Result>): void {
  if (bootstrap !== undefined && join !== undefined) {
    throw new RuntimeError(
      'OPTIONS_INVALID',
      'A server either bootstraps a cluster or joins one, not both.',
      { detail: { option: 'join' } },
    );
  }
  if (bootstrap !== undefined) checkMembers('bootstrap.members', bootstrap.members);
  if (bootstrap !== undefined && bootstrap.members[id] === undefined) {
    throw new RuntimeError(
      'OPTIONS_INVALID',
      `The members to bootstrap (${Object.keys(bootstrap.members).join(', ')}) do not include this server, ${id}.`,
      { detail: { option: 'bootstrap.members', id } },
    );
  }
  if (join !== undefined) checkMembers('join.members', join.members);
  if (join !== undefined && join.members[id] !== undefined) {
    throw new RuntimeError(
      'OPTIONS_INVALID',
      `Server ${id} cannot join through itself: name the other members.`,
      {
        detail: { option: 'join.members', id },
      },
    );
  }
}

function checkMembers(option: string, members: Members): void {
  const entries = Object.entries(members);
  if (entries.length === 0)
    throw new RuntimeError('OPTIONS_INVALID', `${option} is empty.`, { detail: { option } });
  for (const [key, address] of entries) {
    const id = Number(key);
    if (!Number.isSafeInteger(id) || id < 1)
      throw invalid(`an id in ${option}`, key, 'a whole number from 1');
    requireServerAddress(address, `The address of member ${key}`);
  }
}

/** Every name must be one of the defaults': a limit that is misspelt bounds nothing. */
function checkLimits(option: string, limits: object | undefined, known: object): void {
  for (const [name, value] of Object.entries(limits ?? {})) {
    if (!Object.hasOwn(known, name)) {
      throw invalid(`${option}.${name}`, value, `left out: the limits are ${Object.keys(known).join(', ')}`);
    }
    checkCount(`${option}.${name}`, value, 1);
  }
}

function checkCount(option: string, value: unknown, min: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= min)) return;
  throw invalid(option, value, `a whole number from ${min}`);
}

function checkTime(option: string, value: unknown, min: number): void {
  if (value === undefined || (typeof value === 'number' && value >= min)) return;
  throw invalid(option, value, `a number of milliseconds, at least ${min}`);
}

/** The protocol knows its own options best: a node that is thrown away says what it thinks of them. */
function checkProtocol<Result>(options: RaftServerOptions<Result>): void {
  const { id, raft } = options;
  try {
    new RaftNode({ ...protocolOptions(options), id, peers: [] });
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    const name = String(error.detail.option);
    const option = raft !== undefined && Object.hasOwn(raft, name) ? `raft.${name}` : name;
    throw new RuntimeError('OPTIONS_INVALID', `${error.message}.`, {
      detail: { ...error.detail, leader: undefined, option },
      cause: error,
    });
  }
  if (commandBytesMax(options) < 1) {
    throw new RuntimeError(
      'OPTIONS_INVALID',
      'log.entryBytesMax and transportLimits.frameBytesMax leave no room for a command.',
      { detail: { option: 'log.entryBytesMax' } },
    );
  }
}

function invalid(option: string, value: unknown, wanted: string): RuntimeError {
  return new RuntimeError('OPTIONS_INVALID', `${option} is ${String(value)}, but must be ${wanted}.`, {
    detail: { option, value },
  });
}
