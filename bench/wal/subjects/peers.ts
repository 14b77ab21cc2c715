// Other stores that keep entries on disk, each doing the most favourable thing that makes every entry of a group durable
// before the group goes on: all entries of the group in one atomic write with one sync, awaited once.
//
//   classic-level    LevelDB: one `batch` of N puts, `sync: true` (its log is fdatasynced before the batch resolves); beside
//                    it, for appenders that know nothing of each other, N `put`s with `sync: true`, which LevelDB
//                    gathers as far as its threads go
//   lmdb             N `put`s in one turn of the event loop, which lmdb-js makes one transaction of, awaited, and then
//                    `flushed`: with its default `overlappingSync`, a put resolves once it is committed, and only
//                    `flushed` promises that the commit is on disk
//   better-sqlite3   one transaction of N inserts; journal_mode = WAL, synchronous = FULL: the WAL is synced on each commit
//
// Each is at its defaults otherwise. Keys are rising integers and values are the bytes of an entry, which is as near to
// appending as they come. They are in bench/peers, apart from the workspace; `pnpm bench:peers` installs them.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Subject } from '../../harness/rounds.js';

/** One open store. */
export interface Peer {
  readonly isAsync: boolean;
  /** Makes `count` more entries durable. */
  commit(count: number): Promise<void> | undefined;
  /** Reads every entry in order; how many there are. */
  replay(): Promise<number>;
  close(): Promise<void>;
}

export type PeerName = 'classic-level' | 'classic-level, a put each' | 'lmdb' | 'better-sqlite3';
export const PEERS: readonly PeerName[] = [
  'classic-level',
  'classic-level, a put each',
  'lmdb',
  'better-sqlite3',
];

export function openPeer(name: PeerName, directory: string, entryBytes: number): Promise<Peer> {
  const value = Buffer.alloc(entryBytes, 0x61);
  const path = join(directory, name);
  return OPENERS[name](path, value);
}

/** The same front as the log's own (appenders.ts): every appender waits by itself, and what has gathered is one commit. */
export function peerSubject(name: PeerName, peer: Peer, count: number): Subject {
  if (count === 1) return { name, unitsPerCall: 1, isAsync: peer.isAsync, body: () => peer.commit(1) };
  let group: Promise<void> | undefined;
  const commit = (): Promise<void> | undefined => {
    group = undefined;
    return peer.commit(count);
  };
  const appendOne = async (): Promise<void> => {
    group ??= Promise.resolve().then(commit);
    await group;
  };
  return {
    name,
    unitsPerCall: count,
    isAsync: true,
    async body() {
      const waiting: Promise<void>[] = [];
      for (let i = 0; i < count; i++) waiting.push(appendOne());
      await Promise.all(waiting);
    },
  };
}

const OPENERS: Readonly<Record<PeerName, (path: string, value: Buffer) => Promise<Peer>>> = {
  'classic-level': (path, value) => openClassicLevel(path, value, commitAsBatch),
  'classic-level, a put each': (path, value) => openClassicLevel(path, value, commitOneByOne),
  lmdb: openLmdb,
  'better-sqlite3': openSqlite,
};

/** The parts of their interfaces that are used here; the packages need not be installed to compile this. */
interface ClassicLevelModule {
  ClassicLevel: new (
    path: string,
    options: object,
  ) => {
    open(): Promise<void>;
    put(key: Buffer, value: Buffer, options: object): Promise<void>;
    batch(operations: readonly object[], options: object): Promise<void>;
    values(): { nextv(count: number): Promise<readonly Uint8Array[]>; close(): Promise<void> };
    close(): Promise<void>;
  };
}
interface LmdbModule {
  open(options: object): {
    put(key: number, value: Buffer): Promise<boolean>;
    readonly flushed: PromiseLike<unknown>;
    getRange(): Iterable<{ readonly key: number; readonly value: Buffer }>;
    close(): Promise<void>;
  };
}
type SqliteModule = new (
  path: string,
) => {
  pragma(text: string): unknown;
  exec(text: string): void;
  prepare(text: string): { run(...values: unknown[]): void; iterate(): Iterable<unknown> };
  transaction(work: (count: number) => void): (count: number) => void;
  close(): void;
};

const requirePeer = createRequire(new URL('../../peers/package.json', import.meta.url));

type ClassicLevel = InstanceType<ClassicLevelModule['ClassicLevel']>;
type Commit = (db: ClassicLevel, keys: readonly Buffer[], value: Buffer) => Promise<unknown>;

const commitAsBatch: Commit = (db, keys, value) =>
  db.batch(
    keys.map((key) => ({ type: 'put', key, value })),
    { sync: true },
  );

const commitOneByOne: Commit = (db, keys, value) =>
  Promise.all(keys.map((key) => db.put(key, value, { sync: true })));

async function openClassicLevel(path: string, value: Buffer, commit: Commit): Promise<Peer> {
  const { ClassicLevel } = requirePeer('classic-level') as ClassicLevelModule;
  const db = new ClassicLevel(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await db.open();
  let last = 0;
  return {
    isAsync: true,
    async commit(count) {
      const keys = Array.from({ length: count }, () => {
        last += 1;
        const key = Buffer.allocUnsafe(8);
        key.writeBigUInt64BE(BigInt(last));
        return key;
      });
      await commit(db, keys, value);
    },
    async replay() {
      const values = db.values();
      let count = 0;
      for (;;) {
        const some = await values.nextv(1000);
        if (some.length === 0) break;
        count += some.length;
      }
      await values.close();
      return count;
    },
    close: () => db.close(),
  };
}

async function openLmdb(path: string, value: Buffer): Promise<Peer> {
  const { open } = requirePeer('lmdb') as LmdbModule;
  const db = open({ path, keyEncoding: 'uint32', encoding: 'binary' });
  let last = 0;
  return {
    isAsync: true,
    async commit(count) {
      const puts: Promise<boolean>[] = [];
      for (let i = 0; i < count; i++) {
        last += 1;
        puts.push(db.put(last, value));
      }
      await Promise.all(puts);
      await db.flushed;
    },
    async replay() {
      let bytes = 0;
      let count = 0;
      for (const entry of db.getRange()) {
        bytes += entry.value.length;
        count += 1;
      }
      if (bytes !== count * value.length) throw new Error('lmdb gave back something else than was put.');
      return count;
    },
    close: () => db.close(),
  };
}

async function openSqlite(path: string, value: Buffer): Promise<Peer> {
  const Database = requirePeer('better-sqlite3') as SqliteModule;
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE entries (position INTEGER PRIMARY KEY, command BLOB NOT NULL)');
  const insert = db.prepare('INSERT INTO entries (position, command) VALUES (?, ?)');
  let last = 0;
  const insertMany = db.transaction((count) => {
    for (let i = 0; i < count; i++) {
      last += 1;
      insert.run(last, value);
    }
  });
  return {
    isAsync: false,
    commit(count) {
      insertMany(count);
      return undefined;
    },
    async replay() {
      let count = 0;
      for (const _ of db.prepare('SELECT command FROM entries ORDER BY position').iterate()) count += 1;
      return count;
    },
    close: async () => db.close(),
  };
}
