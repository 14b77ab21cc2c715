// How replies are gathered.

import { expect, it } from 'vitest';
import { OPERATION } from '../src/operation/operation.js';
import { Lane, type ReplyPlace } from '../src/server/lane.js';
import { OperationScheduler } from '../src/server/operation-scheduler.js';
import { DEFAULT_SERVER_LIMITS } from '../src/server/server-limits.js';
import { LocalReplica } from './local-replica.js';

it('entries that are applied together are told to a connection once, in order', async () => {
  const replica = new LocalReplica();
  const scheduler = new OperationScheduler({
    replica,
    readState: (operation) => replica.stateMachine.read(operation),
    explain: () => null,
    defer: setImmediate,
    limits: { ...DEFAULT_SERVER_LIMITS, entryOperationsMax: 1 },
  });
  const told: unknown[][] = [];
  const places: ReplyPlace[] = Array.from({ length: 5 }, () => ({ reply: undefined }));
  const lane: Lane = new Lane(() => told.push(places.map(({ reply }) => reply)));
  replica.hold();
  for (const place of places) {
    const operation = { code: OPERATION.increment, args: ['n', '1'] };
    scheduler.submit({ operation, isWrite: true, key: 'n', lane, place, finish: undefined });
  }
  while (replica.proposals < 5) await new Promise((resolve) => setImmediate(resolve));
  replica.release();
  while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([[1, 2, 3, 4, 5]]);
});
