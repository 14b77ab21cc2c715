import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const conditions = ['@waldb/source', 'node', 'import', 'default'];

/** Tests of whole processes take longest by far: started first, they never run on alone while a core is idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => !moduleId.includes('/packages/');
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** Walks through whole processes that take some ten seconds each: `npm run test:long` has them. */
export const LONG_WALKS: readonly string[] = [
  'test/bench-failover.test.ts',
  'packages/cli/test/admin-tls.test.ts',
  'packages/cli/test/client-access.test.ts',
  'packages/cli/test/dashboard/dashboard.test.ts',
  'packages/cli/test/json.test.ts',
  'packages/cli/test/members.test.ts',
  'packages/kv/test/vanished-clients-walk.test.ts',
  'test/backup.test.ts',
  'test/connections.test.ts',
  'test/pages/alerts.test.ts',
  'test/pages/run-programs.test.ts',
  'test/pages/transcripts.test.ts',
  'test/readme.test.ts',
  'test/recover.test.ts',
  'test/sim-command.test.ts',
  'test/supervision.test.ts',
  'test/torture/torture.test.ts',
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // The packages have a command of their own: it needs the registry. So has the dashboard: it needs a browser.
    exclude: [...configDefaults.exclude, ...LONG_WALKS, 'test/packages/**', 'test/browser/**'],
    globalSetup: 'test/support/compile-cli.ts',
    // Tests wait generously; a slow machine must not turn a right answer into a failure.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // No test keeps anything in its modules, so files share a process for each core: loading the packages anew for every
    // file took longer than the tests of the core (59 files: 31 s, and 13 s shared).
    isolate: false,
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
  },
});
