// One thing that a disk is told to do wrong, as faults.c reads it, and how such things are drawn.

import type { SeededRandom } from '@waldb/testkit';

export type DiskOperation = 'open' | 'read' | 'write' | 'fdatasync' | 'fsync' | 'rename' | 'unlink' | 'mkdir';

/**
 * - `EIO`, `ENOSPC`: the call fails and does nothing. A sync that fails gives up what it was for.
 * - `short`: a write takes half of the bytes, and says so.
 * - `torn`: a write takes half of the bytes and fails.
 * - `slow`: done, after `ms`.
 * - `kill`, `killAfter`: the process is killed in the middle of the call, or right after it.
 */
export type FaultKind = 'EIO' | 'ENOSPC' | 'short' | 'torn' | 'slow' | 'kill' | 'killAfter';

export interface DiskFault {
  readonly operation: DiskOperation;
  /** The first such call of the process that is hit, from 1, and how many are. */
  readonly first: number;
  readonly count: number;
  readonly kind: FaultKind;
  readonly ms?: number;
}

export function formatFaults(faults: readonly DiskFault[]): string {
  return faults
    .map(({ operation, first, count, kind, ms = 0 }) => `${operation}:${first}:${count}:${kind}:${ms}`)
    .join(';');
}

/** Which calls can go wrong in which way, and of how many writes one is such a call. */
const CHOICES: readonly {
  readonly operation: DiskOperation;
  readonly kinds: readonly FaultKind[];
  readonly oneIn: number;
}[] = [
  // A log writes most and syncs little: its writes are syncs as well.
  { operation: 'write', kinds: ['EIO', 'ENOSPC', 'short', 'torn', 'kill', 'killAfter'], oneIn: 1 },
  { operation: 'write', kinds: ['EIO', 'torn', 'kill', 'killAfter', 'ENOSPC'], oneIn: 10 },
  { operation: 'fdatasync', kinds: ['EIO', 'kill', 'killAfter'], oneIn: 20 },
  { operation: 'fsync', kinds: ['EIO', 'kill', 'killAfter'], oneIn: 20 },
  { operation: 'rename', kinds: ['EIO', 'ENOSPC', 'kill', 'killAfter'], oneIn: 40 },
  { operation: 'unlink', kinds: ['EIO', 'kill', 'killAfter'], oneIn: 40 },
  { operation: 'open', kinds: ['EIO', 'ENOSPC', 'kill'], oneIn: 10 },
  { operation: 'read', kinds: ['EIO'], oneIn: 10 },
  { operation: 'mkdir', kinds: ['EIO', 'ENOSPC', 'kill', 'killAfter'], oneIn: 400 },
];

/** One fault, early enough that a life of `writesMax` writes or so meets it: small numbers are as likely as large ones. */
export function drawFault(random: SeededRandom, writesMax: number): DiskFault {
  const { operation, kinds, oneIn } = random.pick(CHOICES);
  const kind = random.pick(kinds);
  const first = drawNumber(random, writesMax / oneIn);
  // A disk that is full stays so for a while; a failure comes once.
  const count = kind === 'ENOSPC' ? random.between(1, 20) : kind === 'short' ? random.between(1, 5) : 1;
  return { operation, first, count, kind };
}

/** The process ends within a call that changes something. */
export function drawKill(random: SeededRandom, writesMax: number): DiskFault {
  const changing = CHOICES.filter(({ kinds }) => kinds.includes('killAfter'));
  const { operation, oneIn } = random.pick(changing);
  const kind = random.pick(['kill', 'killAfter'] as const);
  return { operation, first: drawNumber(random, writesMax / oneIn), count: 1, kind };
}

function drawNumber(random: SeededRandom, max: number): number {
  return Math.ceil(Math.max(max, 2) ** random.real(0, 1));
}
