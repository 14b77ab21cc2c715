// The tests whose proof grows with the number of tries, with many more of them, and those that walk through whole
// processes: `npm run test:long`. A number given in
// the environment wins: WALDB_KILLS=5000 npm run test:long -- packages/wal/test/kill.test.ts
import { configDefaults, defineConfig } from 'vitest/config';
import base, { LONG_WALKS } from './vitest.config.js';

const TRIES = {
  /** Random lives of a log, each of which loses power at every operation. */
  WALDB_CRASH_SEEDS: '15',
  /** Processes killed while they use a log. */
  WALDB_KILLS: '1500',
  /** Losses of power under a real process. */
  WALDB_POWER_LOSSES: '500',
  /** Logs with anything wrong in their files. */
  WALDB_FUZZ_RUNS: '20000',
  /** Random uses of a log beside its model. */
  WALDB_PROPERTY_RUNS: '4000',
  /** The size of a log that must not take a tenth of that in memory. */
  WALDB_MEMORY_MIB: '1000',
  /** The size of a snapshot that servers send each other without memory for it. */
  WALDB_SNAPSHOT_MIB: '1024',
  /** How long servers in processes of their own are killed, paused and cut off. */
  WALDB_SOAK_SECONDS: '75',
  /** Which schedule of faults. */
  WALDB_SOAK_SEED: '2',
  /** Torture, over all its parts, and which. */
  WALDB_TORTURE_SECONDS: '90',
  WALDB_TORTURE_SEED: '1',
  /** Conversations that are held with Redis and with the store. */
  WALDB_REDIS_RUNS: '3000',
  /** How often each server is restarted under load. */
  WALDB_ROLLING_ROUNDS: '4',
  /** Clusters that are killed at each moment of their start. */
  WALDB_SUPERVISION_ROUNDS: '3',
};

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: [
      'packages/wal/test/{crash,fuzz,kill,memory,model.property,power}.test.ts',
      'packages/kv/test/differential/redis-differential.test.ts',
      'packages/runtime/test/snapshot/large.test.ts',
      'test/soak/soak.test.ts',
      ...LONG_WALKS,
    ],
    exclude: configDefaults.exclude,
    env: { ...TRIES, ...given(Object.keys(TRIES)) },
    testTimeout: 900_000,
  },
});

function given(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      names.includes(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
}
