// Runs ranges of seeds of the protocol alone, for sim-core.mjs.

import { makeRaftNode, runBatch } from '../../packages/testkit/src/index.ts';
import { work } from './work.mjs';

work((range) => runBatch(range, makeRaftNode));
