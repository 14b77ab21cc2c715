// A log's life on the simulated disk, and what must be true of it after a crash: what was acknowledged is there, and
// what is there is what some prefix of the calls made.

import {
  applyCall,
  describeLog,
  describeModel,
  type Ending,
  type Fault,
  FaultVfs,
  ModelLog,
  type Operation,
  PowerLoss,
  randomCall,
  SeededRandom,
  statesAfter,
} from '@waldb/testkit';
import { WalError, WalLog, type WalOptions } from '@waldb/wal';
import { ManualClock } from './manual-clock.js';

export const DIRECTORY = '/data/log';

export interface WorkloadOptions {
  readonly seed: number;
  readonly steps: number;
  readonly wal?: WalOptions;
  readonly hasDurableWrites?: boolean;
}

/** Every state that the calls so far have led through, and how many of them are known to be durable. */
export interface History {
  readonly states: ModelLog[];
  acknowledged: number;
}

export const SMALL: WalOptions = { segmentBytes: 8 * 1024, frameBytesMax: 700, cacheBytes: 1000 };

export function newDisk(options: WorkloadOptions): FaultVfs {
  const vfs = new FaultVfs({ seed: options.seed, hasDurableWrites: options.hasDurableWrites ?? true });
  vfs.mkdir('/data');
  vfs.syncDirectory('/data');
  vfs.syncDirectory('/');
  vfs.operations.length = 0;
  return vfs;
}

/** Uses a log until the steps are done or the disk fails. The same options do the same, operation by operation. */
export async function runWorkload(vfs: FaultVfs, options: WorkloadOptions): Promise<History> {
  const history: History = { states: [new ModelLog()], acknowledged: 0 };
  const life: Life = {
    vfs,
    clock: new ManualClock(),
    options,
    history,
    random: new SeededRandom(options.seed),
  };
  try {
    let log = await openIn(life);
    for (let step = 0; step < options.steps; step++) log = await takeStep(log, life);
    await log.close();
    history.acknowledged = history.states.length - 1;
  } catch (error) {
    if (!isInjected(error)) throw error;
  }
  return history;
}

interface Life {
  readonly vfs: FaultVfs;
  readonly clock: ManualClock;
  readonly options: WorkloadOptions;
  readonly history: History;
  readonly random: SeededRandom;
}

function openIn({ vfs, clock, options }: Life): Promise<WalLog> {
  return WalLog.open(DIRECTORY, { ...SMALL, ...options.wal, vfs, clock });
}

async function takeStep(log: WalLog, life: Life): Promise<WalLog> {
  const { clock, history, random } = life;
  const dice = random.below(100);
  if (dice < 55) {
    stageRandomCall(log, history, random);
    return log;
  }
  if (dice < 65) {
    // Time passes, and with it comes what a log does by itself.
    await clock.advance(random.below(60));
    return log;
  }
  const covered = history.states.length - 1;
  if (dice < 78) {
    log.sync();
  } else if (dice < 96) {
    const flushing = log.flush();
    flushing.catch(() => {}); // a log that a write of its own has poisoned refuses the calls below first
    // More is staged while the flush is under way; it is not covered. A failure is reported by the flush.
    for (let i = random.below(3); i > 0; i--) stageRandomCall(log, history, random);
    await Promise.all([flushing, random.chance(0.3) ? clock.advance(random.below(30)) : undefined]);
  } else {
    await log.close();
    history.acknowledged = history.states.length - 1;
    return openIn(life);
  }
  history.acknowledged = covered;
  return log;
}

function stageRandomCall(log: WalLog, history: History, random: SeededRandom): void {
  const before = history.states.at(-1) ?? new ModelLog();
  const call = randomCall(before, random, { commandBytesMax: 3000, entriesMax: 8 });
  applyCall(log, call);
  history.states.push(...statesAfter(before, call));
}

/** Which of the acceptable states the log is in; throws with both sides when it is in none. */
export function acceptedState(log: WalLog, history: History): ModelLog {
  const found = describeLog(log);
  for (const state of history.states.slice(history.acknowledged)) {
    if (describeModel(state) === found) return state;
  }
  const oldest = describeModel(history.states[history.acknowledged] ?? new ModelLog());
  throw new Error(
    `After the crash the log is in no state from number ${history.acknowledged} of ${history.states.length - 1} on.\n` +
      `It shows:\n${brief(found)}\nacknowledged was:\n${brief(oldest)}`,
  );
}

/** Opens what a crash left, checks it, uses it further, and checks that too. */
export async function checkSurvivor(vfs: FaultVfs, history: History, seed: number): Promise<void> {
  const clock = new ManualClock();
  const log = await WalLog.open(DIRECTORY, { ...SMALL, vfs, clock });
  const state = acceptedState(log, history);
  await checkShownIsDurable(log, vfs);
  const next: History = { states: [state], acknowledged: 0 };
  const random = new SeededRandom(seed);
  for (let i = 0; i < 3; i++) stageRandomCall(log, next, random);
  log.sync();
  await clock.advance(random.below(60));
  next.acknowledged = next.states.length - 1;
  await checkShownIsDurable(log, vfs);
  const shown = describeLog(log);
  const again = await WalLog.open(DIRECTORY, { ...SMALL, vfs: vfs.reopen({ type: 'killed' }) });
  acceptedState(again, next);
  if (describeLog(again) !== shown) throw new Error('A kill after a sync has changed the log.');
  await again.close();
}

/** Whoever opens a log, or syncs it, may act on what it shows: it must be there after the next loss of power. */
async function checkShownIsDurable(log: WalLog, vfs: FaultVfs): Promise<void> {
  const shown = describeLog(log);
  for (const survival of ['nothing', 'any'] as const) {
    const image = vfs.reopen({ type: 'powerLoss', survival, seed: 7 });
    const next = await WalLog.open(DIRECTORY, { ...SMALL, vfs: image });
    if (describeLog(next) !== shown) throw new Error(`What the log showed was not durable:\n${brief(shown)}`);
    await next.close();
  }
}

/** The power goes during operation `number`. */
export function powerLossAt(number: number): (operation: Operation) => Fault | undefined {
  return (operation) =>
    operation.type !== 'read' && operation.number === number ? { type: 'powerLoss' } : undefined;
}

/** In operation `number`, bytes are taken and lost for good, and the program is told of an error. */
export function lostSyncAt(number: number): (operation: Operation) => Fault | undefined {
  return (operation) =>
    operation.type !== 'read' && operation.number === number ? { type: 'lostSync', code: 'EIO' } : undefined;
}

export const ENDINGS: readonly Ending[] = [
  { type: 'powerLoss', survival: 'nothing', seed: 0 },
  { type: 'powerLoss', survival: 'everything', seed: 0 },
  { type: 'powerLoss', survival: 'any', seed: 1 },
  { type: 'powerLoss', survival: 'any', seed: 2 },
  { type: 'powerLoss', survival: 'any', seed: 3 },
];

/** Whether an error is, or comes from, one that the disk was told to give. */
export function isInjected(error: unknown): boolean {
  if (error instanceof PowerLoss) return true;
  if (error instanceof WalError) return isInjected(error.cause);
  return error instanceof Error && 'code' in error && error.code === 'EIO';
}

function brief(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.length > 60 ? `${line.slice(0, 60)}…` : line))
    .join('\n');
}
