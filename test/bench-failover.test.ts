// `waldb bench` while the leader is killed: it goes on with the next one, and tells the gap.

import { afterEach, describe, expect, it } from 'vitest';
import { ClusterProcess, freePorts, makeDirectory, runWaldb, stopAll } from './support/cluster-process.js';

const GENEROUS_MS = 180_000;

afterEach(stopAll, GENEROUS_MS);

describe('waldb bench', () => {
  it(
    'survives the end of the leader, and tells how long nobody was answered',
    async () => {
      const cluster = new ClusterProcess({ directory: makeDirectory(), port: await freePorts(3) });
      const { leader, pids } = await cluster.allReady();
      const follower = cluster.port + (leader % 3);
      const options = ['--clients', '8', '--keys', '50', '--reads', '20', '--seconds', '20', '--json'];
      const bench = runWaldb(['bench', '--server', `127.0.0.1:${follower}`, ...options]);
      await cluster.ready(); // the first line is there: it runs on
      setTimeout(() => process.kill(pids.get(leader) ?? 0, 'SIGKILL'), 5_000);
      const { exitCode, stdout, stderr } = await bench;
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const { errors, interruptions, operations } = JSON.parse(stdout);
      expect(errors).toEqual({});
      expect(interruptions.length).toBeGreaterThan(0);
      for (const { at, seconds } of interruptions) {
        expect(at).toBeGreaterThanOrEqual(0);
        expect(seconds).toBeGreaterThan(0);
      }
      // It was answered on both sides of the gap.
      const [{ at }] = interruptions;
      expect(at).toBeGreaterThan(0);
      expect(operations.SET.count).toBeGreaterThan(operations.GET.count);
    },
    GENEROUS_MS,
  );
});
