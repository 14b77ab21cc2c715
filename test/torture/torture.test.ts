// Torture for a moment: here a log and its liar, in `npm run test:long` every part for longer (WALDB_TORTURE_SECONDS,
// WALDB_TORTURE_SEED). `npm run torture` runs it for as long as one likes.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PARTS } from './parts.js';
import { type PartResult, runTorture } from './run-torture.js';

const SECONDS = Number(process.env.WALDB_TORTURE_SECONDS ?? 6);
const SEED = process.env.WALDB_TORTURE_SEED ?? '1';
const PARTS_RUN = process.env.WALDB_TORTURE_SECONDS === undefined ? ['log'] : PARTS.map(({ name }) => name);
/** The way back to health and the check take what they take, in every part. */
const MARGIN_MS = 200_000;

const QUIET = { seed: Number(SEED), print: () => {}, signal: new AbortController().signal } as const;

describe('torture', () => {
  it(
    'W50 W52 W41: processes that are killed at any moment, on disks that fail and lose power, keep every promise',
    async () => {
      const printed = await command([
        '--seconds',
        String(SECONDS),
        '--seed',
        SEED,
        '--only',
        PARTS_RUN.join(),
      ]);
      expect(printed).toMatch(/all promises were kept$/);
      // A run in which nothing happened would prove nothing.
      expect(timesOf(printed, 'kills')).toBeGreaterThan(3);
      expect(timesOf(printed, 'acknowledged calls')).toBeGreaterThan(3);
    },
    SECONDS * 1000 + MARGIN_MS * PARTS_RUN.length,
  );

  it('W52 a disk that loses what was synced is noticed', async () => {
    const results = await untilComplaint();
    const isPowerLost = results.some(({ counts }) => (counts['power losses'] ?? 0) > 0);
    // Where no library can be preloaded no power is lost, and there is nothing to notice.
    expect(results.some(({ complaints }) => complaints.length > 0)).toBe(isPowerLost);
  }, 120_000);

  it('every part says what this machine does not let it do', async () => {
    const nowhere = mkdtempSync(join(tmpdir(), 'waldb-no-commands-'));
    try {
      const options = ['--seconds', '3', '--only', 'log,small-log,small-disks'];
      const printed = await command(options, { PATH: nowhere }); // neither gcc nor unshare
      expect(printed).toMatch(/^log, .*\n {2}skipped: disks that fail, losses of power: \S/m);
      expect(printed).toMatch(/^small-log: skipped: \S/m);
      expect(printed).toMatch(/^small-disks: skipped: \S/m);
      expect(timesOf(printed, 'kills')).toBeGreaterThan(0);
    } finally {
      rmdirSync(nowhere);
    }
  }, 120_000);

  it('a part that does not come to its end is wrong, and the next one runs', async () => {
    const broken = { name: 'broken', about: '', run: () => Promise.reject(new Error('a fault of the part')) };
    const done = { type: 'done', complaints: [], counts: { times: 1 }, skipped: [] } as const;
    const sound = { name: 'sound', about: '', run: () => Promise.resolve(done) };
    const results = await runTorture({ ...QUIET, parts: [broken, sound], seconds: 1 });
    expect(results).toMatchObject([
      { name: 'broken', complaints: [expect.stringContaining('a fault of the part')] },
      { name: 'sound', complaints: [], counts: { times: 1 } },
    ]);
  });

  it('a part that is not there, or a number that is none, is answered with the help, and nothing runs', async () => {
    for (const args of [
      ['--only', 'log,none'],
      ['--minutes', 'x'],
    ])
      await expect(command(args)).rejects.toMatchObject({
        code: 2,
        stdout: expect.stringContaining('Parts:'),
      });
  }, 60_000);
});

/** What it printed. Rejects, with that, where it ends with another status than 0. */
async function command(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const program = ['--conditions=@waldb/source', '--import', 'tsx', join(import.meta.dirname, 'main.ts')];
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, [...program, ...args], { env });
  return stdout.trim();
}

/** The sum over all parts. */
function timesOf(printed: string, what: string): number {
  const found = [...printed.matchAll(new RegExp(`^  ${what} +([0-9]+)$`, 'gm'))];
  return found.reduce((sum, [, times]) => sum + Number(times), 0);
}

/** On a busy machine a few seconds may hold too little. */
async function untilComplaint(): Promise<readonly PartResult[]> {
  let results: readonly PartResult[] = [];
  for (
    let seconds = 4;
    seconds <= 32 && results.every(({ complaints }) => complaints.length === 0);
    seconds *= 2
  ) {
    const parts = PARTS.filter(({ name }) => name === 'log');
    results = await runTorture({ ...QUIET, parts, seconds, isDiskLying: true });
  }
  return results;
}
