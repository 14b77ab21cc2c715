// The log of a server that is at rest: it writes by itself (idle frames), and that can fail.

import { FaultVfs } from '@waldb/testkit';
import { expect, it, onTestFinished } from 'vitest';
import { RaftServer, type RuntimeError } from '../src/index.js';
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
