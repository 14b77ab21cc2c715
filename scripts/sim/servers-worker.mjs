// Runs ranges of seeds of whole servers, for sim.mjs.

import { checkClusterSeeds } from '../../packages/testkit/src/index.ts';
import { loadReleases } from './releases/load.mjs';
import { keepStrayErrors, takeStrayError } from './stray-error.mjs';
import { work } from './work.mjs';

keepStrayErrors();
/** Once for all ranges. */
let loading;

work(async ({ releases: files, ...range }) => {
  loading ??= loadReleases(files);
  return await checkClusterSeeds(range, { strayError: takeStrayError, releases: await loading });
});
