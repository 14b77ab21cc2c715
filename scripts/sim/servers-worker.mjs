// Runs ranges of seeds of whole servers, for sim.mjs.

import { checkClusterSeeds } from '../../packages/testkit/src/index.ts';
import { keepStrayErrors, takeStrayError } from './stray-error.mjs';
import { work } from './work.mjs';

keepStrayErrors();
work((range) => checkClusterSeeds(range, { strayError: takeStrayError }));
