// The log of a server that is at rest: it writes by itself (idle frames), and that can fail.

import { RaftNode } from '@waldb/core';
import { NodeClock } from '@waldb/io';
import { FaultVfs } from '@waldb/testkit';
import { WalLog } from '@waldb/wal';
import { expect, it, onTestFinished } from 'vitest';
import { RaftServer, RuntimeError } from '../src/index.js';
import { MembershipRequests } from '../src/request/membership-requests.js';
import { freeAddresses, WAIT } from './support/cluster.js';
import { ListMachine } from './support/list-machine.js';

const IDLE_FRAME_BYTES = 64;

it.each([
  ['a write that blocks', true],
  ['a write by callback', false],
])(
  'W23: an idle frame that fails, by %s, stops the server with STORAGE and ends no process',
  async (_name, blocksForQuickDisk) => {
    const [address = ''] = await freeAddresses(1);
    const vfs = new FaultVfs();
    const server = await RaftServer.start({
      id: 1,
      directory: '/data',
      bootstrap: { members: { 1: address } },
      stateMachine: new ListMachine(),
      tickMs: 10,
      vfs,
      blocksForQuickDisk,
    });
    onTestFinished(() => server.close({ transfer: false }).catch(() => {})); // the log that failed says so again
    const errors: RuntimeError[] = [];
    server.on('error', (error) => errors.push(error));
    await expect.poll(() => server.status().leadership?.isReady, WAIT).toBe(true);
    await server.propose(new Uint8Array([1]));
    vfs.faults = ({ type, bytes }) =>
      type === 'writeDurably' && bytes === IDLE_FRAME_BYTES ? { type: 'error', code: 'EIO' } : undefined;
    await expect.poll(() => errors.map(({ code }) => code), WAIT).toEqual(['STORAGE']);
  },
);

it('a log that has failed, and whose server does not know yet, is told as STORAGE to whoever waits for a learner', async () => {
  const vfs = new FaultVfs();
  const log = await WalLog.open('/log', { vfs });
  const node = RaftNode.withLog({ id: 1, peers: [2] }, log, { durability: 'deferred' });
  vfs.faults = ({ type }) => (type === 'writeDurably' ? { type: 'error', code: 'EIO' } : undefined);
  log.setHardState({ term: 1, votedFor: 1 });
  await expect(log.flush()).rejects.toMatchObject({ code: 'WAL_POISONED' });
  const requests = new MembershipRequests({
    node,
    clock: new NodeClock(),
    pollMs: 1,
    silenceMs: 1000,
    change: async () => {},
    failure: () => undefined,
    notLeader: () => new RuntimeError('NOT_LEADER', 'Nobody leads.'),
  });
  await expect(requests.waitUntilCaughtUp(2, {})).rejects.toMatchObject({
    name: 'RuntimeError',
    code: 'STORAGE',
  });
});
