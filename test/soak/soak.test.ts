// Whole servers as processes, under clients and under faults, judged by what the clients saw, and every
// step compared with the Raft specification. `npm run soak` runs it for as
// long as one likes; here it is short, and in `npm run test:long` less so.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeProgram, type Program } from '../../packages/wal/test/support/process/program.js';
import { PLAIN } from './protocol.js';
import { rollingRestart } from './rolling-restart.js';
import { runSoak } from './run-soak.js';

const SECONDS = Number(process.env.WALDB_SOAK_SECONDS ?? 6);
const SEED = Number(process.env.WALDB_SOAK_SEED ?? 1);
const ROUNDS = Number(process.env.WALDB_ROLLING_ROUNDS ?? 1);
/** Beyond the time that was asked for: the way back to health is generous, and so is the check. */
const MARGIN_MS = 240_000;

let program: Program;

beforeAll(async () => {
  program = await makeProgram(join(import.meta.dirname, 'soak-server.ts'));
});

afterAll(() => program.remove());

it(
  'servers that are killed, paused, cut off, joined and removed under load keep every promise to their clients',
  async () => {
    const lines: string[] = [];
    const report = await runSoak({
      seconds: SECONDS,
      seed: SEED,
      servers: 3,
      clients: 6,
      variant: PLAIN,
      validatesTraces: true,
      print: (line) => lines.push(line),
    });
    expect(report.complaints, lines.join('\n')).toEqual([]);
    expect(report.linearizability).toMatch(/are linearizable$/);
    expect(report.traceLines).toBeGreaterThan(report.operations.ok);
    // A run in which nothing happened would prove nothing.
    expect(report.operations.ok).toBeGreaterThan(SECONDS);
    expect(report.elections).toBeGreaterThan(0);
    expect(Object.values(report.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(SECONDS / 10);
  },
  SECONDS * 1000 + MARGIN_MS,
);

it('W51 F1.3 a rolling restart under load: whoever asks again loses nothing, and every server ends in order', async () => {
  const report = await rollingRestart({ program, servers: 3, clients: 4, rounds: ROUNDS });
  expect(report.complaints).toEqual([]);
  expect(report.ends).toEqual(Array.from({ length: 3 * ROUNDS }, () => '0'));
  // Every append was answered in the end: none was given up, none is unknown. (Reads are asked once.)
  expect(report.operations.unknown).toBe(0);
  expect(report.acknowledged).toBe(report.sent);
}, 240_000);
