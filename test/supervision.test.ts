// No server outlives its `waldb cluster`, whenever that one is killed: what nobody can stop any more stops by itself, and
// its directory can be used again.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ClusterProcess, freePorts, makeDirectory, stopAll } from './support/cluster-process.js';

const GENEROUS_MS = 240_000;
const WAIT = { timeout: 120_000, interval: 20 };
/** Each is a cluster that is killed at another moment. */
const ROUNDS = Number(process.env.WALDB_SUPERVISION_ROUNDS ?? '1');

afterEach(stopAll, GENEROUS_MS);

/** The processes that serve from below a directory, whoever their parent is by now. */
function serversOf(directory: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    const words = wordsOf(pid);
    return words.includes('serve') && words.some((word) => word.startsWith(`${directory}/`)) ? [pid] : [];
  });
}

/** Empty for a process that has gone meanwhile, or whose parent has not asked how it ended. */
function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** When the cluster is killed. */
const MOMENTS: readonly [string, (cluster: ClusterProcess, directory: string) => Promise<unknown>][] = [
  ['before it has started anything', async () => undefined],
  [
    'as soon as it has started one',
    (_cluster, directory) => expect.poll(() => serversOf(directory).length, WAIT).toBeGreaterThan(0),
  ],
  [
    'while they load',
    async (_cluster, directory) => {
      await expect.poll(() => serversOf(directory).length, WAIT).toBe(3);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
    },
  ],
  [
    'while they open their logs',
    (_cluster, directory) =>
      expect.poll(() => [1, 2, 3].some((id) => existsSync(join(directory, `node-${id}`))), WAIT).toBe(true),
  ],
  ['when the first leads', (cluster) => cluster.ready()],
  ['when all serve', (cluster) => cluster.allReady()],
];

describe.runIf(process.platform === 'linux')('a server of a cluster that is killed', () => {
  it.each(MOMENTS)(
    '%s ends by itself',
    async (_when, moment) => {
      for (let round = 0; round < ROUNDS; round++) {
        const directory = join(makeDirectory(), 'data');
        const cluster = new ClusterProcess({ directory, port: await freePorts(3) });
        await moment(cluster, directory);
        cluster.signal('SIGKILL');
        await cluster.ended();
        await expect.poll(() => serversOf(directory), WAIT).toEqual([]);
      }
    },
    GENEROUS_MS,
  );

  it(
    'leaves a directory that the next cluster goes on with',
    async () => {
      const directory = join(makeDirectory(), 'data');
      const port = await freePorts(3);
      for (const _start of ['first', 'second']) {
        const cluster = new ClusterProcess({ directory, port });
        await cluster.allReady();
        cluster.signal('SIGKILL');
        await cluster.ended();
        await expect.poll(() => serversOf(directory), WAIT).toEqual([]);
      }
    },
    GENEROUS_MS,
  );
});
