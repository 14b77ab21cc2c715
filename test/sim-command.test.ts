// `pnpm sim` as a person runs it: help, wrong command lines, one seed, several, and what the exit code means.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHistory, readOperations } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../scripts/sim.mjs', import.meta.url));
const SLOW = { timeout: 120_000 };
const CALM = ['--only', 'none', '--faults-ms', '1500'];

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly complaint: string;
}

function sim(...args: readonly string[]): Promise<Ended> {
  const command = ['--conditions=@waldb/source', '--import', 'tsx', SCRIPT, ...args];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, (_error, output, complaint) => {
      resolve({ code: child.exitCode ?? -1, output, complaint });
    });
  });
}

describe('pnpm sim', () => {
  it('explains itself, and refuses what it does not understand', SLOW, async () => {
    const help = await sim('--help');
    expect([help.code, help.output]).toEqual([0, expect.stringMatching(/^usage: pnpm sim/)]);
    const wrong = await sim('--seeds', 'many');
    expect(wrong.code).toBe(2);
    expect(wrong.complaint).toMatch(/--seeds is 'many' but must be a number from 0\nusage/);
  });

  it('replays one seed, the same each time, and writes what its clients saw', SLOW, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'waldb-sim-'));
    const history = join(directory, 'history.ndjson');
    try {
      const one = await sim('--seed', '3', ...CALM, '--history', history);
      expect(one).toMatchObject({ code: 0, complaint: '' });
      expect(one.output).toMatch(/seed 3: \d+ events in .* every rule holds \(digest \d+\)\n$/);
      const other = await sim('--seed', '3', ...CALM, '--trace');
      expect(other.output).toMatch(/server \d started/);
      expect(other.output.split('\n').at(-2)).toBe(one.output.split('\n').at(-2));
      const lines = (await readFile(history, 'utf8')).trimEnd().split('\n');
      expect((await readOperations(readHistory(lines))).length).toBeGreaterThan(3);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('counts what happened, and fails where a kind of event was never reached', SLOW, async () => {
    const { code, output } = await sim('--seeds', '1', '--from', '3', '--jobs', '1', '--reach', '1');
    expect(output).toMatch(/elections won +\d+ {2}in 100.0 % of the runs/);
    expect(output).toMatch(/1 seeds in .*: every rule holds/);
    expect(output).toMatch(/reached in fewer than 100 % of the runs: /);
    expect(code).toBe(1);
  });
});
