// A process that uses a log as hard as it can until it is killed, and says what it did. It prints, at once and past any
// buffer of its own:
//
//   ready                    the log is about to be opened
//   open <outcome> <digest>  it is open and shows this
//   durable <n>              the first n calls of this life are acknowledged
//   closed <n>               n calls were made and the log is closed: the answer to SIGTERM
//
// Arguments: directory, seed, and if there is to be a journal of everything that it writes: a directory for it, and the
// number of the change in the middle of which the process kills itself, if it is to do that.

import * as fs from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { applyCall, describeLog, ModelLog, SeededRandom } from '@waldb/testkit';
import { WalLog } from '@waldb/wal';
import { JournalVfs } from './journal-vfs.js';
import { digest, LOAD_OPTIONS, LoadScript } from './load-script.js';

const [directory = '', seedText = '', journal, lastChange] = process.argv.slice(2);
const seed = Number(seedText);
const STDOUT = 1;
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
process.on('SIGTERM', () => {
  isEnding = true;
});

say('ready');
let log = await WalLog.open(directory, options);
say(`open ${log.recovery.outcome} ${digest(describeLog(log))}`);
const script = new LoadScript(modelOf(log), seed);
/** How the calls are made durable is drawn apart: the judge only follows the calls. */
const random = new SeededRandom(seed + 1_000_000_007);
let calls = 0;

while (!isEnding) {
  const dice = random.below(100);
  stage(random.between(1, 3));
  if (dice < 40) syncAll();
  else if (dice < 97) await flushTwice();
  else await reopen();
  await turn(); // or a signal would never be heard
}
await log.close();
say(`closed ${calls}`);

function syncAll(): void {
  log.sync();
  say(`durable ${calls}`);
}

/** A second flush is asked for while the first is under way; more is staged behind each. */
async function flushTwice(): Promise<void> {
  const acknowledge =
    (covered: number): (() => void) =>
    () =>
      say(`durable ${covered}`);
  const first = log.flush().then(acknowledge(calls));
  stage(random.below(4));
  if (random.chance(0.5)) await turn();
  const second = log.flush().then(acknowledge(calls));
  stage(random.below(4));
  await Promise.all([first, second]);
}

async function reopen(): Promise<void> {
  await log.close();
  say(`durable ${calls}`);
  log = await WalLog.open(directory, options);
}

function stage(count: number): void {
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
