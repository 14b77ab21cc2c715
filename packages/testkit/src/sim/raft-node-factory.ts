// The node under test: the real one.

import { RaftNode } from '@waldb/core';
import type { NodeFactory } from './world.js';

export const makeRaftNode: NodeFactory = (config, log, durability) =>
  RaftNode.withLog(config, log, { durability });
