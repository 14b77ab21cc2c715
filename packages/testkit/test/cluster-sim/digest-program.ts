// Prints the digests of the seeds named on the command line, as JSON: runs in a process of their own. The first argument is
// the scenario's part that is not the seed's, as JSON.

import { runClusterSeed } from '@waldb/testkit';

const digests: number[] = [];
const [, , scenario = '{}', ...seeds] = process.argv;
for (const seed of seeds) {
  digests.push((await runClusterSeed(Number(seed), { scenario: JSON.parse(scenario) })).digest);
}
console.log(JSON.stringify(digests));
