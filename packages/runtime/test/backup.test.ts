// A backup becomes a new cluster: whole or not at all, after a crash anywhere, and never one with the old cluster.

import { join } from 'node:path';
import { createDirectory } from '@waldb/io';
import { writeSnapshotFile } from '@waldb/snapshot';
import { FaultVfs } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { restoreBackup } from '../src/backup/restore-backup.js';
import { closeStore, openStore } from '../src/directory/store.js';
import { configurationInLog } from '../src/membership/log-configuration.js';
import { RuntimeError } from '../src/runtime-error.js';
import { SessionTable } from '../src/session/session-table.js';
import { beginImage } from '../src/snapshot/snapshot-image.js';
import { Cluster, freeAddresses, startServer, WAIT } from './support/cluster.js';
import { bytes, ListMachine } from './support/list-machine.js';

const FILE = '/backups/store.backup';
const MEMBERS = { 1: '127.0.0.1:7201', 2: '127.0.0.1:7202' };
const DIRECTORIES = { 1: '/new/1', 2: '/new/2' };
const POSITION = {
  index: 7,
  term: 3,
  configuration: {
    voters: [5],
    ...{ learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false, addresses: {} },
  },
};

/** A disk with a backup of a list of two. */
async function diskWithBackup(): Promise<FaultVfs> {
  const vfs = new FaultVfs();
  for (const directory of ['/backups', '/new']) createDirectory(vfs, directory);
  const stateMachine = new ListMachine();
  stateMachine.items.push('a', 'b');
  const image = beginImage({ replicatedState: new SessionTable(), stateMachine });
  await writeSnapshotFile(FILE, POSITION, image, { vfs });
  return vfs;
}

function restore(vfs: FaultVfs): ReturnType<typeof restoreBackup> {
  return restoreBackup({ file: FILE, members: MEMBERS, directories: DIRECTORIES, vfs });
}

/** What a start finds: nothing, `unfinished`, or `done` with all that was saved. */
async function stateOf(vfs: FaultVfs, id: 1 | 2): Promise<string> {
  if (!vfs.isDirectory(DIRECTORIES[id])) return 'nothing';
  const stateMachine = new ListMachine();
  try {
    const store = await openStore(vfs, { id, directory: DIRECTORIES[id], stateMachine });
    const snapshot = store.log.snapshot();
    expect(snapshot).toMatchObject({ index: 7, term: 3 });
    expect(configurationInLog(store.log)).toMatchObject({ voters: [1, 2], addresses: MEMBERS });
    if (snapshot !== undefined)
      await store.images.restore(snapshot, { replicatedState: new SessionTable(), stateMachine });
    expect(stateMachine.items).toEqual(['a', 'b']);
    await closeStore(store);
    return 'done';
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    const { code, message } = error as RuntimeError; // as was just seen
    if (code === 'IDENTITY_MISSING') return 'nothing';
    expect([code, message]).toEqual(['RESTORE_UNFINISHED', expect.any(String)]);
    return 'unfinished';
  }
}

describe('restoring a backup', () => {
  it('makes servers of one new cluster, all in the state of the backup, that have voted for nobody', async () => {
    const vfs = await diskWithBackup();
    const { cluster: id, backup } = await restore(vfs);
    expect(backup).toMatchObject({ index: 7, term: 3, configuration: { voters: [5] } });
    expect([await stateOf(vfs, 1), await stateOf(vfs, 2)]).toEqual(['done', 'done']);
    const stores = [];
    for (const nth of [1, 2] as const) {
      const store = await openStore(vfs, {
        ...{ id: nth, directory: DIRECTORIES[nth], stateMachine: new ListMachine() },
        // Who names the members of the restore means this cluster, although its id does not follow from them.
        bootstrap: { members: MEMBERS },
      });
      expect(store.identity).toMatchObject({ clusterId: id, id: nth, restored: { state: 'done', index: 7 } });
      expect(store.log.hardState()).toEqual({ term: 3, votedFor: undefined });
      stores.push(store);
    }
    expect(stores[0]?.log.logId).not.toBe(stores[1]?.log.logId);
    for (const store of stores) await closeStore(store);
    const others = { 1: '127.0.0.1:7201', 2: '127.0.0.1:9999' };
    await expect(
      openStore(vfs, {
        id: 1,
        directory: '/new/1',
        stateMachine: new ListMachine(),
        bootstrap: { members: others },
      }),
    ).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' });
    // Another restore of the same file with the same members is another cluster.
    const elsewhere = { 1: '/other/1', 2: '/other/2' };
    const again = await restoreBackup({ file: FILE, members: MEMBERS, directories: elsewhere, vfs });
    expect(again.cluster).not.toBe(id);
  });

  it('interrupted anywhere, no server is done before all are whole', async () => {
    const seen = new Set<string>();
    for (let number = 1; !seen.has('all'); number++) {
      const vfs = await diskWithBackup();
      const start = vfs.operations.length;
      vfs.faults = (operation) =>
        operation.type !== 'read' && operation.number === start + number ? { type: 'powerLoss' } : undefined;
      const report = await restore(vfs).catch(() => undefined);
      if (report !== undefined) seen.add('all');
      const disk = vfs.reopen({ type: 'powerLoss', survival: 'any', seed: number });
      const states = [await stateOf(disk, 1), await stateOf(disk, 2)];
      if (states.includes('done')) expect(states).not.toContain('nothing');
      seen.add(states.join());
    }
    expect([...seen].sort()).toEqual([
      'all',
      'done,done',
      'done,unfinished',
      'nothing,nothing',
      'unfinished,nothing',
      'unfinished,unfinished',
    ]);
  });

  it('touches no directory that holds anything, and makes none of a damaged backup', async () => {
    const vfs = await diskWithBackup();
    await restore(vfs);
    await expect(restore(vfs)).rejects.toMatchObject({ code: 'DIRECTORY_UNUSABLE' });
    const damaged = await diskWithBackup();
    damaged.damage(FILE, (content) =>
      content.map((byte, at) => (at === content.length - 80 ? byte ^ 1 : byte)),
    );
    await expect(restore(damaged)).rejects.toMatchObject({
      code: 'SNAPSHOT_FAILED',
      cause: { code: 'SNAPSHOT_CORRUPT' },
    });
    expect([await stateOf(damaged, 1), await stateOf(damaged, 2)]).not.toContain('done');
    const headless = await diskWithBackup();
    headless.damage(FILE, (content) => content.subarray(0, 30));
    await expect(restore(headless)).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' });
    expect(headless.list('/new')).toEqual([]);
  });

  it('gives a server that goes on from there, and that the old cluster does not talk to', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    for (const item of ['a', 'b', 'c']) await leader.server.propose(bytes(item));
    const file = join(cluster.root, 'store.backup');
    const image = await leader.server.backup();
    await writeSnapshotFile(file, image.info, image, { checksum: image.info.checksum });
    await leader.server.propose(bytes('later'));
    const directory = join(cluster.root, 'restored');
    const [address = ''] = await freeAddresses(1);
    const old = leader.server.clusterId;
    const report = await restoreBackup({
      file,
      members: { 1: address },
      directories: { 1: directory },
    });
    const { server, machine } = await startServer({ id: 1, directory });
    expect(server.clusterId).toBe(report.cluster);
    expect(server.clusterId).not.toBe(old);
    expect(machine.items).toEqual(['a', 'b', 'c']);
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    expect(server.term).toBeGreaterThan(report.backup.term);
    expect(await server.propose(bytes('d'))).toBe(4);
    expect(machine.items).toEqual(['a', 'b', 'c', 'd']);
  });
});
