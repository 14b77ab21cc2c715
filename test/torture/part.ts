// What torture is made of: parts that each drive real processes on real files for a while and judge them.

import type { FaultyDisk, Missing } from '../support/faulty-disk/faulty-disk.js';

export interface PartContext {
  readonly seconds: number;
  readonly seed: number;
  /** The part's own, and empty; kept where something was wrong. */
  readonly directory: string;
  /** Whether it is kept in any case. */
  readonly isKept: boolean;
  readonly print: (line: string) => void;
  readonly disk: FaultyDisk | Missing;
  /** Aborted when everything is to end early: every process ends, and nothing is left mounted. */
  readonly signal: AbortSignal;
}

/** How often each thing happened, by what it is. */
export type Counts = Record<string, number>;

export type PartReport =
  /** The machine lacks what the part needs. */
  | { readonly type: 'skipped'; readonly why: string }
  | {
      readonly type: 'done';
      /** One sentence each; none when every promise was kept. */
      readonly complaints: readonly string[];
      readonly counts: Counts;
      /** What of the part was left out, and why. */
      readonly skipped: readonly string[];
    };

export interface Part {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  readonly run: (context: PartContext) => Promise<PartReport>;
}

export function count(counts: Counts, what: string, times = 1): void {
  counts[what] = (counts[what] ?? 0) + times;
}

/** Without what is missing, as far as a part can do without it; and then it says so. */
export function presentDisk(disk: FaultyDisk | Missing): {
  readonly faulty: FaultyDisk | undefined;
  readonly skipped: readonly string[];
} {
  if (!('why' in disk)) return { faulty: disk, skipped: [] };
  return { faulty: undefined, skipped: [`disks that fail, losses of power: ${disk.why}`] };
}

/** Of a part that works on small disks: what the machine does not let it do with them. */
export function skippedOf(disks: { readonly whyNoPowerLoss: string | undefined }): readonly string[] {
  return disks.whyNoPowerLoss === undefined ? [] : [`losses of power: ${disks.whyNoPowerLoss}`];
}
