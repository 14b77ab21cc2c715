// Whole servers on simulated machines: a sample of what runs by the thousand elsewhere, and that a seed is a run.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type ClusterObserver, InvariantViolation, runClusterSeed } from '../../src/index.js';

const PROGRAM = fileURLToPath(new URL('digest-program.ts', import.meta.url));
const SHORT = { faultsMs: 3_000 } as const;

describe('a run of whole servers', () => {
  it('is decided by its seed alone: the same in another process', { timeout: 120_000 }, async () => {
    const seeds = [1, 2];
    const here: number[] = [];
    for (const seed of seeds) here.push((await runClusterSeed(seed, { scenario: SHORT })).digest);
    const options = ['--conditions=@waldb/source', '--import', 'tsx', PROGRAM, JSON.stringify(SHORT)];
    const { stdout } = await promisify(execFile)(process.execPath, [...options, ...seeds.map(String)]);
    expect(JSON.parse(stdout)).toEqual(here);
    expect(new Set(here).size).toBe(seeds.length);
  });

  it('is the same with an observer and a log as without', { timeout: 60_000 }, async () => {
    const lines: string[] = [];
    const plain = await runClusterSeed(3, { scenario: SHORT });
    const watched = await runClusterSeed(3, {
      scenario: SHORT,
      observer: { stepped: (_life, record) => void record.after.term },
      log: (line) => lines.push(line),
    });
    expect([watched.digest, watched.counts]).toEqual([plain.digest, plain.counts]);
    expect(lines.length).toBeGreaterThan(3);
  });

  it('ends well, and is told from its beginning to its end', { timeout: 60_000 }, async () => {
    const told: string[] = [];
    const observer: ClusterObserver = {
      began: () => told.push('began'),
      serverStarted: () => told.push('started'),
      clientEnded: (_operation, { type }) => told.push(type),
      faultsEnded: () => told.push('calm'),
      finished: (servers) => told.push(`finished ${new Set(servers.map(({ digest }) => digest)).size}`),
    };
    const { violation, counts } = await runClusterSeed(5, { scenario: SHORT, observer });
    expect(violation?.message).toBeUndefined();
    expect(told[0]).toBe('began');
    expect(told.filter((what) => what === 'done').length).toBeGreaterThan(10);
    expect(told.indexOf('calm')).toBeLessThan(told.length - 1);
    expect(told.at(-1)).toBe('finished 1');
    expect(counts.times['entries applied']).toBeGreaterThan(10);
  });

  it('ends with the first rule that its observer finds broken, and the servers do not hear of it', async () => {
    const ended: string[] = [];
    const { violation } = await runClusterSeed(1, {
      observer: {
        applied: () => {
          throw new InvariantViolation('planted', 'by this test');
        },
        serverEnded: (_life, { type }) => ended.push(type),
      },
    });
    expect(violation?.invariant).toBe('planted');
    expect(ended).toEqual([]);
  });

  it('without a line of its schedule is a run in which that did not happen', {
    timeout: 60_000,
  }, async () => {
    const schedule = [{ index: 0, at: 1_500, kind: 'power loss of all', seed: 1 }] as const;
    const scenario = { ...SHORT, schedule };
    const whole = await runClusterSeed(7, { scenario });
    const shrunk = await runClusterSeed(7, { scenario, without: new Set([0]) });
    expect([whole.violation?.message, shrunk.violation?.message]).toEqual([undefined, undefined]);
    expect(whole.counts.times['power loss of all']).toBe(1);
    expect(shrunk.counts.times['power loss of all']).toBeUndefined();
    expect(shrunk.counts.times.starts).toBeLessThan(whole.counts.times.starts ?? 0);
  });

  it('can lose all disks but one, and its operator makes a cluster of the survivor, however often he is cut off', {
    timeout: 120_000,
  }, async () => {
    let interrupted = 0;
    for (const seed of [3, 9]) {
      const { violation, counts } = await runClusterSeed(seed, { scenario: SHORT, disaster: 'majorityLost' });
      expect([seed, violation?.message]).toEqual([seed, undefined]);
      expect(counts.times['majorities lost']).toBe(1);
      interrupted += counts.times['recoveries interrupted'] ?? 0;
    }
    expect(interrupted).toBeGreaterThan(0);
  });
});
