// State machines that must be equal, and clients that must be able to believe it: planted violations.

import type { ApplyContext } from '@waldb/runtime';
import { describe, expect, it } from 'vitest';
import { ClientHistories } from '../../src/cluster-checks/client-histories.js';
import { ReplicatedMachines } from '../../src/cluster-checks/replicated-machines.js';
import { SettledRequests } from '../../src/cluster-checks/settled-requests.js';
import type { ClientOutcome } from '../../src/cluster-sim/cluster-observer.js';
import { counterModel } from '../../src/linearizability/models/counter.js';
import { anyModel } from '../../src/linearizability/sequential-model.js';
import { entryOf, expectViolation } from '../support/fake-server.js';
import { lifeOf, operationOf } from '../support/planted.js';

const context: ApplyContext = { timeOf: () => 0 };
const after = (digest: string) => ({ digest: () => digest, context });

describe('replicated-machines', () => {
  const withOne = (): ReplicatedMachines => {
    const check = new ReplicatedMachines();
    check.serverStarting(lifeOf(1));
    check.applied(lifeOf(1), [entryOf(2, 1, 'normal', 'add 1')], [1], after('one'));
    check.applied(lifeOf(1), [entryOf(3, 1, 'normal', 'add 2')], [3], after('three'));
    check.serverStarting(lifeOf(2));
    return check;
  };

  it('finds different states after the same commands, and says where, who, after what and since when', () => {
    const check = withOne();
    check.applied(lifeOf(2), [entryOf(2, 1, 'normal', 'add 1')], [1], after('one'));
    expectViolation(
      'replicated-machines',
      /server 1 in its life 1 and server 2 in its life 1 .*state at index 3: three and 3.01, after the command "add 2"\. They agreed at index 2\./,
      () => check.applied(lifeOf(2), [entryOf(3, 1, 'normal', 'add 2')], [3], after('3.01')),
    );
  });

  it('finds different results in the middle of a batch', () => {
    expectViolation('replicated-machines', /result at index 2: 1 and 1.5/, () =>
      withOne().applied(
        lifeOf(2),
        [entryOf(2, 1, 'normal', 'add 1'), entryOf(3, 1, 'normal', 'add 2')],
        [1.5, 3],
        after('three'),
      ),
    );
  });

  it('finds a command that was left out or changed', () => {
    for (const entries of [
      [entryOf(3, 1, 'normal', 'add 2')],
      [entryOf(2, 1, 'normal', 'add 9'), entryOf(3, 1, 'normal', 'add 2')],
    ])
      expectViolation('replicated-machines', /were given different commands up to index/, () =>
        withOne().applied(
          lifeOf(2),
          entries,
          entries.map((_, i) => [1, 3][i]),
          after('three'),
        ),
      );
  });

  it('finds an entry that comes twice, and a snapshot that leads back', () => {
    expectViolation('replicated-machines', /twice, or out of order/, () =>
      withOne().applied(lifeOf(1), [entryOf(3, 1, 'normal', 'add 2')], [3], after('three')),
    );
    expectViolation('replicated-machines', /led a state machine back/, () =>
      withOne().restored(lifeOf(1), 2, () => 'one'),
    );
  });

  it('finds an image that is not the state at its index, taken or restored', () => {
    expectViolation('replicated-machines', /Server 2 restored a snapshot of index 5/, () =>
      withOne().restored(lifeOf(2), 5, () => 'half'),
    );
    expectViolation('replicated-machines', /Server 1 took a snapshot of index 3/, () =>
      withOne().snapshotTaken(lifeOf(1), 3, () => 'one'),
    );
  });

  it('goes on from a restored snapshot as if every command before it had been applied', () => {
    const check = withOne();
    check.restored(lifeOf(2), 4, () => 'three');
    check.applied(lifeOf(1), [entryOf(5, 1, 'normal', 'add 3')], [6], after('six'));
    expect(() =>
      check.applied(lifeOf(2), [entryOf(5, 1, 'normal', 'add 3')], [6], after('six')),
    ).not.toThrow();
  });

  it('finds a machine that gives fewer results than it was given commands', () => {
    expectViolation('replicated-machines', /another number of results/, () =>
      withOne().applied(lifeOf(2), [entryOf(2, 1, 'normal', 'add 1')], [], after('one')),
    );
  });
});

describe('client-histories', () => {
  // The counter's words are what these tests speak.
  const model = anyModel(() => counterModel);
  const done = (output: unknown, at: number): ClientOutcome => ({ type: 'done', output, at });
  const run = (...operations: [ReturnType<typeof operationOf>, ClientOutcome][]) => {
    const check = new ClientHistories(model);
    for (const [operation, outcome] of operations) {
      check.clientBegan(operation);
      check.clientEnded(operation, outcome);
    }
    return () => check.finished();
  };
  const read = { type: 'read', input: { type: 'read' }, consistency: 'linearizable' } as const;
  const unknown = (at: number): ClientOutcome => ({ type: 'unknown', error: undefined, at });
  const refused = (at: number): ClientOutcome => ({ type: 'refused', error: undefined as never, at });

  it('find a stale read, a lost write and a write that took effect twice', () => {
    expectViolation(
      'client-histories',
      /not linearizable/,
      run([operationOf(1), done(1, 2)], [operationOf(3, read), done(0, 4)]),
    );
    expectViolation(
      'client-histories',
      /not linearizable/,
      run([operationOf(1), done(1, 2)], [operationOf(3), done(1, 4)]),
    );
    expectViolation('client-histories', /not linearizable/, run([operationOf(1), done(2, 2)]));
  });

  it('find a refusal that took effect all the same, and let an unknown outcome do so', () => {
    expectViolation(
      'client-histories',
      /not linearizable/,
      run([operationOf(1), refused(2)], [operationOf(3, read), done(1, 4)]),
    );
    expect(run([operationOf(1), unknown(2)], [operationOf(3, read), done(1, 4)])).not.toThrow();
    expect(run([operationOf(1), unknown(2)], [operationOf(3, read), done(0, 4)])).not.toThrow();
  });

  it('take all tries of a request of a session for one operation', () => {
    const session = { cluster: 'c', session: 9, sequence: 1, acknowledged: 0 };
    expect(
      run(
        [operationOf(1, { session }), unknown(2)],
        [operationOf(3, { session }), done(1, 4)],
        [operationOf(5, read), done(1, 6)],
      ),
    ).not.toThrow();
    expectViolation(
      'client-histories',
      /not linearizable/,
      run([operationOf(1, { session }), unknown(2)], [operationOf(3, { session }), done(2, 4)]),
    );
    expectViolation('client-histories', /answered with two results/, () =>
      run([operationOf(1, { session }), done(1, 2)], [operationOf(3, { session }), done(2, 4)]),
    );
  });

  it('ask nothing of an eventual read', () => {
    const eventual = { ...read, consistency: 'eventual' } as const;
    expect(run([operationOf(1), done(1, 2)], [operationOf(3, eventual), done(0, 4)])).not.toThrow();
  });
});

describe('settled-requests', () => {
  const server = (life: number) => ({ life: lifeOf(1, life), server: undefined as never, digest: '' });

  it('finds a request that is settled twice, or was never made', () => {
    const check = new SettledRequests(100);
    check.clientBegan(operationOf(1));
    check.clientEnded(operationOf(1));
    expectViolation('settled-requests', /settled twice/, () => check.clientEnded(operationOf(1)));
    expectViolation('settled-requests', /never made/, () => check.clientEnded(operationOf(2)));
  });

  it('finds one that a living server keeps for ever, and not one that died with its server or is young', () => {
    const check = new SettledRequests(100);
    check.clientBegan(operationOf(1));
    expectViolation('settled-requests', /never settled/, () => check.finished([server(1)], 500));
    expect(() => check.finished([server(2)], 500)).not.toThrow();
    expect(() => check.finished([server(1)], 50)).not.toThrow();
  });
});
