// A server's directory: what it takes to start on it, and what is refused without changing anything.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Configuration } from '@waldb/core';
import { type Clock, NodeVfs, type Vfs } from '@waldb/io';
import { WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { foundedClusterId, readIdentity } from '../src/directory/identity.js';
import { KnownLogs } from '../src/directory/known-logs.js';
import { writeSealedText } from '../src/directory/sealed-text.js';
import { closeStore, openStore } from '../src/directory/store.js';
import type { RaftServerOptions } from '../src/options/options.js';
import { temporaryDirectory } from './support/cluster.js';
import { ListMachine } from './support/list-machine.js';

const vfs = new NodeVfs();
const MEMBERS = { 1: '127.0.0.1:7201,127.0.0.1:7101', 2: '127.0.0.1:7202', 3: '127.0.0.1:7203' };
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

function options(change: Partial<RaftServerOptions<number>> = {}): RaftServerOptions<number> {
  return {
    id: 1,
    directory: join(temporaryDirectory(), 'server'),
    stateMachine: new ListMachine(),
    bootstrap: { members: MEMBERS },
    ...change,
  };
}

/** Opens, looks, closes. */
async function open(wanted: RaftServerOptions<number>) {
  const store = await openStore(vfs, wanted);
  await closeStore(store);
  return store.identity;
}

describe('the identity of a server', () => {
  it('is written once and found again, whatever the later options leave out', async () => {
    const wanted = options();
    const founded = await open(wanted);
    expect(founded).toMatchObject({ id: 1, origin: 'bootstrap', members: MEMBERS, address: MEMBERS[1] });
    const { bootstrap: _, ...later } = wanted;
    expect(await open(later)).toEqual(founded);
    expect(await open(wanted)).toEqual(founded);
    expect(readFileSync(join(wanted.directory, 'identity'), 'utf8')).toMatch(/^waldb identity 1\n\{/);
  });

  it('an empty directory is nobody’s without an explicit wish', async () => {
    const { bootstrap: _, ...wanted } = options();
    await expect(open(wanted)).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    expect(vfs.isDirectory(wanted.directory)).toBe(false);
  });

  it('another id, other members or another token are refused by name', async () => {
    const wanted = options();
    await open(wanted);
    await expect(open({ ...wanted, id: 2 })).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
      message: `${wanted.directory} belongs to server 1, not to server 2.`,
    });
    const fewer = { 1: MEMBERS[1], 2: MEMBERS[2] };
    await expect(open({ ...wanted, bootstrap: { members: fewer } })).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
    });
    await expect(open({ ...wanted, bootstrap: { members: MEMBERS, cluster: 'b' } })).rejects.toMatchObject({
      code: 'IDENTITY_MISMATCH',
    });
  });

  it('any flipped byte of its file is noticed', async () => {
    const wanted = options();
    await open(wanted);
    const path = join(wanted.directory, 'identity');
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      writeFileSync(path, flipped);
      expect(() => readIdentity(vfs, path)).toThrow(expect.objectContaining({ code: 'IDENTITY_DAMAGED' }));
    }
    writeFileSync(path, whole.subarray(0, -1));
    await expect(open(wanted)).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
  });

  it.each(['identity', 'peers'])(
    'W29 %s of a newer version is refused by name, and not called damaged',
    async (name) => {
      const wanted = options();
      await open(wanted);
      const path = join(wanted.directory, name);
      writeSealedText(vfs, path, `waldb ${name} 12`, { something: 'else' });
      const whole = readFileSync(path);
      await expect(open(wanted)).rejects.toMatchObject({
        code: 'DIRECTORY_NEWER',
        message: `${path} is a "waldb ${name} 12"; this program reads up to "waldb ${name} 1". A newer version of waldb wrote it, and it is left as it is: start that version again.`,
      });
      expect(readFileSync(path)).toEqual(whole);
    },
  );

  it('a heading that is no newer version of the same format is damage', async () => {
    const wanted = options();
    await open(wanted);
    for (const heading of ['waldb peers 2', 'waldb identity 0', 'waldb identity', 'waldb identity 2b']) {
      writeSealedText(vfs, join(wanted.directory, 'identity'), heading, {});
      await expect(open(wanted)).rejects.toMatchObject({ code: 'IDENTITY_DAMAGED' });
    }
  });

  it('a server whose log is gone may not vote again', async () => {
    const wanted = options();
    await open(wanted);
    rmSync(join(wanted.directory, 'log'), { recursive: true });
    await expect(open(wanted)).rejects.toMatchObject({ code: 'LOG_LOST' });
    expect(readdirSync(wanted.directory)).toEqual(['identity', 'snapshots']);
  });

  it('a server whose log was replaced may not vote again', async () => {
    const wanted = options();
    const other = options();
    await open(wanted);
    await open(other);
    rmSync(join(wanted.directory, 'log'), { recursive: true });
    const log = await WalLog.open(join(wanted.directory, 'log'));
    await log.close();
    await expect(open(wanted)).rejects.toMatchObject({ code: 'LOG_LOST' });
  });

  it('a log that was used and has no identity is not taken over', async () => {
    const wanted = options();
    const { log } = await openStore(vfs, wanted);
    log.setHardState({ term: 1, votedFor: 1 });
    await log.close();
    rmSync(join(wanted.directory, 'identity'));
    await expect(open(wanted)).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
  });

  it('a crash between making the log and writing the identity is healed by the next start', async () => {
    const wanted = options();
    const log = await WalLog.open(join(wanted.directory, 'log'));
    const { logId } = log;
    await log.close();
    expect(await open(wanted)).toMatchObject({ id: 1, logId });
  });

  it('W28 a second server on the same directory is refused', async () => {
    const wanted = options();
    const { log } = await openStore(vfs, wanted);
    await expect(openStore(vfs, wanted)).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await log.close();
  });

  it('a directory that cannot be is refused in one line', async () => {
    const directory = join(temporaryDirectory(), 'file');
    writeFileSync(directory, 'not a directory');
    await expect(open(options({ directory }))).rejects.toMatchObject({ code: 'DIRECTORY_UNUSABLE' });
  });

  it('the cluster’s id depends on the token, the ids and where peers dial, and on nothing else', () => {
    const id = foundedClusterId('a', MEMBERS);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(foundedClusterId('a', { ...MEMBERS, 1: '127.0.0.1:7201' })).toBe(id);
    expect(foundedClusterId('b', MEMBERS)).not.toBe(id);
    expect(foundedClusterId('a', { ...MEMBERS, 1: '127.0.0.1:7299' })).not.toBe(id);
  });
});

describe('the logs of the peers', () => {
  const hello = (from: number, logId: string, memberSince = 0) => ({
    clusterId: 'c',
    from,
    to: 1,
    logId,
    address: '',
    memberSince,
  });
  const members = (ids: readonly number[], addresses: Record<number, string> = {}): Configuration => ({
    voters: ids,
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses,
  });

  const openKnown = (path: string, disk: Vfs = vfs): KnownLogs =>
    new KnownLogs({ vfs: disk, path, logger: SILENT, own: { id: 1, logId: 'ours' } });

  function makeKnown(path: string = join(temporaryDirectory(), 'peers'), disk?: Vfs): KnownLogs {
    const known = openKnown(path, disk);
    known.configure(members([1, 2, 3]));
    return known;
  }

  it('a peer that comes back with another log is refused, also after our own restart', () => {
    const path = join(temporaryDirectory(), 'peers');
    makeKnown(path).admit(hello(2, 'first'));
    const known = makeKnown(path);
    known.admit(hello(2, 'first'));
    expect(() => known.admit(hello(2, 'second'))).toThrow(expect.objectContaining({ code: 'LOG_REPLACED' }));
  });

  it('is not met before its log is on our disk, or a restart would forget it', () => {
    const path = join(temporaryDirectory(), 'peers');
    let isBroken = true;
    const known = makeKnown(
      path,
      brokenWhen(() => isBroken),
    );
    const unrecorded = expect.objectContaining({ code: 'UNRECORDED' });
    expect(() => known.admit(hello(2, 'first'))).toThrow(unrecorded);
    isBroken = false;
    known.admit(hello(2, 'first'));
    isBroken = true;
    known.admit(hello(2, 'first'));
    expect(() => known.admit(hello(2, 'second', 17))).toThrow(unrecorded);
    known.admit(hello(2, 'first'));
    expect(() => openKnown(path).admit(hello(2, 'second'))).toThrow(
      expect.objectContaining({ code: 'LOG_REPLACED' }),
    );
  });

  it('what could not be written when a configuration was committed is written when somebody comes', () => {
    const path = join(temporaryDirectory(), 'peers');
    let isBroken = false;
    const known = makeKnown(
      path,
      brokenWhen(() => isBroken),
    );
    known.admit(hello(4, 'first'));
    isBroken = true;
    known.committed(members([1, 2, 3, 4], { 4: 'four:4#9' }), 10);
    isBroken = false;
    known.admit(hello(4, 'first'));
    expect(() => openKnown(path).admit(hello(4, 'second'))).toThrow(
      expect.objectContaining({ code: 'LOG_REPLACED' }),
    );
  });

  it('until it was removed from the cluster', () => {
    const known = makeKnown();
    known.admit(hello(2, 'first'));
    known.admit(hello(3, 'third'));
    known.committed(members([1, 3]), 9);
    known.admit(hello(2, 'second'));
    expect(() => known.admit(hello(3, 'other'))).toThrow(expect.objectContaining({ code: 'LOG_REPLACED' }));
  });

  it('H4.2 or removed and added again, both of which this server has missed', () => {
    const path = join(temporaryDirectory(), 'peers');
    const known = makeKnown(path);
    known.admit(hello(2, 'first'));
    const again = members([1, 2, 3], { 2: 'two:2#17' });
    known.configure(again); // it may still be taken back
    expect(() => known.admit(hello(2, 'second'))).toThrow(expect.objectContaining({ code: 'LOG_REPLACED' }));
    known.committed(again, 18);
    known.admit(hello(2, 'second'));
    const restarted = openKnown(path);
    restarted.committed(again, 18);
    restarted.admit(hello(2, 'second'));
    expect(() => restarted.admit(hello(2, 'third'))).toThrow(
      expect.objectContaining({ code: 'LOG_REPLACED' }),
    );
  });

  it('a server that is no member may come with any log; the newest one counts once it is added', () => {
    const known = makeKnown();
    known.admit(hello(4, 'old'));
    known.admit(hello(4, 'new'));
    known.committed(members([1, 2, 3, 4], { 4: 'four:4#9' }), 10);
    known.admit(hello(4, 'new'));
    expect(() => known.admit(hello(4, 'old'))).toThrow(expect.objectContaining({ code: 'LOG_REPLACED' }));
  });

  it('another address is not another membership', () => {
    const known = makeKnown();
    known.committed(members([1, 2], { 2: 'two:2#9' }), 10);
    known.admit(hello(2, 'first'));
    known.committed(members([1, 2], { 2: 'elsewhere:2#9' }), 12);
    expect(() => known.admit(hello(2, 'second'))).toThrow(expect.objectContaining({ code: 'LOG_REPLACED' }));
  });

  it('or as it proves by the mark of a later membership, which no older log and no older configuration undoes', () => {
    const path = join(temporaryDirectory(), 'peers');
    const known = makeKnown(path);
    known.admit(hello(2, 'first'));
    const refused = expect.objectContaining({ code: 'LOG_REPLACED' });
    known.admit(hello(2, 'second', 17));
    expect(() => known.admit(hello(2, 'first'))).toThrow(refused);
    expect(() => known.admit(hello(2, 'third', 17))).toThrow(refused);
    const restarted = openKnown(path);
    restarted.committed(members([1, 2, 3]), 4); // before the server was removed,
    restarted.committed(members([1, 3]), 9); // removed,
    expect(() => restarted.admit(hello(2, 'third'))).toThrow(refused);
    restarted.committed(members([1, 2, 3], { 2: 'two:2#17' }), 18); // and added again
    expect(() => restarted.admit(hello(2, 'third', 17))).toThrow(refused);
    restarted.committed(members([1, 3]), 30);
    restarted.admit(hello(2, 'third'));
  });

  it('and our own proof of it is there again after a restart', () => {
    const path = join(temporaryDirectory(), 'peers');
    const known = makeKnown(path);
    expect(known.memberSince).toBe(0);
    const again = members([1, 2, 3], { 1: 'one:1#17' });
    known.configure(again); // it may still be taken back
    expect(known.memberSince).toBe(0);
    known.committed(again, 18);
    expect(openKnown(path).memberSince).toBe(17);
    const other = new KnownLogs({ vfs, path, logger: SILENT, own: { id: 1, logId: 'another' } });
    expect(other.memberSince).toBe(0);
    known.committed(members([2, 3]), 20); // what it proves stays true
    expect(openKnown(path).memberSince).toBe(17);
  });
});

/** A disk on which no file can be written, now and then. */
function brokenWhen(isBroken: () => boolean): Vfs {
  return new Proxy(vfs, {
    get: (target, name) => {
      if (name === 'open' && isBroken()) throw new Error('EIO');
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('the log of a server', () => {
  it('lives by the server’s clock, and sets no timer of the machine’s', async () => {
    const delays: number[] = [];
    const clock: Clock = {
      now: () => 0,
      date: () => 0,
      setTimer: (delayMs) => {
        delays.push(delayMs);
        return { cancel() {} };
      },
      defer: () => {},
    };
    const store = await openStore(vfs, options({ clock }));
    store.log.setHardState({ term: 1, votedFor: undefined });
    store.log.sync();
    expect(delays.length).toBeGreaterThan(0);
    await closeStore(store);
  });
});
