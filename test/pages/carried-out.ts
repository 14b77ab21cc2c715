// Who carries out the commands of each block of `sh`, by its page and heading; and of the few that nobody can carry out in a
// test, why not. blocks.test.ts sees to it that no block and no command is missing here, and that whoever is named is there.

export type Route =
  /** Typed by scripts/newcomer.mjs, in a clone, in an empty directory. */
  | { readonly by: 'newcomer' }
  /** Played by the test of this name in transcripts.test.ts, on servers of its own. */
  | { readonly by: 'stage'; readonly test: string }
  /** Typed by test/packages/quick-start.test.ts, outside of the repository. */
  | { readonly by: 'packages' }
  /** Scripts of the repository: each is a step of .ci/run, or one of those below. */
  | { readonly by: 'scripts' }
  | { readonly by: 'nobody'; readonly why: string };

export const ROUTES: Readonly<Record<string, Route>> = {
  'README.md#try-it': { by: 'newcomer' },
  'README.md#in-your-own-process': { by: 'newcomer' },
  'README.md#develop': { by: 'scripts' },
  'bench/README.md#benchmarks': { by: 'scripts' },
  'docs/soak.md#the-soak': { by: 'scripts' },
  'docs/torture.md#torture': { by: 'scripts' },
  'docs/trace-format.md#6-for-tlc': { by: 'scripts' },
  'packages/testkit/README.md#the-simulator-of-the-protocol': { by: 'scripts' },
  'docs/simulation.md#whole-servers-simulated': { by: 'scripts' },
  'docs/configuration.md#configuration': { by: 'stage', test: 'settings are explained, checked and shown' },
  'docs/dashboard.md#acting-from-it': { by: 'stage', test: 'servers with an admin token' },
  'docs/security.md#the-port-for-clients': { by: 'stage', test: 'a store that is closed to strangers' },
  'docs/security.md#https-at-the-admin-port': { by: 'stage', test: 'operators who come by HTTPS' },
  'docs/security.md#certificates': { by: 'stage', test: 'servers that know each other by certificates' },
  'packages/cli/README.md#waldb': { by: 'stage', test: 'the page of the package' },
  'docs/quick-start-embed.md#1-a-project': { by: 'packages' },
  'docs/quick-start-embed.md#3-run-it': { by: 'packages' },
  'docs/operations.md#disks': {
    by: 'nobody',
    why: 'fio is a program of others, and measures the disk of whoever asks for a minute',
  },
  'docs/releasing.md#a-change': { by: 'nobody', why: 'it asks somebody what has changed' },
  'docs/releasing.md#a-version': {
    by: 'nobody',
    why: 'it commits, tags and publishes; test/packages packs and checks what it would publish',
  },
};

/** Of the scripts that are no step of .ci/run: the test that runs the same program. */
export const TESTED_BY: Readonly<Record<string, string>> = {
  soak: 'test/soak/soak.test.ts',
  torture: 'test/torture/torture.test.ts',
  bench: 'test/bench/bench.test.ts',
  sim: 'test/sim-command.test.ts',
  'trace:check': 'packages/testkit/test/cluster-checks/specification.test.ts',
};

/** Why nobody carries these out; the beginning of the command is enough. */
export const NOT_CARRIED_OUT: Readonly<Record<string, string>> = {
  '.ci/run': 'it is what runs the tests',
  'pnpm bench:peers':
    'it installs other stores, and measures for a quarter of an hour; test/bench runs the same program',
  'pnpm bench:profile': 'it measures for minutes, on a machine that does nothing else',
  'pnpm bench:store': 'it measures for minutes, on a machine that does nothing else',
  'pnpm bench:cluster': 'it measures for ten minutes, on a machine that does nothing else',
  'pnpm bench:sizing': 'it measures for minutes, on a machine that does nothing else',
  'TRACE=trace.ndjson java': 'TLC is in no package; the page says that nobody has run it',
};
