// Simulated nodes that tell their protocol traces: everything happens in one thread, so the lines come in a causal order
// by themselves. A step in which the process dies inside a log call tells nothing, as in reality.

import { initialTraceLine, RaftNode, type TraceLine, traceLines } from '@waldb/core';
import type { NodeFactory } from './world.js';

/** Real nodes whose lines go to `take` as they are made, before any message of the step is sent. */
export function makeTracedNode(take: (line: TraceLine) => void): NodeFactory {
  return (config, log, durability) => {
    const node = RaftNode.withLog(
      {
        ...config,
        trace: (record) => {
          for (const line of traceLines(record)) take(line);
        },
      },
      log,
      { durability },
    );
    take(initialTraceLine(node.id, node.status(), log));
    return node;
  };
}
