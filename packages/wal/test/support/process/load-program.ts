// A process that uses a log as hard as it can until it is killed, and says what it did. It prints, at once and past any
// buffer of its own:
//
//   ready                    the log is about to be opened
//   open <outcome> <digest>  it is open and shows this
//   durable <n>              the first n calls of this life are acknowledged
//   closed <n>               n calls were made and the log is closed: the answer to SIGTERM
//   full                     there is no space for what is staged; it is tried again, for a while
//   refused <code>           the log did not open, and the process ends with status 3
//   failed <code>            the log failed, and the process ends with status 3
//
// Arguments: directory, seed, and if there is to be a journal of everything that it writes: a directory for it, and the
// number of the change in the middle of which the process kills itself, if it is to do that.

import * as fs from 'node:fs';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { applyCall, describeLog, ModelLog, SeededRandom } from '@waldb/testkit';
import { WalError, WalLog } from '@waldb/wal';
import { JournalVfs } from './journal-vfs.js';
import { digest, LOAD_OPTIONS, LoadScript } from './load-script.js';

const [directory = '', seedText = '', journal, lastChange] = process.argv.slice(2);
const seed = Number(seedText);
const STDOUT = 1;
const STATUS_FAILED = 3;
/** How often a full disk is tried again before the process gives up. */
const FULL_TRIES_MAX = 200;
const options =
  journal === undefined
    ? LOAD_OPTIONS
    : {
        ...LOAD_OPTIONS,
        vfs: new JournalVfs(
          journal,
          seed % 2 === 0,
          lastChange === undefined ? undefined : Number(lastChange),
        ),
      };

let isEnding = false;
process.on('SIGINT', () => {}); // Ctrl-C goes to everybody in the terminal's group; who started this process ends it
process.on('SIGTERM', () => {
  isEnding = true;
});

let calls = 0;
let isOpen = false;
try {
  await run();
} catch (error) {
  if (!(error instanceof WalError)) throw error;
  say(`${isOpen ? 'failed' : 'refused'} ${error.code}`);
  process.exit(STATUS_FAILED);
}

async function run(): Promise<void> {
  say('ready');
  let log = await WalLog.open(directory, options);
  isOpen = true;
  say(`open ${log.recovery.outcome} ${digest(describeLog(log))}`);
  const script = new LoadScript(modelOf(log), seed);
  /** How the calls are made durable is drawn apart: the judge only follows the calls. */
  const random = new SeededRandom(seed + 1_000_000_007);
  while (!isEnding) {
    const dice = random.below(100);
    stage(log, script, random.between(1, 3));
    if (dice < 40) await syncAll(log);
    else if (dice < 97) await flushTwice(log, script, random);
    else log = await reopened(log);
    await turn(); // or a signal would never be heard
  }
  await log.close();
  say(`closed ${calls}`);
}

async function syncAll(log: WalLog): Promise<void> {
  await whereThereIsSpace(async () => log.sync());
  say(`durable ${calls}`);
}

/** A second flush is asked for while the first is under way; more is staged behind each. */
async function flushTwice(log: WalLog, script: LoadScript, random: SeededRandom): Promise<void> {
  const flush = async (): Promise<void> => {
    const covered = calls;
    await whereThereIsSpace(() => log.flush());
    say(`durable ${covered}`);
  };
  const first = flush();
  first.catch(() => {}); // heard below; it may fail before anybody listens there
  stage(log, script, random.below(4));
  if (random.chance(0.5)) await turn();
  const second = flush();
  second.catch(() => {});
  stage(log, script, random.below(4));
  const ends = await Promise.allSettled([first, second]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** What was staged stays staged on a full disk. */
async function whereThereIsSpace(write: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await write();
      return;
    } catch (error) {
      const isFull = error instanceof WalError && error.code === 'WAL_FULL';
      if (!isFull || tries === FULL_TRIES_MAX) throw error;
      say('full');
    }
    await sleep(1);
  }
}

async function reopened(log: WalLog): Promise<WalLog> {
  await log.close();
  say(`durable ${calls}`);
  return WalLog.open(directory, options);
}

function stage(log: WalLog, script: LoadScript, count: number): void {
  for (let left = count; left > 0; left--) {
    applyCall(log, script.next());
    calls += 1;
  }
}

function modelOf(found: WalLog): ModelLog {
  const model = new ModelLog();
  const index = found.firstIndex() - 1;
  model.compacted = { index, term: found.termAt(index) ?? 0 };
  model.entries = found.entries(found.firstIndex(), found.lastIndex());
  model.hardState = found.hardState();
  model.snapshot = found.snapshot();
  return model;
}

function say(line: string): void {
  fs.writeSync(STDOUT, `${line}\n`);
}
