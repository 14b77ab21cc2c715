// `waldb bench` against a real store: it counts what was answered, and leaves nothing behind.

import { join } from 'node:path';
import { NodeNetwork } from '@waldb/io';
import { afterEach, describe, expect, it } from 'vitest';
import { RespConnection } from '../src/bench/resp-connection.js';
import { OPEN_ACCESS } from '../src/clients/store-access.js';
import { freeAddresses } from './support/free-addresses.js';
import { cleanUp, makeDirectory, runWaldb, spawnWaldb } from './support/run-waldb.js';

const WAIT = { timeout: 45_000, interval: 100 };

afterEach(cleanUp);

async function startStore(): Promise<{ address: string; ask: (...words: string[]) => Promise<unknown> }> {
  const [address = '', peer = ''] = await freeAddresses(2);
  const [host = '', port = ''] = address.split(':');
  const args = ['serve', '--directory', join(makeDirectory(), 'data'), '--port', port];
  spawnWaldb([...args, '--peer-listen', peer, '--log-level', 'silent']);
  const ask = async (...words: string[]): Promise<unknown> => {
    const connection = await RespConnection.open({ host, port: Number(port) }, OPEN_ACCESS);
    try {
      return await connection.ask(...words);
    } finally {
      connection.close();
    }
  };
  await expect.poll(() => ask('SET', 'mine', '1').catch(() => 'not yet'), WAIT).toBe('OK');
  return { address, ask };
}

describe('waldb bench', () => {
  it('measures reads and writes, and takes its keys away', async () => {
    const { address, ask } = await startStore();
    const short = ['bench', '--server', address, '--seconds', '1', '--clients', '4', '--pipeline', '3'];
    const { exitCode, stdout } = await runWaldb([...short, '--reads', '50', '--keys', '20', '--json']);
    expect(exitCode).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ server: address, clients: 4, pipeline: 3, reads: 50, errors: {} });
    for (const operation of ['SET', 'GET']) {
      const { count, perSecond, latencyMicroseconds } = result.operations[operation];
      expect(count).toBeGreaterThan(0);
      expect(perSecond).toBeCloseTo(count / result.seconds);
      const { mean, p50, p99, max } = latencyMicroseconds;
      expect(mean).toBeGreaterThan(0);
      expect(p50).toBeLessThanOrEqual(p99);
      expect(p99).toBeLessThanOrEqual(max);
    }
    // Only what was there before is there.
    expect(await ask('DBSIZE')).toBe(1);
    const table = await runWaldb([...short, '--keys', '20', '--keep']);
    expect(table.stdout).toMatch(
      /^4 clients, 3 commands at a time, values of 100 B, 20 keys, .*\n\nOPERATION +COUNT +PER SECOND .*\nSET +\d/,
    );
    expect(await ask('DBSIZE')).toBe(21);
  }, 60_000);

  it('says who does not answer, and what is no store', async () => {
    const [nobody = '', other = ''] = await freeAddresses(2);
    expect(await runWaldb(['bench', '--server', nobody])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `waldb: No store answers at ${nobody}: nothing listens there.\n`,
    });
    const [host = '', port = '0'] = other.split(':');
    const listener = await new NodeNetwork().listen({ host, port: Number(port) }, (stream) => {
      stream.destroy();
      return { onData: () => undefined, onDrain: () => undefined, onClose: () => undefined };
    });
    const closed = await runWaldb(['bench', '--server', other]);
    await listener.close();
    expect(closed).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^waldb: A connection to the store broke off: /),
    });
  }, 60_000);
});
