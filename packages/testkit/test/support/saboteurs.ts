// Real nodes with one thing wrong: what the simulator must find. Each breaks a promise that a careless change to the
// core, a log or a driver could break.

import { type Action, type Event, type Message, type RaftConfig, RaftNode } from '@waldb/core';
import { SimulatedLog } from '../../src/sim/simulated-log.js';
import type { NodeFactory, ProtocolNode } from '../../src/sim/world.js';

type Step = (event: Event) => Action[];

/** A node whose step is another one's, everything else its own. */
function withStep(node: RaftNode, makeStep: (step: Step) => Step): ProtocolNode {
  const step = makeStep((event) => node.step(event));
  return new Proxy(node, {
    get: (target, name) => {
      if (name === 'step') return step;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function rewriting(rewrite: (message: Message) => Message): NodeFactory {
  return (config, log, durability) =>
    withStep(
      RaftNode.withLog(config, log, { durability }),
      (step) => (event) =>
        step(event).map((action) =>
          action.type === 'send' ? { ...action, message: rewrite(action.message) } : action,
        ),
    );
}

/** Its log keeps the term and loses the vote. */
export const forgetsItsVote: NodeFactory = (config, log, durability) => {
  const forgetful = new Proxy(log, {
    get: (target, name) => {
      if (name === 'setHardState')
        return (state: { term: number }) => target.setHardState({ term: state.term, votedFor: undefined });
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return RaftNode.withLog(config, forgetful, { durability });
};

/** Its driver says "durable" before the disk does. */
export const believesWhatIsStaged: NodeFactory = (config, log, durability) =>
  withStep(RaftNode.withLog(config, log, { durability }), (step) => (event) => [
    ...step(event),
    ...(durability === 'deferred' ? step({ type: 'durable', seq: log.stagedSeq() }) : []),
  ]);

/** Gives everybody its vote. */
export const votesForEverybody: NodeFactory = rewriting((message) =>
  message.type === 'requestVoteReply' ? { ...message, voteGranted: true } : message,
);

/** Acknowledges one entry more than it holds. */
export const acknowledgesTooMuch: NodeFactory = rewriting((message) =>
  message.type === 'appendEntriesReply' && message.success
    ? { ...message, matchIndex: message.matchIndex + 1 }
    : message,
);

/** Tells its peers that everything is committed. */
export const tellsOfTooManyCommits: NodeFactory = rewriting((message) =>
  message.type === 'heartbeat' ? { ...message, leaderCommit: message.leaderCommit + 5 } : message,
);

/** Applies every batch twice. */
export const appliesTwice: NodeFactory = (config, log, durability) =>
  withStep(
    RaftNode.withLog(config, log, { durability }),
    (step) => (event) =>
      step(event).flatMap((action): Action[] => (action.type === 'apply' ? [action, action] : [action])),
  );

/** Skips the last entry of a batch that it applies. */
export const skipsAnEntry: NodeFactory = (config, log, durability) =>
  withStep(
    RaftNode.withLog(config, log, { durability }),
    (step) => (event) =>
      step(event).map((action) =>
        action.type === 'apply' && action.entries.length > 1
          ? { ...action, entries: action.entries.slice(0, -1) }
          : action,
      ),
  );

/** Answers reads from what it happens to have applied. */
export const readsWithoutAsking: NodeFactory = (config, log, durability) => {
  const node = RaftNode.withLog(config, log, { durability });
  return withStep(
    node,
    (step) => (event) =>
      event.type === 'read'
        ? [{ type: 'readReady', context: event.context, index: node.lastApplied }]
        : step(event),
  );
};

/** Its log has lost the last durable entry when it starts again. */
export const losesItsTail: NodeFactory = (config, log, durability) => {
  const lastIndex = log.lastIndex();
  if (lastIndex >= log.firstIndex()) log.truncate(lastIndex);
  return RaftNode.withLog(config, log, { durability });
};

/** Never answers an append. */
export const neverAcknowledges: NodeFactory = (config, log, durability) =>
  withStep(
    RaftNode.withLog(config, log, { durability }),
    (step) => (event) =>
      step(event).filter(
        (action) => !(action.type === 'send' && action.message.type === 'appendEntriesReply'),
      ),
  );

/** Takes leadership as soon as it campaigns. */
export const callsItselfLeader: NodeFactory = (config, log, durability) => {
  const alone: RaftConfig = { ...config, peers: [], learners: [] };
  return RaftNode.withLog(log.lastIndex() === 0 ? alone : config, log, { durability });
};

/** Writes into the messages it is sent. */
export const scribblesOnMessages: NodeFactory = (config, log, durability) =>
  withStep(RaftNode.withLog(config, log, { durability }), (step) => (event) => {
    const actions = step(event);
    if (event.type === 'message') (event.message as { term: number }).term += 0; // frozen in some runs: it throws there
    return actions;
  });

/** Speaks on after its disk failed. */
export const survivesItsDisk: NodeFactory = (config, log, durability) => {
  const node = RaftNode.withLog(config, log, { durability });
  let last: Action[] = [];
  return withStep(node, (step) => (event) => {
    const actions = step(event);
    if (actions.some((action) => action.type === 'send')) last = actions;
    return node.status().isHalted ? last : actions;
  });
};

/** Its clients' commands are staged, and refused all the same. */
export const refusesTooLate: NodeFactory = (config, log, durability) =>
  withStep(RaftNode.withLog(config, log, { durability }), (step) => (event) => {
    if (event.type === 'transferLeadership' && log instanceof SimulatedLog) log.setHardState(log.hardState());
    return step(event);
  });
