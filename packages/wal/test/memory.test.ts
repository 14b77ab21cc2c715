// How much memory a log takes, measured in a process of its own. WALDB_MEMORY_MIB=2000 writes a larger log.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeProgram, type Program } from './support/process/program.js';

const MIB = 1024 * 1024;
const LOG_BYTES = Number(process.env.WALDB_MEMORY_MIB ?? 160) * MIB;
const MEMORY_BYTES_MAX = 16 * MIB;

let program: Program;
beforeAll(async () => {
  program = await makeProgram('memory-program.ts');
});
afterAll(() => program.remove());

it('W38: a log ten times larger than the memory it may take is written, opened and read from end to end', async () => {
  expect(LOG_BYTES).toBeGreaterThanOrEqual(10 * MEMORY_BYTES_MAX);
  // The heap alone would end the process, were it to hold the log.
  const nodeOptions = ['--expose-gc', '--max-old-space-size=32'];
  const run = program.start([join(program.directory, 'large'), String(LOG_BYTES)], { nodeOptions });
  const printed: string[] = [];
  for await (const line of run.lines) printed.push(line);
  expect(await run.ended).toBe('0');
  const [, entries, grew] = /^read (\d+) grew (\d+)$/.exec(printed.join()) ?? [];
  expect(Number(entries)).toBe(LOG_BYTES / (16 * 1024));
  expect(Number(grew)).toBeLessThan(MEMORY_BYTES_MAX);
  expect(Number(grew)).toBeGreaterThan(0);
}, 900_000);
