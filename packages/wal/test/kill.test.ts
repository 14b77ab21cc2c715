// Real processes on the real file system, ended from outside at random moments while they use their log.
// WALDB_KILLS=5000 ends more of them.

import { join } from 'node:path';
import { ModelLog } from '@waldb/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Judge } from './support/process/judge.js';
import { type End, live } from './support/process/live.js';
import { makeProgram, type Program } from './support/process/program.js';

const KILLS = Number(process.env.WALDB_KILLS ?? 16);
/** Logs that live and die side by side. */
const LANES = 2;

let program: Program;
beforeAll(async () => {
  program = await makeProgram('load-program.ts');
});
afterAll(() => program.remove());

describe('a process that uses a log', () => {
  it(
    'W50 W11: killed at random moments, under load and while it recovers: every acknowledged call is there, and nothing that was never made',
    async () => {
      const lanes = Array.from({ length: LANES }, async (_, lane) => {
        const judge = new Judge(new ModelLog());
        const directory = join(program.directory, `killed-${lane}`);
        for (let kill = 1; kill <= KILLS / LANES; kill++) {
          const end: End =
            kill % 4 === 0
              ? { after: 'ready', withinMs: 10 }
              : { after: 'acknowledgements', countMax: 30, withinMs: 4 };
          const seed = lane * 1_000_000 + kill;
          expect(await live(program, judge, { directory, seed, end, signal: 'SIGKILL' })).toBe('SIGKILL');
        }
        // One more life shows what the last one left.
        const last = {
          directory,
          seed: 0,
          end: { after: 'acknowledgements', countMax: 1, withinMs: 1 },
          signal: 'SIGTERM',
        } as const;
        expect(await live(program, judge, last)).toBe('0');
        return judge.seen;
      });
      for (const { opened, repaired, acknowledged } of await Promise.all(lanes)) {
        // Lives in which nothing happens would prove nothing.
        expect(opened).toBeGreaterThan(KILLS / LANES / 2);
        expect(repaired).toBeGreaterThan(0);
        expect(acknowledged).toBeGreaterThan(KILLS / LANES);
      }
    },
    120_000 + KILLS * 10_000,
  );

  it('W51: told to end by SIGTERM at random moments under load: all it ever staged is there, and nothing needs repair', async () => {
    const judge = new Judge(new ModelLog());
    const directory = join(program.directory, 'terminated');
    for (let seed = 1; seed <= 8; seed++) {
      const life = {
        directory,
        seed,
        end: { after: 'acknowledgements', countMax: 20, withinMs: 4 },
        signal: 'SIGTERM',
      } as const;
      expect(await live(program, judge, life)).toBe('0');
    }
    expect(judge.seen).toMatchObject({ opened: 8, repaired: 0 });
    expect(judge.seen.acknowledged).toBeGreaterThan(8);
  });
});
