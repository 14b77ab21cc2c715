// Power lost under a real process on the real file system: it is killed, its directory is copied as it is, and whatever
// it had not synced by then is taken from the copy, which the next process opens. WALDB_POWER_LOSSES=500 loses more.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { ModelLog, SeededRandom } from '@waldb/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Judge } from './support/process/judge.js';
import { type End, live } from './support/process/live.js';
import { makePowerImage } from './support/process/power-image.js';
import { makeProgram, type Program } from './support/process/program.js';

const LOSSES = Number(process.env.WALDB_POWER_LOSSES ?? 12);

let program: Program;
beforeAll(async () => {
  program = await makeProgram('load-program.ts');
});
afterAll(() => program.remove());

/** Half of them in the middle of a change, where something is lost on any disk, however quick. */
function endOf(loss: number): End {
  if (loss % 2 === 0) return { after: 'changes', countMax: 120 };
  return loss % 4 === 1
    ? { after: 'acknowledgements', countMax: 20, withinMs: 4 }
    : { after: 'ready', withinMs: 15 };
}

it(
  'W52: power lost at random moments, under load and in recovery: every acknowledged call is there, whatever becomes of the rest',
  async () => {
    const judge = new Judge(new ModelLog());
    const sum = { atRisk: 0, lost: 0 };
    let directory = join(program.directory, 'log-0');
    fs.mkdirSync(directory);
    for (let loss = 1; loss <= LOSSES; loss++) {
      const journal = join(program.directory, `journal-${loss}`);
      fs.mkdirSync(journal);
      const life = { directory, journal, seed: loss, end: endOf(loss), signal: 'SIGKILL' } as const;
      expect(await live(program, judge, life)).toBe('SIGKILL');
      const target = join(program.directory, `log-${loss}`);
      const places = { directory, journal: join(journal, 'journal'), target };
      const { atRisk, lost } = makePowerImage(places, new SeededRandom(loss));
      sum.atRisk += atRisk;
      sum.lost += lost;
      fs.rmSync(directory, { recursive: true });
      fs.rmSync(journal, { recursive: true });
      directory = target;
    }
    const last = {
      directory,
      seed: 0,
      end: { after: 'acknowledgements', countMax: 1, withinMs: 1 },
      signal: 'SIGTERM',
    } as const;
    expect(await live(program, judge, last)).toBe('0');
    // Losses that take nothing, and lives in which nothing happens, would prove nothing.
    expect(sum.atRisk).toBeGreaterThan(LOSSES / 4);
    expect(sum.lost).toBeGreaterThan(0);
    expect(judge.seen.opened).toBeGreaterThan(LOSSES / 4);
    expect(judge.seen.acknowledged).toBeGreaterThan(LOSSES);
    console.log(
      `power lost ${LOSSES} times: ${sum.lost} of ${sum.atRisk} unsynced sectors and names gone, ${judge.seen.acknowledged} calls kept`,
    );
  },
  120_000 + LOSSES * 10_000,
);
