// What the operator and the clients seldom ask for: that it is done, and that a server which does it wrongly is found.

import type { RaftServer } from '@waldb/runtime';
import { describe, expect, it } from 'vitest';
import type { ClientAction, OperatorAction } from '../../src/cluster-sim/cluster-coverage.js';
import { type ClusterRunResult, runClusterSeed } from '../../src/cluster-sim/cluster-run.js';
import { type Release, THIS_RELEASE } from '../../src/cluster-sim/release.js';

const SLOW = { timeout: 120_000 };
const SEED = 7;

/** A cluster of three, nothing wrong with it, in which these things are done. */
function run(
  kinds: readonly (OperatorAction | ClientAction)[],
  releases: readonly Release[] = [],
): Promise<ClusterRunResult> {
  const schedule = kinds.map((kind, index) => ({ index, at: 2_000 + index * 4_000, kind, seed: index + 1 }));
  const faultsMs = 2_000 + kinds.length * 4_000;
  return runClusterSeed(SEED, { scenario: { founders: 3, growsTo: 3, faultsMs, schedule }, releases });
}

/** Servers of which one thing is another. */
function lying(change: (server: RaftServer<unknown>) => void): Release {
  const start: Release['start'] = async (options) => {
    const server = await THIS_RELEASE.start(options);
    change(server);
    return server;
  };
  return { name: 'a lying release', start };
}

describe('what is seldom asked for', () => {
  it('is done where nothing is wrong', SLOW, async () => {
    const kinds = [
      'address changed',
      'voter demoted',
      'learner awaited',
      'backup taken',
      'session walked',
    ] as const;
    const { violation, counts } = await run(kinds);
    expect(violation?.message).toBeUndefined();
    for (const kind of [...kinds, 'sessions kept', 'sessions closed'] as const)
      expect(counts.times[kind], kind).toBe(1);
  });

  it('a session that goes on after it was closed is found', SLOW, async () => {
    const forgetful = lying((server) => {
      server.closeSession = () => Promise.resolve();
    });
    const { violation } = await run(['rolling upgrade', 'rolling upgrade', 'session walked'], [forgetful]);
    expect(violation?.invariant).toBe('closed-sessions-end');
  });

  it('a backup that lacks what its server had applied is found', SLOW, async () => {
    const hasty = lying((server) => {
      const backup = server.backup.bind(server);
      server.backup = async (options) => {
        const stream = await backup(options);
        Object.assign(stream, { info: { ...stream.info, index: 1 } });
        return stream;
      };
    });
    const { violation } = await run(['rolling upgrade', 'rolling upgrade', 'backup taken'], [hasty]);
    expect(violation?.invariant).toBe('backups-are-whole');
  });

  it('a release before that changes a disk which it refuses is found', SLOW, async () => {
    const refuses: Release = {
      name: 'refuses after a change',
      start: (options) => {
        options.vfs?.open(`${options.directory}/identity`, 'update').truncate(0);
        return Promise.reject(Object.assign(new Error('newer'), { code: 'WAL_VERSION' }));
      },
    };
    // The cluster goes to the second of two releases by way of one that runs; then one server goes back.
    let isOver = false;
    const middle: Release = {
      ...THIS_RELEASE,
      start: (options) => (isOver ? refuses : THIS_RELEASE).start(options),
    };
    const last = lying(() => {
      isOver = true;
    });
    const kinds = ['rolling upgrade', 'rolling upgrade', 'rolling upgrade', 'rollback'] as const;
    const { violation } = await run(kinds, [middle, last]);
    expect(violation?.invariant).toBe('refusals-change-nothing');
  });
});
