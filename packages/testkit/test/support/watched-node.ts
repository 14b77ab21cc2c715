// Nodes of the protocol simulator under the eyes of checks of whole servers: thousands of legal runs, and sabotaged ones,
// long before a whole server is involved.

import type { Event, RaftLog, TraceState } from '@waldb/core';
import type { ClusterObserver, ServerLife } from '../../src/cluster-sim/cluster-observer.js';
import type { NodeFactory, ProtocolNode } from '../../src/sim/world.js';

/** What `makeNode` makes, each node a new life of its server, told to `observer`. One factory for each run. */
export function watched(makeNode: NodeFactory, observer: ClusterObserver): NodeFactory {
  const lives = new Map<number, number>();
  return (config, log, durability) => {
    const node = makeNode(config, log, durability);
    const life: ServerLife = { id: node.id, life: (lives.get(node.id) ?? 0) + 1, startedAt: 0 };
    lives.set(node.id, life.life);
    // The promise of this seam is a view: nothing of a running server is asked, so none is there.
    observer.serverStarted?.(life, undefined as never);
    let state = stateOf(node, log);
    const step = (event: Event) => {
      const before = state;
      try {
        const actions = node.step(event);
        state = stateOf(node, log);
        observer.stepped?.(life, { id: node.id, event, before, after: state, actions });
        return actions;
      } catch (error) {
        // Nothing left it; but where it died of the step, what it had staged by then may survive.
        observer.stepped?.(life, { id: node.id, event, before, after: before, actions: [] });
        throw error;
      }
    };
    return new Proxy(node, {
      get: (target, name) => {
        if (name === 'step') return step;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

function stateOf(node: ProtocolNode, log: RaftLog): TraceState {
  const { role, term, leader, commitIndex, lastApplied, configuration } = node;
  return {
    ...{ role, term, leader, commitIndex, lastApplied, configuration },
    votedFor: log.hardState().term === term ? log.hardState().votedFor : undefined,
    lastIndex: log.lastIndex(),
    snapshotIndex: log.snapshotIndex(),
    stagedSeq: log.stagedSeq(),
    durableSeq: 0, // what a node believes of its disk is nothing that a check may look at
  };
}
