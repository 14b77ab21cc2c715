// What the errors mean that a server ends with, or refuses to start with: whether an operator has to replace it, or to
// start a newer release, whether it may be started again, or whether nothing that was done to it explains them.

import type { RuntimeError } from '@waldb/runtime';
import { isRuntimeError } from './release.js';

/** Codes that say: what is on this disk cannot be believed. Errors of the log and of snapshots are told by their codes alone. */
const DAMAGE: ReadonlySet<string> = new Set([
  'WAL_CORRUPT',
  'SNAPSHOT_DAMAGED',
  'SNAPSHOT_MISSING',
  'SNAPSHOT_UNREADABLE',
  'SNAPSHOT_CORRUPT',
  'IDENTITY_DAMAGED',
  'IDENTITY_MISSING',
  'LOG_LOST',
]);

/** Codes that say: somebody wrote this disk who knows more. */
const NEWER: ReadonlySet<string> = new Set(['WAL_VERSION', 'DIRECTORY_NEWER']);

/** Codes that say: the disk did not do what was asked of it. */
const DISK_TROUBLE: ReadonlySet<string> = new Set([
  'STORAGE',
  'DIRECTORY_UNUSABLE',
  'WAL_FULL',
  'WAL_IO',
  'WAL_POISONED',
  'SNAPSHOT_IO',
  'SNAPSHOT_FULL',
  'STATE_MACHINE',
]);

export type EndingSense = 'newer' | 'damage' | 'diskTrouble' | 'unexplained';

export function senseOf(error: unknown): EndingSense {
  const codes = codesOf(error);
  if (codes.some((code) => NEWER.has(code))) return 'newer';
  if (codes.some((code) => DAMAGE.has(code))) return 'damage';
  const [outermost] = codes;
  return outermost !== undefined && DISK_TROUBLE.has(outermost) ? 'diskTrouble' : 'unexplained';
}

/** The codes of an error and of its causes, outermost first. */
export function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
  }
  return codes;
}

/** Whether the request certainly had no effect. */
export function isRefusal(error: unknown): error is RuntimeError {
  return isRuntimeError(error) && !error.mayHaveBeenApplied;
}
