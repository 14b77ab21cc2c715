// The library of this folder, compiled and put into processes: their disk fails as it is told to, and keeps a journal of
// what a loss of power would take. A machine that cannot do that gives the reason in words.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SeededRandom } from '@waldb/testkit';
import { makePowerImage, type PowerImage } from '../../../packages/wal/test/support/process/power-image.js';
import { type DiskFault, formatFaults } from './disk-fault.js';

export interface FaultyDisk {
  /**
   * What a process gets to know: `directory` is the disk, `beside` an existing directory on the same file system for what the
   * library writes itself.
   */
  environment(options: {
    readonly directory: string;
    readonly beside: string;
    readonly faults: readonly DiskFault[];
    /** Whether there is to be a journal, for `losePower`. */
    readonly isWatched: boolean;
  }): Record<string, string>;
  remove(): void;
}

/** Says why, where there can be none. */
export type Missing = { readonly why: string };

const SOURCES = ['calls.c', 'faults.c', 'journal.c'];

/** One that lies has nothing on it, whatever was synced: for seeing that a broken promise is noticed. */
export async function makeFaultyDisk(
  options: { readonly isLying?: boolean } = {},
): Promise<FaultyDisk | Missing> {
  if (process.platform !== 'linux') return { why: 'preloading a library needs Linux' };
  const directory = mkdtempSync(join(tmpdir(), 'waldb-faulty-disk-'));
  const library = join(directory, 'faulty-disk.so');
  const sources = SOURCES.map((name) => join(import.meta.dirname, name));
  const why = (await whyNotCompiled(sources, library)) ?? (await whyNotPreloaded(library, directory));
  if (why !== undefined) {
    rmSync(directory, { recursive: true });
    return { why };
  }
  return {
    environment: ({ directory: root, beside, faults, isWatched }) => ({
      LD_PRELOAD: library,
      WALDB_DISK_ROOT: root,
      WALDB_DISK_TOLD: join(beside, TOLD),
      WALDB_DISK_FAULTS: formatFaults(faults),
      ...(options.isLying === true ? { WALDB_DISK_LIES: '1' } : {}),
      ...(isWatched ? { WALDB_DISK_JOURNAL: join(beside, JOURNAL) } : {}),
    }),
    remove: () => rmSync(directory, { recursive: true }),
  };
}

const JOURNAL = 'journal';
const TOLD = 'faults';

async function whyNotCompiled(sources: readonly string[], library: string): Promise<string | undefined> {
  try {
    await promisify(execFile)('gcc', ['-shared', '-fPIC', '-O2', '-o', library, ...sources, '-ldl']);
    return undefined;
  } catch (error) {
    // Reading properties of whatever was thrown.
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === 'ENOENT') return 'there is no gcc';
    const told = stderr.split('\n').find((line) => line.includes('error')) ?? stderr.split('\n')[0];
    return `gcc cannot compile a library here (${told?.trim()})`;
  }
}

/** A Node that is linked as one file, or of another C library, takes none; and then nothing would ever fail. */
async function whyNotPreloaded(library: string, directory: string): Promise<string | undefined> {
  const root = join(directory, 'probe');
  mkdirSync(root);
  const env = {
    ...process.env,
    LD_PRELOAD: library,
    WALDB_DISK_ROOT: root,
    WALDB_DISK_TOLD: join(directory, TOLD),
    WALDB_DISK_FAULTS: formatFaults([{ operation: 'mkdir', first: 1, count: 1, kind: 'EIO' }]),
  };
  const args = ['-e', 'require("node:fs").mkdirSync(process.argv[1])', join(root, 'a')];
  const isFailed = await promisify(execFile)(process.execPath, args, { env }).then(
    () => false,
    () => true,
  );
  return isFailed && readFaultsTold(directory)['mkdir EIO'] === 1
    ? undefined
    : 'this Node takes no preloaded library (LD_PRELOAD)';
}

/** The faults that took place since they were last taken: how often, by `<operation> <what>`. */
export function readFaultsTold(beside: string): Record<string, number> {
  const path = join(beside, TOLD);
  if (!existsSync(path)) return {};
  const counts: Record<string, number> = {};
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue;
    const kind = line.split(' ').slice(0, 2).join(' ');
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** The same, and none of them is there when this is asked again. Nobody is adding to them. */
export function takeFaultsTold(beside: string): Record<string, number> {
  const counts = readFaultsTold(beside);
  rmSync(join(beside, TOLD), { force: true });
  return counts;
}

/**
 * The power goes: `directory` becomes what was durable and a part of the rest. Its process has ended. Everything in it is
 * durable from then on, as far as anybody can tell.
 */
export function losePower(
  places: { readonly directory: string; readonly beside: string },
  random: SeededRandom,
): PowerImage {
  const { directory, beside } = places;
  const journal = join(beside, JOURNAL);
  if (!existsSync(journal)) return { atRisk: 0, lost: 0 };
  const target = join(beside, 'image');
  const image = makePowerImage({ directory, journal, target }, random);
  rmSync(directory, { recursive: true });
  renameSync(target, directory);
  forgetJournal(beside);
  return image;
}

/** The system has brought everything to the disk by itself, as it does sooner or later. */
export function forgetJournal(beside: string): void {
  for (const name of readdirSync(beside))
    if (name === JOURNAL || name.startsWith('removed-')) rmSync(join(beside, name));
}
