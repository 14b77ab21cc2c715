// Runs the parts one after the other, each for its share of the time, and sums up what was done and what was wrong. Leaves
// nothing behind but the directory of a part that failed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@waldb/testkit';
import { makeFaultyDisk } from '../support/faulty-disk/faulty-disk.js';
import type { Counts, Part, PartContext, PartReport } from './part.js';

export interface TortureOptions {
  readonly parts: readonly Part[];
  readonly seconds: number;
  readonly seed: number;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** Where directories are made. Default: the machine's temporary directory. */
  readonly root?: string;
  /** Keeps every part's directory. Default: only of those that failed. */
  readonly isKept?: boolean;
  /** Disks lose what was synced: promises are broken, and the parts have to notice. */
  readonly isDiskLying?: boolean;
}

export interface PartResult {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** Why it did not run; present where it did not. */
  readonly whySkipped?: string;
  /** What of it was left out, and why. */
  readonly skipped: readonly string[];
  readonly complaints: readonly string[];
  readonly counts: Counts;
}

export async function runTorture(options: TortureOptions): Promise<readonly PartResult[]> {
  const { parts, seconds, seed, print, signal } = options;
  const directory = mkdtempSync(join(options.root ?? tmpdir(), `waldb-torture-${seed}-`));
  const disk = await makeFaultyDisk({ isLying: options.isDiskLying === true });
  const results: PartResult[] = [];
  try {
    for (const part of parts) {
      if (signal.aborted) break;
      // The same part does the same for the same seed, whichever others run.
      const partSeed = seedOf(seed, part.name);
      const place = join(directory, part.name);
      mkdirSync(place);
      print(`${part.name}: ${part.about}`);
      const isKept = options.isKept === true;
      const own = { seconds: seconds / parts.length, seed: partSeed, directory: place, isKept };
      const began = Date.now();
      const report = await toItsEnd(part, { ...own, print, disk, signal });
      const result = { name: part.name, seed: partSeed, seconds: Math.round((Date.now() - began) / 1000) };
      if (report.type === 'skipped')
        results.push({ ...result, whySkipped: report.why, skipped: [], complaints: [], counts: {} });
      else results.push({ ...result, ...report });
      settle(place, results.at(-1)?.complaints ?? [], options);
    }
  } finally {
    if (!('why' in disk)) disk.remove();
    if (options.isKept !== true && results.every(({ complaints }) => complaints.length === 0))
      rmSync(directory, { recursive: true, force: true });
  }
  return results;
}

/** A part that does not come to its end is wrong, and no reason not to run the others. */
async function toItsEnd(part: Part, context: PartContext): Promise<PartReport> {
  try {
    return await part.run(context);
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      type: 'done',
      complaints: [`The part did not come to its end: ${told}`],
      counts: {},
      skipped: [],
    };
  }
}

function settle(directory: string, complaints: readonly string[], { isKept, print }: TortureOptions): void {
  if (complaints.length > 0) {
    writeFileSync(join(directory, 'complaints.txt'), `${complaints.join('\n\n')}\n`);
    print(`kept: ${directory}`);
    print('a log in it:  npm run waldb -- wal verify <directory of the log>, and wal dump');
  } else if (isKept === true) print(`kept: ${directory}`);
  else rmSync(directory, { recursive: true, force: true });
}

function seedOf(seed: number, name: string): number {
  let mixed = seed;
  for (const letter of new TextEncoder().encode(name)) mixed = (Math.imul(mixed, 31) + letter) >>> 0;
  return new SeededRandom(mixed).below(1_000_000_000);
}
