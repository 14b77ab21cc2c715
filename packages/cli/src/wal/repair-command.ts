// `waldb wal repair`: makes a sound log of a damaged one that nobody uses. The damaged one is kept as it is.

import { chmodSync, chownSync, existsSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { NodeVfs, VfsError, type VfsLock } from '@waldb/io';
import { prepareRepair, type Repair, type RepairPlan } from '@waldb/wal';
import { EXIT, type ExitCode, ExitError, toExitError } from '../exit.js';
import { Output } from '../terminal/output.js';
import { paletteFor } from '../terminal/palette.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { describeDone, describePlan } from './describe-plan.js';
import { asTyped, findLogDirectory } from './log-directory.js';
import { finishInterruptedSwap, type RepairPaths, repairPaths, swapDirectories } from './swap-directories.js';

export interface RepairFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly keepLogId?: boolean;
  readonly json?: boolean;
}

interface Job {
  readonly paths: RepairPaths;
  readonly repair: Repair;
  readonly plan: RepairPlan;
  readonly keepLogId: boolean;
  readonly signal: AbortSignal;
}

/** 0: repaired, or nothing to repair. Everything else is an error, and nothing was changed. */
export async function runRepair(path: string, flags: RepairFlags): Promise<ExitCode> {
  if (flags.json === true && flags.yes !== true && flags.dryRun !== true)
    throw new ExitError(
      EXIT.refused,
      'Nothing was changed: --json asks nobody, so it needs --yes or --dry-run.',
      {
        code: 'NOT_CONFIRMED',
      },
    );
  const vfs = new NodeVfs();
  const output = new Report(flags);
  const finished = flags.dryRun === true ? undefined : finishInterruptedSwap(vfs, resolve(path));
  if (finished !== undefined) {
    await output.tell([
      `${path}: a repair that was interrupted is finished now. The damaged log is in ${asTyped(finished.aside)}.`,
    ]);
    return await output.end({ directory: finished.directory, outcome: 'finished', aside: finished.aside });
  }
  // The directory itself is renamed, not a link that leads to it.
  const directory = realpathSync(findLogDirectory(path));
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new ExitError(EXIT.refused, 'Interrupted; nothing was changed.'));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  const lock = takeLock(vfs, directory);
  try {
    return await repairLocked(vfs, directory, { flags, output, signal: abort.signal });
  } finally {
    lock.release();
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, interrupt);
  }
}

async function repairLocked(
  vfs: NodeVfs,
  directory: string,
  context: { readonly flags: RepairFlags; readonly output: Report; readonly signal: AbortSignal },
): Promise<ExitCode> {
  const { flags, output, signal } = context;
  const progress = new ProgressLine('reading');
  const repair = await prepareRepair(directory, { onProgress: progress.update, signal }).finally(() =>
    progress.clear(),
  );
  const { inspection, plan } = repair;
  if (inspection.problem !== undefined) throw new ExitError(EXIT.refused, inspection.problem.message);
  if (inspection.verdict !== 'damaged') {
    await output.tell([
      `${asTyped(directory)}: nothing to repair; every server that opens it mends the rest by itself.`,
    ]);
    return await output.end({ directory, outcome: 'sound' });
  }
  if (plan === undefined) {
    throw new ExitError(
      EXIT.refused,
      `${asTyped(directory)} holds nothing that says which log it was: neither its metadata nor any segment's header can be read.`,
    );
  }
  const paths = repairPaths(directory, stampOf(new Date()));
  const keepLogId = plan.losesNothing || flags.keepLogId === true;
  const facts = { directory, keepLogId, aside: paths.aside, damages: inspection.damages, plan };
  const shown = { directory: asTyped(directory), aside: asTyped(paths.aside) };
  const damaged = { ...inspection, directory: shown.directory };
  const choice = { keepLogId, aside: shown.aside };
  await output.tell(describePlan(damaged, plan, choice, paletteFor(process.stdout)));
  if (flags.dryRun === true) return await output.end({ outcome: 'planned', ...facts });
  if (flags.yes !== true) await confirm(signal);
  await carryOut(vfs, { paths, repair, plan, keepLogId, signal });
  await output.tell(describeDone(shown.directory, shown.aside, plan));
  return await output.end({ outcome: 'repaired', ...facts });
}

/** What is told on the way to people, and in the end to programs. */
class Report {
  readonly #output = new Output();
  readonly #isJson: boolean;

  constructor({ json }: RepairFlags) {
    this.#isJson = json === true;
  }

  async tell(lines: readonly string[]): Promise<void> {
    if (this.#isJson) return;
    await this.#output.lines(lines);
    await this.#output.flush();
  }

  async end(facts: { readonly outcome: string; readonly [fact: string]: unknown }): Promise<ExitCode> {
    if (this.#isJson) await this.#output.line(JSON.stringify(facts));
    await this.#output.flush();
    return EXIT.ok;
  }
}

async function carryOut(vfs: NodeVfs, { paths, repair, keepLogId, signal }: Job): Promise<void> {
  for (const taken of [paths.repaired, paths.aside]) {
    if (existsSync(taken))
      throw new ExitError(EXIT.refused, `${asTyped(taken)} is in the way; try again in a second.`);
  }
  try {
    await repair.rebuild(paths.repaired, { keepLogId });
    signal.throwIfAborted();
    adoptOwner(paths);
    // From here on nothing waits, so nothing interrupts.
    swapDirectories(vfs, paths);
  } catch (error) {
    // Ours alone, and nobody has seen it yet.
    if (existsSync(paths.directory)) rmSync(paths.repaired, { recursive: true, force: true });
    if (error instanceof ExitError) throw error;
    const { message } = toExitError(error);
    throw new ExitError(EXIT.refused, `The repair failed and nothing was changed: ${message}`, {
      cause: error,
    });
  }
}

/** Repaired by the superuser, it must still be its server's. */
function adoptOwner({ directory, repaired }: RepairPaths): void {
  const { uid, gid, mode } = statSync(directory);
  chmodSync(repaired, mode);
  if (uid === process.getuid?.() && gid === process.getgid?.()) return;
  for (const path of [repaired, ...readdirSync(repaired).map((name) => join(repaired, name))])
    chownSync(path, uid, gid);
}

async function confirm(signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new ExitError(
      EXIT.refused,
      'Nothing was changed: without a terminal to ask on, a repair needs --yes.',
      { code: 'NOT_CONFIRMED' },
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // A terminal in this mode turns Ctrl-C into an event of its own.
  terminal.on('SIGINT', () => process.emit('SIGINT'));
  try {
    const answer = await terminal.question('\nRepair it now? Type yes: ', { signal });
    if (answer.trim().toLowerCase() !== 'yes')
      throw new ExitError(EXIT.refused, 'Nothing was changed.', { code: 'NOT_CONFIRMED' });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    terminal.close();
  }
}

function takeLock(vfs: NodeVfs, directory: string): VfsLock {
  try {
    return vfs.lock(join(directory, 'LOCK'));
  } catch (error) {
    if (!(error instanceof VfsError) || error.code !== 'LOCKED') throw error;
    throw new ExitError(
      EXIT.refused,
      `${asTyped(directory)} is in use: stop its server first, then repair. (inspect, dump and verify work beside it.)`,
      { cause: error },
    );
  }
}

/** `20261122T204400Z` */
function stampOf(now: Date): string {
  return now.toISOString().replace(/[-:]|\.\d+/g, '');
}
