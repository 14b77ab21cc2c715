// Torture for a moment: here a log and its liar, in `npm run test:long` every part for longer (WALDB_TORTURE_SECONDS,
// WALDB_TORTURE_SEED). `npm run torture` runs it for as long as one likes.

import { describe, expect, it } from 'vitest';
import { PARTS } from './parts.js';
import { type PartResult, runTorture } from './run-torture.js';

const SECONDS = Number(process.env.WALDB_TORTURE_SECONDS ?? 6);
const SEED = Number(process.env.WALDB_TORTURE_SEED ?? 1);
const IS_LONG = process.env.WALDB_TORTURE_SECONDS !== undefined;
/** The way back to health and the check take what they take. */
const MARGIN_MS = 240_000;

function torture(
  only: readonly string[],
  seconds: number,
  isDiskLying = false,
): Promise<readonly PartResult[]> {
  return runTorture({
    parts: PARTS.filter(({ name }) => only.includes(name)),
    seconds,
    seed: SEED,
    print: () => {},
    signal: new AbortController().signal,
    isDiskLying,
  });
}

describe('torture', () => {
  it(
    'W50 W52 W41: processes that are killed at any moment, on disks that fail and lose power, keep every promise',
    async () => {
      const results = await torture(IS_LONG ? PARTS.map(({ name }) => name) : ['log'], SECONDS);
      for (const { name, seed, complaints } of results)
        expect(complaints, `${name}, seed ${seed}`).toEqual([]);
      // A run in which nothing happened would prove nothing.
      const log = results.find(({ name }) => name === 'log');
      expect(log?.skipped).toBeUndefined();
      expect(log?.counts['kills']).toBeGreaterThan(3);
      expect(log?.counts['acknowledged calls']).toBeGreaterThan(3);
    },
    SECONDS * 1000 * 3 + MARGIN_MS,
  );

  it('W52 a disk that loses what was synced is noticed', async () => {
    // Not where no disk can be made to lie: there the part never loses power, and has nothing to notice.
    const [result] = await untilComplaint();
    const isPowerLost = (result?.counts['power losses'] ?? 0) > 0;
    expect(result?.complaints.length ?? 0).toBeGreaterThan(isPowerLost ? 0 : -1);
  }, 120_000);
});

/** On a busy machine a few seconds may hold too little. */
async function untilComplaint(): Promise<readonly PartResult[]> {
  let results = await torture(['log'], 4, true);
  for (let tries = 1; tries < 4 && results.every(({ complaints }) => complaints.length === 0); tries++)
    results = await torture(['log'], 4 * 2 ** tries, true);
  return results;
}
