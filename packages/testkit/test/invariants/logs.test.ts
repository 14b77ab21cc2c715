// Planted violations for the invariants about logs, commits and state machines.

import type { NodeId, Snapshot } from '@waldb/core';
import { describe, it } from 'vitest';
import { CommitQuorum } from '../../src/invariants/commit-quorum.js';
import { History } from '../../src/invariants/history.js';
import { LogMatching } from '../../src/invariants/log-matching.js';
import { StateMachineSafety } from '../../src/invariants/state-machine-safety.js';
import {
  append,
  configEntry,
  configurationOf,
  entryOf,
  expectViolation,
  FakeServer,
  historyOf,
  stepOf,
  THREE,
} from '../support/fake-server.js';

describe('log matching', () => {
  function matching(): { history: History; invariant: LogMatching } {
    const history = new History(THREE);
    history.leaders.set(1, 1);
    history.leaders.set(2, 1);
    return { history, invariant: new LogMatching(history) };
  }

  it('the same entries in two logs are lawful, also as different objects', () => {
    const { invariant } = matching();
    new FakeServer(1).stage(append(entryOf(1, 1), entryOf(2, 1)), invariant);
    new FakeServer(2).stage(append(entryOf(1, 1)), invariant).stage(append(entryOf(2, 1)), invariant);
  });

  it('§5.3 catches two commands at one index and term', () => {
    const { invariant } = matching();
    new FakeServer(1).stage(append(entryOf(1, 1, 'normal', 'a')), invariant);
    expectViolation('log-matching', /different entries/, () =>
      new FakeServer(2).stage(append(entryOf(1, 1, 'normal', 'b')), invariant),
    );
  });

  it('§5.3 catches equal entries behind different prefixes', () => {
    const { invariant } = matching();
    new FakeServer(1).stage(append(entryOf(1, 1), entryOf(2, 2)), invariant);
    expectViolation('log-matching', /different prefixes/, () =>
      new FakeServer(2).stage(append(entryOf(1, 2, 'noop'), entryOf(2, 2)), invariant),
    );
  });

  it('finds in a scan what was slipped into a log unseen', () => {
    const { invariant } = matching();
    const honest = new FakeServer(1).stage(append(entryOf(1, 1, 'normal', 'a')), invariant);
    const forged = new FakeServer(2).stage(append(entryOf(1, 1, 'normal', 'b')));
    invariant.scanned([honest]);
    expectViolation('log-matching', /different entries/, () => invariant.scanned([honest, forged]));
  });

  it('catches a leader that truncates, and lets a follower', () => {
    const { invariant } = matching();
    const server = new FakeServer(1).stage(append(entryOf(1, 1), entryOf(2, 1)), invariant);
    server.stage({ type: 'truncate', from: 2 }, invariant);
    invariant.stepped(stepOf(server));
    server.role = 'leader';
    server.stage(append(entryOf(2, 1)), invariant).stage({ type: 'truncate', from: 2 }, invariant);
    expectViolation('log-matching', /leader truncated/, () => invariant.stepped(stepOf(server)));
  });

  it('lets a server of an earlier term than the commit give the entry up: it was no part of that quorum', () => {
    const history = historyOf([entryOf(1, 1)]);
    const invariant = new LogMatching(history);
    const entry = entryOf(2, 1);
    const server = new FakeServer(2).stage(append(entryOf(1, 1), entry), invariant);
    history.commit({ term: 1, index: 2, previousTerm: 1, entry, creator: 1 }, 3);
    server.term = 2;
    server.stage({ type: 'truncate', from: 2 }, invariant);
    server.stage(append(entry), invariant);
    server.term = 3;
    expectViolation('log-matching', /committed entry is truncated/, () =>
      server.stage({ type: 'truncate', from: 2 }, invariant),
    );
  });

  it('X10 catches a truncated entry that is committed, known to the server or not', () => {
    const history = historyOf([entryOf(1, 1), entryOf(2, 1)]);
    const invariant = new LogMatching(history);
    const server = new FakeServer(2).stage(append(entryOf(1, 1), entryOf(2, 1)), invariant);
    expectViolation('log-matching', /committed entry is truncated/, () =>
      server.stage({ type: 'truncate', from: 2 }, invariant),
    );
    server.commitIndex = 1;
    expectViolation('log-matching', /committed entry is truncated/, () =>
      server.stage({ type: 'truncate', from: 1 }, invariant),
    );
  });

  it("catches an entry made by another than its term's leader, also by one that dies of it", () => {
    const first = matching();
    const server = new FakeServer(2).stage(append(entryOf(1, 1)), first.invariant);
    expectViolation('log-matching', /made by another/, () => first.invariant.stepped(stepOf(server)));
    const second = matching();
    new FakeServer(2).stage(append(entryOf(1, 1)), second.invariant);
    expectViolation('log-matching', /made by another/, () => second.invariant.crashed());
  });
});

describe('commit quorum', () => {
  /** Three servers that all staged the same entries; who holds them durably is up to the test. */
  function cluster(ids: readonly NodeId[], configuration = THREE) {
    const history = new History(configuration);
    const matching = new LogMatching(history);
    const servers = new Map(ids.map((id) => [id, new FakeServer(id, configuration)]));
    history.leaders.set(1, 1);
    const leader = servers.get(1) as FakeServer; // every cluster here has a server 1
    leader.role = 'leader';
    return { history, matching, servers, leader, invariant: new CommitQuorum(history, servers) };
  }

  const entries = append(entryOf(1, 1, 'noop'), entryOf(2, 1));

  it('what a quorum holds durably is committed, P50 without the leader too', () => {
    const { matching, servers, leader, invariant } = cluster([1, 2, 3]);
    leader.stage(entries, matching);
    servers.get(2)?.both(entries, matching);
    servers.get(3)?.both(entries, matching);
    leader.commitIndex = 2;
    invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } }));
  });

  it('X20 catches a commit that counts what is staged and not durable', () => {
    const { matching, servers, leader, invariant } = cluster([1, 2, 3]);
    leader.stage(entries, matching);
    servers.get(2)?.both(entries, matching);
    leader.commitIndex = 2;
    expectViolation('commit-quorum', /no quorum holds/, () =>
      invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } })),
    );
  });

  it('P72 catches a joint commit that one half does not hold', () => {
    const joint = configurationOf([1, 2, 3], { votersOutgoing: [1, 4, 5] });
    const { matching, servers, leader, invariant } = cluster([1, 2, 3, 4, 5], joint);
    leader.both(entries, matching);
    servers.get(2)?.both(entries, matching);
    leader.commitIndex = 2;
    expectViolation('commit-quorum', /no quorum holds/, () =>
      invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } })),
    );
    servers.get(4)?.both(entries, matching);
    invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } }));
  });

  it('P78 a learner does not count', () => {
    const { matching, servers, leader, invariant } = cluster(
      [1, 2, 3],
      configurationOf([1, 2], { learners: [3] }),
    );
    leader.both(entries, matching);
    servers.get(3)?.both(entries, matching);
    leader.commitIndex = 2;
    expectViolation('commit-quorum', /no quorum holds/, () =>
      invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } })),
    );
  });

  it('P23 figure 8: catches a leader that counts replicas of an older term', () => {
    const { history, matching, servers, leader, invariant } = cluster([1, 2, 3]);
    history.leaders.set(2, 1);
    leader.both(entries, matching);
    servers.get(2)?.both(entries, matching);
    leader.term = 2;
    leader.commitIndex = 2;
    expectViolation('commit-quorum', /older term/, () =>
      invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } })),
    );
  });

  it('catches a follower that commits first, or another entry than the cluster', () => {
    const committed = [entryOf(1, 1), entryOf(2, 1)];
    const invariant = new CommitQuorum(historyOf(committed), new Map());
    const follower = new FakeServer(2).both(append(entryOf(1, 1), entryOf(2, 2)));
    follower.commitIndex = 3;
    expectViolation('commit-quorum', /does not lead commits/, () =>
      invariant.stepped(stepOf(follower, { before: { commitIndex: 0 } })),
    );
    follower.commitIndex = 2;
    expectViolation('commit-quorum', /another entry/, () =>
      invariant.stepped(stepOf(follower, { before: { commitIndex: 0 } })),
    );
  });

  it('catches a commit that does not go on from the committed log', () => {
    const { history, matching, leader, invariant } = cluster([1], configurationOf([1]));
    const other = entryOf(1, 5, 'normal', 'elsewhere');
    const record = { term: 5, index: 1, previousTerm: 0, entry: other, creator: 9 };
    history.register(record);
    history.commit(record, 5);
    leader.both(entries, matching);
    leader.commitIndex = 2;
    expectViolation('commit-quorum', /does not go on/, () =>
      invariant.stepped(stepOf(leader, { before: { commitIndex: 0 } })),
    );
  });

  it('catches a restart that believes more committed than anybody', () => {
    const server = new FakeServer(1);
    server.commitIndex = 1;
    expectViolation('commit-quorum', /ahead of every leader/, () =>
      new CommitQuorum(new History(THREE), new Map()).started(server),
    );
  });
});

describe('state machine safety', () => {
  const committed = [entryOf(1, 1, 'noop'), entryOf(2, 1), entryOf(3, 1, 'noop'), entryOf(4, 1)];

  function machine(): { server: FakeServer; invariant: StateMachineSafety; history: History } {
    const history = historyOf(committed);
    const invariant = new StateMachineSafety(history);
    const server = new FakeServer(1).both(append(...committed));
    server.commitIndex = 4;
    invariant.started(server, 0);
    return { server, invariant, history };
  }

  const apply = (...entries: ReturnType<typeof entryOf>[]) => [{ type: 'apply', entries } as const];

  it('commands in order, once, with noops passed over, are lawful', () => {
    const { server, invariant } = machine();
    invariant.stepped(stepOf(server, { actions: apply(entryOf(2, 1), entryOf(4, 1)) }));
  });

  it('X2 catches an entry applied twice', () => {
    const { server, invariant } = machine();
    invariant.stepped(stepOf(server, { actions: apply(entryOf(2, 1)) }));
    expectViolation('state-machine-safety', /twice or out of order/, () =>
      invariant.stepped(stepOf(server, { actions: apply(entryOf(2, 1)) })),
    );
  });

  it('catches a command passed over, in an apply or by lastApplied', () => {
    const { server, invariant } = machine();
    expectViolation('state-machine-safety', /passed over/, () =>
      invariant.stepped(stepOf(server, { actions: apply(entryOf(4, 1)) })),
    );
    server.lastApplied = 2;
    expectViolation('state-machine-safety', /passed over/, () => invariant.stepped(stepOf(server)));
  });

  it('catches another entry than the committed one, and a noop', () => {
    const { server, invariant } = machine();
    expectViolation('state-machine-safety', /not the committed one/, () =>
      invariant.stepped(stepOf(server, { actions: apply(entryOf(2, 1, 'normal', 'other')) })),
    );
    expectViolation('state-machine-safety', /not the committed one/, () =>
      invariant.stepped(stepOf(server, { actions: apply(entryOf(1, 1, 'noop')) })),
    );
  });

  it('catches what is applied before it is durable here, or committed', () => {
    const { server, invariant } = machine();
    server.stable.apply({ type: 'truncate', from: 2 });
    expectViolation('state-machine-safety', /before it is durable/, () =>
      invariant.stepped(stepOf(server, { actions: apply(entryOf(2, 1)) })),
    );
    server.lastApplied = 5;
    expectViolation('state-machine-safety', /beyond the commit index/, () =>
      invariant.stepped(stepOf(server)),
    );
  });

  it('X2 catches a snapshot that rolls back, is not committed, or is not durable yet', () => {
    const { server, invariant } = machine();
    const restore = (index: number, term: number) => {
      const snapshot: Snapshot = { index, term, configuration: THREE, data: new Uint8Array() };
      return stepOf(server, { actions: [{ type: 'restoreSnapshot', snapshot }] });
    };
    expectViolation('state-machine-safety', /before it is durable/, () => invariant.stepped(restore(3, 1)));
    expectViolation('state-machine-safety', /not committed/, () => invariant.stepped(restore(3, 2)));
    invariant.stepped(stepOf(server, { actions: apply(entryOf(2, 1), entryOf(4, 1)) }));
    expectViolation('state-machine-safety', /rolls the state machine back/, () =>
      invariant.stepped(restore(4, 1)),
    );
  });

  it('catches a state machine in another state than the committed log makes', () => {
    const { server, invariant, history } = machine();
    invariant.stateReached(server, 4, history.digestAt(4));
    expectViolation('state-machine-safety', /not what was committed/, () =>
      invariant.stateReached(server, 4, history.digestAt(2)),
    );
  });
});

describe('the configuration that counts', () => {
  it('§6 the newest configuration in the log is in force, committed or not', () => {
    const history = new History(configurationOf([1]));
    const matching = new LogMatching(history);
    const servers = new Map([1, 2].map((id) => [id, new FakeServer(id, configurationOf([1]))]));
    history.leaders.set(1, 1);
    const leader = servers.get(1) as FakeServer; // made above
    leader.role = 'leader';
    leader.both(append(entryOf(1, 1, 'noop'), configEntry(2, 1, configurationOf([1, 2]))), matching);
    leader.commitIndex = 2;
    expectViolation('commit-quorum', /no quorum holds/, () =>
      new CommitQuorum(history, servers).stepped(stepOf(leader, { before: { commitIndex: 0 } })),
    );
  });
});
