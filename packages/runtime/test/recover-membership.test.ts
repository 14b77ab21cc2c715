// A survivor becomes a cluster of its own: offline, repeatable after a crash anywhere, and never one with the old cluster.

import { join } from 'node:path';
import { encodeEntry } from '@waldb/core';
import { createDirectory } from '@waldb/io';
import { FaultVfs } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { readIdentity } from '../src/directory/identity.js';
import { closeStore, openStore, type Store } from '../src/directory/store.js';
import { configurationInLog } from '../src/membership/log-configuration.js';
import { recoverMembership } from '../src/membership/recover-membership.js';
import { Cluster, freeAddresses, startServer, WAIT } from './support/cluster.js';
import { bytes, ListMachine } from './support/list-machine.js';

const MEMBERS = { 1: '127.0.0.1:7201', 2: '127.0.0.1:7202', 3: '127.0.0.1:7203' };
const yes = () => true;

function open(vfs: FaultVfs, isFounding = false): Promise<Store> {
  const options = { id: 1, directory: '/data', stateMachine: new ListMachine() };
  return openStore(vfs, isFounding ? { ...options, bootstrap: { members: MEMBERS } } : options);
}

/** The disk of server 1 of three, with some entries. */
async function survivor(): Promise<FaultVfs> {
  const vfs = new FaultVfs();
  for (const directory of ['/data', '/else']) createDirectory(vfs, directory);
  const store = await open(vfs, true);
  store.log.setHardState({ term: 3, votedFor: 2 });
  store.log.append(
    [1, 2, 3].map((index) => encodeEntry({ index, term: 2, kind: 'normal', command: bytes('x') })),
  );
  store.log.sync();
  await closeStore(store);
  return vfs;
}

describe('recovering a membership', () => {
  it('makes this server the only voter, in a new term and a new cluster, and says so in its identity', async () => {
    const vfs = await survivor();
    const old = readIdentity(vfs, '/data/identity')?.clusterId ?? '';
    const report = await recoverMembership({ directory: '/data', vfs, confirm: yes });
    expect(report).toMatchObject({
      id: 1,
      cluster: old,
      lastIndex: 3,
      lastTerm: 2,
      term: 3,
      newTerm: 4,
      index: 5,
    });
    const store = await open(vfs);
    expect(store.identity.clusterId).not.toBe(old);
    expect(store.identity.recovery).toEqual({ from: old, index: 5, term: 4, state: 'done' });
    expect(store.log.hardState()).toEqual({ term: 4, votedFor: 1 });
    expect(configurationInLog(store.log)).toMatchObject({ voters: [1], learners: [] });
    expect(new TextDecoder().decode(store.log.entry(4)?.command)).toContain(old);
    await closeStore(store);
    await expect(open(vfs, true)).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: expect.stringContaining('was recovered'),
    });
  });

  it('changes nothing before it is confirmed, and refuses what cannot be', async () => {
    const vfs = await survivor();
    const before = readIdentity(vfs, '/data/identity');
    expect(await recoverMembership({ directory: '/data', vfs, confirm: () => false })).toBeUndefined();
    expect(readIdentity(vfs, '/data/identity')).toEqual(before);
    const members = { 2: '127.0.0.1:7202' };
    await expect(recoverMembership({ directory: '/data', members, vfs, confirm: yes })).rejects.toMatchObject(
      {
        code: 'OPTIONS_INVALID',
      },
    );
    await expect(recoverMembership({ directory: '/else', vfs, confirm: yes })).rejects.toMatchObject({
      code: 'IDENTITY_MISSING',
    });
    const running = await open(vfs);
    await expect(recoverMembership({ directory: '/data', vfs, confirm: yes })).rejects.toMatchObject({
      code: 'WAL_LOCKED',
    });
    await closeStore(running);
  });

  it('interrupted anywhere it leaves the old server, or one that does not start; run again it is finished', async () => {
    const seen = new Set<string>();
    for (let number = 1; !seen.has('all'); number++) {
      const vfs = await survivor();
      const old = readIdentity(vfs, '/data/identity')?.clusterId;
      const start = vfs.operations.length;
      vfs.faults = (operation) =>
        operation.type !== 'read' && operation.number === start + number ? { type: 'powerLoss' } : undefined;
      const done = await recoverMembership({ directory: '/data', vfs, confirm: yes }).catch(() => undefined);
      if (done !== undefined) seen.add('all');
      const disk = vfs.reopen({ type: 'powerLoss', survival: 'any', seed: number });
      seen.add(await stateAfter(disk, old));
      const again = await recoverMembership({ directory: '/data', vfs: disk, confirm: yes });
      const store = await open(disk);
      expect(store.identity.clusterId).toBe(again?.newCluster);
      expect(configurationInLog(store.log)?.voters).toEqual([1]);
      expect(store.log.entry(1)?.command).toEqual(bytes('x'));
      await closeStore(store);
    }
    expect([...seen].sort()).toEqual(['all', 'done', 'old', 'unfinished']);
  });

  it('goes on with what it had, takes new servers in, and is no peer of the old ones any more', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    for (const id of cluster.ids) await cluster.closeOne(id);
    const directory = join(cluster.root, '1');
    const report = await recoverMembership({ directory, confirm: yes });
    const { server, machine } = await startServer({ id: 1, directory });
    await expect.poll(() => machine.items, WAIT).toEqual(['a']);
    expect(server.status()).toMatchObject({ clusterId: report?.newCluster, recovery: { state: 'done' } });
    expect(await server.propose(bytes('b'))).toBe(2);
    // The others come back, and are a majority of the old cluster: neither side listens to the other.
    const reasons: unknown[] = [];
    const note = (fields: object) => reasons.push('reason' in fields ? fields.reason : undefined);
    const logger = { debug() {}, info() {}, warn: note, error: note };
    await cluster.startOne(2, { logger });
    await cluster.startOne(3);
    await expect.poll(() => reasons, WAIT).toContain('CLUSTER_MISMATCH');
    expect(server.isLeader).toBe(true);
    expect(machine.items).toEqual(['a', 'b']);
    await cluster.closeOne(3);
    cluster.wipe(3);
    cluster.members.set(1, { server, machine });
    cluster.members.delete(2);
    const joined = await cluster.startJoining(3);
    await server.addServer(3, joined.address);
    await expect.poll(() => joined.machine.items, WAIT).toEqual(['a', 'b']);
  });
});

/** Never: the old cluster's identity over a log in which this server alone decides. */
async function stateAfter(disk: FaultVfs, old: string | undefined): Promise<string> {
  try {
    const store = await open(disk);
    const isOld = store.identity.clusterId === old;
    expect(configurationInLog(store.log)?.voters).toEqual(isOld ? undefined : [1]);
    await closeStore(store);
    return isOld ? 'old' : 'done';
  } catch (error) {
    expect(error).toMatchObject({ code: 'RECOVERY_UNFINISHED' });
    return 'unfinished';
  }
}

it('makes a voter also of a survivor that had once joined: the server starts and leads', async () => {
  const vfs = new FaultVfs();
  const [address = ''] = await freeAddresses(1);
  const joining = { id: 4, directory: '/data', stateMachine: new ListMachine(), listen: address };
  const store = await openStore(vfs, { ...joining, join: { members: MEMBERS, cluster: 'old' } });
  store.log.append([encodeEntry({ index: 1, term: 2, kind: 'normal', command: bytes('x') })]);
  store.log.sync();
  await closeStore(store);
  await recoverMembership({ directory: '/data', vfs, confirm: yes });
  const { server } = await startServer({ ...joining, vfs });
  await expect.poll(() => server.isLeader, WAIT).toBe(true);
  expect(server.status().configuration).toMatchObject({ voters: [4], learners: [] });
});
