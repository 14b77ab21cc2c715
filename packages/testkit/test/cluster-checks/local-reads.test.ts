// What eventual reads may show: planted answers from another history, and answers that go back.

import type { ReadConsistency } from '@waldb/runtime';
import { describe, expect, it } from 'vitest';
import { LocalReads } from '../../src/cluster-checks/local-reads.js';
import { expectViolation } from '../support/fake-server.js';
import { lifeOf, operationOf } from '../support/planted.js';

describe('local-reads', () => {
  let number = 0;
  const shows = (
    check: LocalReads,
    list: string,
    server = lifeOf(1),
    consistency: ReadConsistency = 'eventual',
  ): void => {
    number += 1;
    const operation = operationOf(number, { type: 'read', key: 'a', server, consistency });
    check.clientEnded(operation, { type: 'done', output: list.split(''), at: number });
  };

  it('finds an eventual read of a history that nobody else has', () => {
    const check = new LocalReads();
    shows(check, 'xyz', lifeOf(1), 'linearizable');
    shows(check, 'xy', lifeOf(2));
    expectViolation('local-reads', /two histories/, () => shows(check, 'xq', lifeOf(3)));
  });

  it('finds a server that shows less than before, and lets others, and its next life, be behind', () => {
    const check = new LocalReads();
    shows(check, 'xyz');
    expect(() => shows(check, 'x', lifeOf(2))).not.toThrow();
    expectViolation('local-reads', /shows less/, () => shows(check, 'xy'));
    check.serverStarting(lifeOf(1, 2));
    expect(() => shows(check, 'x', lifeOf(1, 2))).not.toThrow();
    expect(() => shows(check, 'xyzw', lifeOf(1, 2))).not.toThrow();
  });
});
