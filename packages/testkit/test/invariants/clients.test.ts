// Planted violations for the invariants that clients and operators rely on: reads, proposals, memberships.

import type { Action, Configuration, Event } from '@waldb/core';
import { describe, it } from 'vitest';
import { AcknowledgedProposals } from '../../src/invariants/acknowledged-proposals.js';
import { LinearizableReads } from '../../src/invariants/linearizable-reads.js';
import { MembershipRules } from '../../src/invariants/membership-rules.js';
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

describe('linearizable reads', () => {
  const context = new Uint8Array([7]);
  const ask: Event = { type: 'read', context };
  const ready = (index: number): Action => ({ type: 'readReady', context, index });

  function reader() {
    const history = historyOf([entryOf(1, 1), entryOf(2, 1)]);
    const invariant = new LinearizableReads(history);
    const server = new FakeServer(1);
    invariant.started(server);
    invariant.stepped(stepOf(server));
    return { invariant, server };
  }

  it('P110 an answer that covers everything committed when asked is lawful', () => {
    const { invariant, server } = reader();
    invariant.stepped(stepOf(server, { event: ask }));
    invariant.stepped(stepOf(server, { actions: [ready(2)] }));
  });

  it('P112 catches an answer older than the question, also in the same step', () => {
    const { invariant, server } = reader();
    expectViolation('linearizable-reads', /older than its question/, () =>
      invariant.stepped(stepOf(server, { event: ask, actions: [ready(1)] })),
    );
  });

  it('catches an answer that waits for what is not committed', () => {
    const { invariant, server } = reader();
    expectViolation('linearizable-reads', /not committed/, () =>
      invariant.stepped(stepOf(server, { event: ask, actions: [ready(3)] })),
    );
  });

  it('catches an answer told twice, and one to an earlier life', () => {
    const { invariant, server } = reader();
    invariant.stepped(stepOf(server, { event: ask, actions: [ready(2)] }));
    expectViolation('linearizable-reads', /told twice/, () =>
      invariant.stepped(stepOf(server, { actions: [ready(2)] })),
    );
    invariant.stepped(stepOf(server, { event: ask }));
    invariant.crashed(server);
    invariant.started(server);
    expectViolation('linearizable-reads', /this life did not ask/, () =>
      invariant.stepped(stepOf(server, { actions: [ready(2)] })),
    );
  });
});

describe('acknowledged proposals', () => {
  const command = new TextEncoder().encode('2');
  const propose: Event = { type: 'propose', command };
  const proposed = (first: number, last: number): Action => ({ type: 'proposed', first, last, term: 1 });

  function proposer(...committed: ReturnType<typeof entryOf>[]) {
    const history = historyOf(committed);
    const invariant = new AcknowledgedProposals(history);
    const server = new FakeServer(1).both(append(entryOf(1, 1), entryOf(2, 1)));
    invariant.started(server);
    return { invariant, server };
  }

  it('a proposal at its index that stays committed is lawful', () => {
    const { invariant, server } = proposer(entryOf(1, 1), entryOf(2, 1));
    invariant.stepped(stepOf(server, { event: propose, actions: [proposed(2, 2)] }));
    invariant.stepped(stepOf(server, { actions: [{ type: 'apply', entries: [entryOf(2, 1)] }] }));
    invariant.finished();
  });

  it('catches a proposal without an index, at another one, or a batch of another size', () => {
    const { invariant, server } = proposer();
    expectViolation('acknowledged-proposals', /without saying where/, () =>
      invariant.stepped(stepOf(server, { event: propose })),
    );
    expectViolation('acknowledged-proposals', /not at the index/, () =>
      invariant.stepped(stepOf(server, { event: propose, actions: [proposed(1, 1)] })),
    );
    expectViolation('acknowledged-proposals', /another number/, () =>
      invariant.stepped(stepOf(server, { event: propose, actions: [proposed(1, 2)] })),
    );
  });

  it('catches an acknowledged proposal that is lost', () => {
    const { invariant, server } = proposer(entryOf(1, 1), entryOf(2, 1, 'normal', 'another'));
    invariant.stepped(stepOf(server, { event: propose, actions: [proposed(2, 2)] }));
    invariant.stepped(stepOf(server, { actions: [{ type: 'apply', entries: [entryOf(2, 1)] }] }));
    expectViolation('acknowledged-proposals', /is lost/, () => invariant.finished());
  });

  it('catches a command that is committed twice', () => {
    const { invariant } = proposer(entryOf(1, 1, 'normal', 'same'), entryOf(2, 1, 'normal', 'same'));
    expectViolation('acknowledged-proposals', /committed twice/, () => invariant.finished());
  });
});

describe('membership rules', () => {
  /** A leader in term 1 with a committed noop, about to stage a change. */
  function leader(initial: Configuration = THREE) {
    const noop = entryOf(1, 1, 'noop');
    const invariant = new MembershipRules(historyOf([noop], initial));
    const server = new FakeServer(1, initial).both(append(noop));
    server.role = 'leader';
    server.commitIndex = 1;
    const change = (index: number, configuration: Configuration) => {
      server.stage(append(configEntry(index, 1, configuration)), invariant);
      server.configuration = configuration;
      invariant.stepped(stepOf(server, { before: { stagedSeq: -1 } }));
    };
    return { invariant, server, change };
  }

  it('P70 one server more or less is a lawful step', () => {
    leader().change(2, configurationOf([1, 2, 3, 4]));
    leader().change(2, configurationOf([1, 2]));
    leader().change(2, configurationOf([1, 2, 3], { learners: [4] }));
  });

  it('P72 into a joint configuration and out of it are lawful steps', () => {
    leader().change(2, configurationOf([4, 5], { votersOutgoing: [1, 2, 3] }));
    const joint = configurationOf([4, 5], { votersOutgoing: [1, 2, 3] });
    leader(joint).change(2, configurationOf([4, 5], { learners: [3] }));
  });

  it.each([
    ['X19 two voters at once', THREE, configurationOf([1, 2, 3, 4, 5])],
    ['one voter for another', THREE, configurationOf([1, 2, 4])],
    [
      'a joint configuration whose old half is another',
      THREE,
      configurationOf([4], { votersOutgoing: [1, 2] }),
    ],
    [
      'leaving a joint configuration for other voters',
      configurationOf([4, 5], { votersOutgoing: [1, 2, 3] }),
      configurationOf([4]),
    ],
  ])('catches %s', (_what, before, after) => {
    expectViolation('membership-rules', /disjoint/, () => leader(before).change(2, after));
  });

  it('P80 catches a configuration without voters', () => {
    expectViolation('membership-rules', /never be in force/, () =>
      leader(configurationOf([1])).change(2, configurationOf([])),
    );
  });

  it('catches a server that is voter and learner', () => {
    expectViolation('membership-rules', /never be in force/, () =>
      leader().change(2, configurationOf([1, 2, 3], { learners: [3] })),
    );
  });

  it('P75 catches a second change before the first is committed', () => {
    const { change } = leader();
    change(2, configurationOf([1, 2, 3, 4]));
    expectViolation('membership-rules', /at once/, () => change(3, configurationOf([1, 2, 3, 4, 5])));
  });

  it('P74 X3 catches a change before an own-term commit', () => {
    const { server, invariant } = leader();
    server.term = 2;
    server.stage(append(configEntry(2, 2, configurationOf([1, 2]))), invariant);
    expectViolation('membership-rules', /own term/, () => invariant.stepped(stepOf(server)));
  });

  it('P76 catches a configuration in force that is not the newest in the log', () => {
    const { server, invariant } = leader();
    server.configuration = configurationOf([1, 2]);
    expectViolation('membership-rules', /not the newest/, () =>
      invariant.stepped(stepOf(server, { before: { stagedSeq: -1 } })),
    );
  });

  it("P94 catches a snapshot with another configuration than its index's", () => {
    const { server, invariant } = leader();
    const snapshot = { index: 1, term: 1, configuration: configurationOf([1]), data: new Uint8Array() };
    expectViolation('membership-rules', /in force at its index/, () =>
      server.stage({ type: 'snapshot', snapshot }, invariant),
    );
    server.stage({ type: 'snapshot', snapshot: { ...snapshot, configuration: THREE } }, invariant);
  });
});
