// The small parts: inbox, flusher, changes, events, addresses, randomness, limits of a snapshot.

import { type Heartbeat, MemoryLog } from '@waldb/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Flusher } from '../src/loop/flusher.js';
import { Inbox } from '../src/loop/inbox.js';
import { AddressBook } from '../src/membership/address-book.js';
import {
  formatServerAddress,
  markedAddress,
  memberSince,
  parseServerAddress,
} from '../src/membership/server-address.js';
import { Emitter } from '../src/observe/emitter.js';
import { RoleNews } from '../src/observe/server-events.js';
import { numberFromBytes, seededRandom } from '../src/randomness.js';
import { Changes } from '../src/request/changes.js';
import { RuntimeError } from '../src/runtime-error.js';
import { decodeReference, encodeReference } from '../src/snapshot/snapshot-reference.js';

const HEARTBEAT: Heartbeat = { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 0, round: 1 };

describe('Inbox', () => {
  it.each([
    ['messages', { inboxMessagesMax: 4, inboxBytesMax: 1e9 }],
    ['bytes', { inboxMessagesMax: 1e9, inboxBytesMax: 400 }],
  ])('holds its peers back above its mark of %s, until half of it is done', (_what, limits) => {
    const held: boolean[] = [];
    const inbox = new Inbox({ ...limits, hold: (isHeld) => held.push(isHeld) });
    for (let i = 0; i < 4; i++) inbox.push(HEARTBEAT, 100);
    expect(held).toEqual([]);
    inbox.push(HEARTBEAT, 100);
    inbox.push(HEARTBEAT, 100);
    expect(held).toEqual([true]);
    for (let i = 0; i < 3; i++) inbox.shift();
    expect(held).toEqual([true]);
    inbox.shift();
    expect(held).toEqual([true, false]);
    expect(inbox.length).toBe(2);
  });

  it('gives messages in order, and nothing when it is empty', () => {
    const inbox = new Inbox({ inboxMessagesMax: 10, inboxBytesMax: 1000, hold: () => {} });
    const given: number[] = [];
    for (let round = 1; round <= 20; round++) {
      inbox.push({ ...HEARTBEAT, round }, 1);
      if (round % 3 === 0) take();
    }
    while (inbox.length > 0) take();
    expect(given).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(inbox.shift()).toBeUndefined();

    function take(): void {
      const message = inbox.shift();
      if (message?.type === 'heartbeat') given.push(message.round);
    }
  });
});

/** A log whose flushes end when, and how, the test says. */
class HeldLog extends MemoryLog {
  readonly flushes: { resolve: (seq: number) => void; reject: (error: Error) => void }[] = [];

  isQuick = true;
  failure: Error | undefined;

  isSyncQuick(): boolean {
    return this.isQuick;
  }

  override sync(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  override flush(): Promise<number> {
    return new Promise((resolve, reject) => this.flushes.push({ resolve, reject }));
  }

  stage(): void {
    this.setHardState({ term: this.stagedSeq() + 1, votedFor: undefined });
  }
}

function makeFlusher() {
  const log = new HeldLog();
  const seen: string[] = [];
  const flusher = new Flusher({
    log,
    onDurable: (seq) => seen.push(`durable ${seq}`),
    onFailed: (error) => seen.push(`failed ${String(error)}`),
    onFullChange: (isFull) => seen.push(isFull ? 'full' : 'room'),
  });
  return { log, seen, flusher };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Flusher', () => {
  it('flushes only what is staged, one flush at a time, and the next takes all that gathered', async () => {
    const { log, seen, flusher } = makeFlusher();
    flusher.start(false);
    expect(log.flushes).toHaveLength(0);
    log.stage();
    flusher.start(false);
    log.stage();
    flusher.start(false);
    expect(log.flushes).toHaveLength(1);
    log.flushes[0]?.resolve(1);
    await settle();
    expect(flusher.isFlushing).toBe(false);
    flusher.start(false);
    expect(log.flushes).toHaveLength(2);
    log.flushes[1]?.resolve(2);
    await settle();
    flusher.start(false);
    expect(log.flushes).toHaveLength(2);
    expect(seen).toEqual(['durable 1', 'durable 2']);
  });

  it('blocks where it may and the log says that it is quick, and tells at once what is durable', async () => {
    const { log, seen, flusher } = makeFlusher();
    expect(flusher.start(true)).toBeUndefined(); // nothing is staged
    log.stage();
    expect(flusher.start(true)).toBe(1);
    expect(flusher.start(true)).toBeUndefined();
    log.stage();
    log.isQuick = false;
    expect(flusher.start(true)).toBeUndefined();
    log.isQuick = true;
    expect(flusher.start(true)).toBeUndefined(); // the flush is under way
    expect(log.flushes).toHaveLength(1);
    log.flushes[0]?.resolve(2);
    await settle();
    log.stage();
    log.failure = Object.assign(new Error('no space'), { code: 'WAL_FULL' });
    expect(flusher.start(true)).toBeUndefined();
    log.failure = new Error('EIO');
    flusher.retry();
    log.flushes[1]?.resolve(3);
    await settle();
    log.stage();
    expect(flusher.start(true)).toBeUndefined();
    log.failure = undefined;
    expect(flusher.start(true)).toBeUndefined();
    expect(seen).toEqual(['durable 2', 'full', 'room', 'durable 3', 'failed Error: EIO']);
  });

  it('a failure is final: nothing is retried', async () => {
    const { log, seen, flusher } = makeFlusher();
    log.stage();
    flusher.start(false);
    log.flushes[0]?.reject(new Error('EIO'));
    await settle();
    log.stage();
    flusher.start(false);
    flusher.retry();
    expect(log.flushes).toHaveLength(1);
    expect(seen).toEqual(['failed Error: EIO']);
  });

  it('W24 a full disk is not: it waits to be told to try again, and goes on when there is room', async () => {
    const { log, seen, flusher } = makeFlusher();
    log.stage();
    flusher.start(false);
    const full = Object.assign(new Error('no space'), { code: 'WAL_FULL' });
    log.flushes[0]?.reject(full);
    await settle();
    flusher.start(false);
    expect(log.flushes).toHaveLength(1);
    flusher.retry();
    log.flushes[1]?.reject(full);
    await settle();
    flusher.retry();
    log.flushes[2]?.resolve(1);
    await settle();
    expect(seen).toEqual(['full', 'room', 'durable 1']);
  });
});

describe('Changes', () => {
  const NEVER = Number.POSITIVE_INFINITY;
  let configurationIndex = 0;
  let votersOutgoing: number[] = [];

  const GONE = 12;
  /** The log holds these indexes no more. */
  const gone = new Set([GONE]);

  function makeChanges(changesMax: number): Changes {
    const single = { voters: [1], learners: [], learnersNext: [], autoLeave: true, addresses: {} };
    const inForce = () => ({ configuration: { ...single, votersOutgoing }, configurationIndex });
    const termAt = (index: number) => (gone.has(index) ? undefined : 3);
    return new Changes({ changesMax, termAt, inForce });
  }

  it('one is under way at a time, and it is done once it is committed in its term', async () => {
    const changes = makeChanges(2);
    const first = changes.add({ type: 'removeServer', id: 2 }, NEVER);
    const second = changes.add({ type: 'removeServer', id: 3 }, NEVER);
    await expect(changes.add({ type: 'removeServer', id: 4 }, NEVER)).rejects.toMatchObject({ code: 'BUSY' });
    expect(changes.start()).toMatchObject({ id: 2 });
    expect(changes.wantsStart).toBe(false);
    changes.placed(10, 3);
    changes.committed(9);
    expect(changes.wantsStart).toBe(false);
    changes.committed(10);
    await first;
    expect(changes.start()).toMatchObject({ id: 3 });
    changes.placed(11, 2);
    changes.committed(11);
    await expect(second).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', mayHaveBeenApplied: false });
    const third = changes.add({ type: 'removeServer', id: 5 }, NEVER);
    changes.start();
    changes.placed(GONE, 3);
    changes.committed(GONE);
    await expect(third).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', mayHaveBeenApplied: true });
  });

  it('P72 a whole new configuration is done once the joint one is left', async () => {
    const changes = makeChanges(2);
    let isDone = false;
    const whole = changes.add({ type: 'changeMembership', voters: [1, 4] }, NEVER).then(() => {
      isDone = true;
    });
    changes.start();
    changes.placed(10, 3);
    [votersOutgoing, configurationIndex] = [[1, 2], 10];
    changes.committed(10);
    [votersOutgoing, configurationIndex] = [[], 11];
    changes.committed(10);
    await settle();
    expect(isDone).toBe(false);
    changes.committed(11);
    await whole;
  });

  it('P72 that the joint one was committed is not forgotten with its entry', async () => {
    onTestFinished(() => void gone.delete(10));
    const changes = makeChanges(2);
    const whole = changes.add({ type: 'changeMembership', voters: [1, 4] }, NEVER);
    changes.start();
    changes.placed(10, 3);
    [votersOutgoing, configurationIndex] = [[1, 2], 10];
    changes.committed(10);
    gone.add(10); // a snapshot was taken
    [votersOutgoing, configurationIndex] = [[], 11];
    changes.committed(11);
    await whole;
  });

  it('a change that is refused makes room for the next', async () => {
    const changes = makeChanges(2);
    const refused = changes.add({ type: 'promoteLearner', id: 2 }, NEVER);
    changes.start();
    changes.refused(new RuntimeError('NOT_CAUGHT_UP', 'Behind.'));
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CAUGHT_UP' });
    void changes.add({ type: 'promoteLearner', id: 2 }, NEVER);
    expect(changes.wantsStart).toBe(true);
  });

  it('a transfer is done when the other leads, and failed when somebody else does', async () => {
    const changes = makeChanges(2);
    const done = changes.add({ type: 'transferLeadership', to: 2 }, NEVER);
    changes.start();
    changes.leadershipLost(undefined);
    changes.leadershipLost(2);
    await done;
    const failed = changes.add({ type: 'transferLeadership', to: 2 }, NEVER);
    changes.start();
    changes.leadershipLost(3);
    await expect(failed).rejects.toMatchObject({ code: 'TRANSFER_FAILED', detail: { to: 2 } });
    const late = changes.add({ type: 'transferLeadership', to: 2 }, NEVER);
    changes.start();
    changes.transferFailed('timeout');
    await expect(late).rejects.toMatchObject({ code: 'TRANSFER_FAILED' });
  });

  it('deadlines pass, and lost leadership leaves a change that is in the log unknown', async () => {
    const changes = makeChanges(4);
    const underWay = changes.add({ type: 'removeServer', id: 2 }, 10);
    const waiting = changes.add({ type: 'removeServer', id: 3 }, 10);
    const lost = changes.add({ type: 'removeServer', id: 4 }, 20);
    changes.start();
    changes.placed(5, 1);
    changes.expire(10);
    await expect(underWay).rejects.toMatchObject({ code: 'TIMEOUT', mayHaveBeenApplied: true });
    await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT', mayHaveBeenApplied: false });
    changes.start();
    changes.placed(6, 1);
    changes.leadershipLost(undefined);
    await expect(lost).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', mayHaveBeenApplied: true });
  });
});

describe('Emitter', () => {
  interface Events {
    change: number;
  }

  it('B5.1 B5.3 B6.3 E1.3 E2.2 E3.2 tells every listener, in order, with what it is about', () => {
    const emitter = new Emitter<Events>(() => {});
    const heard: string[] = [];
    emitter.on('change', (value) => heard.push(`a${value}`));
    emitter.on('change', (value) => heard.push(`b${value}`));
    emitter.emit('change', 7);
    expect(heard).toEqual(['a7', 'b7']);
  });

  it('G4.1 a listener that comes late hears only what follows', () => {
    const emitter = new Emitter<Events>(() => {});
    const heard: number[] = [];
    emitter.emit('change', 1);
    emitter.on('change', (value) => heard.push(value));
    emitter.emit('change', 2);
    expect(heard).toEqual([2]);
  });

  it('G4.2 listeners that come or go during an event change the next one, not this one', () => {
    const emitter = new Emitter<Events>(() => {});
    const heard: string[] = [];
    const removeOther = emitter.on('change', () => {
      removeSecond();
      emitter.on('change', () => heard.push('third'));
    });
    const removeSecond = emitter.on('change', () => heard.push('second'));
    emitter.emit('change', 1);
    expect(heard).toEqual(['second']);
    removeOther();
    emitter.emit('change', 2);
    expect(heard).toEqual(['second', 'third']);
    expect(emitter.hasListeners('change')).toBe(true);
  });

  it('a listener that throws harms nobody, and is reported', () => {
    const errors: unknown[] = [];
    const emitter = new Emitter<Events>((error, name) => errors.push([name, error]));
    const heard: number[] = [];
    emitter.on('change', () => {
      throw new Error('mine');
    });
    emitter.on('change', (value) => heard.push(value));
    emitter.emit('change', 1);
    expect(heard).toEqual([1]);
    expect(errors).toEqual([['change', new Error('mine')]]);
  });
});

describe('RoleNews', () => {
  it('E1.4 the same leader in the same term is told once, and "none" once until there is one', () => {
    const news = new RoleNews('follower');
    expect(news.isNewLeader(undefined, 1)).toBe(false);
    expect(news.isNewLeader(2, 1)).toBe(true);
    expect(news.isNewLeader(2, 1)).toBe(false);
    expect(news.isNewLeader(undefined, 2)).toBe(true);
    expect(news.isNewLeader(undefined, 3)).toBe(false);
    expect(news.isNewLeader(2, 4)).toBe(true);
    expect(news.isNewLeader(2, 5)).toBe(true);
  });

  it('E3.1 a role is told when it changes', () => {
    const news = new RoleNews('follower');
    expect(
      ['follower', 'candidate', 'candidate', 'leader', 'follower'].map((role) =>
        news.isNewRole(role as 'leader'),
      ),
    ).toEqual([false, true, false, true, true]);
  });
});

describe('addresses', () => {
  it.each([
    '127.0.0.1:1',
    '127.0.0.1:7201,127.0.0.1:7101',
    '[::1]:7201,db.example:7101',
    'a:1,b:2,c:3',
    'a:1,,c:3',
  ])('%s is read and written', (text) => {
    const address = parseServerAddress(text);
    expect(address && formatServerAddress(address)).toBe(text);
    expect(parseServerAddress(markedAddress(text, 17))).toEqual(address);
    expect(memberSince(markedAddress(markedAddress(text, 16), 17))).toBe(17);
    expect(memberSince(text)).toBe(0);
  });

  it.each([
    '',
    'host',
    'host:0',
    'a:1,b',
    'a:1,b:0',
    'a:1,',
    'a:1,b:2,',
    'a:1,b:2,c',
    'a:1,b:2,c:3,d:4',
    ',a:1',
    'a:1#',
    'a:1#x',
  ])('%j is no address', (text) => {
    expect(parseServerAddress(text)).toBeUndefined();
  });

  const configuration = {
    voters: [1, 2],
    learners: [4],
    votersOutgoing: [3],
    learnersNext: [],
    autoLeave: true,
    addresses: { 2: 'two:2,old:2' },
  };

  function makeBook(): AddressBook {
    const founded = { 2: 'founded:2', 3: 'three:3,client:3' };
    return new AddressBook({ ownId: 1, ownAddress: 'one:1,client:1', founded, configuration });
  }

  it('peers: the configuration is believed first, then what was founded, then what the peer said', () => {
    const book = makeBook();
    book.learn(2, 'said:2,new:2');
    book.learn(3, 'said:3');
    book.learn(5, 'five:5');
    book.learn(6, 'nonsense');
    expect(book.addressOf(1)).toEqual({
      peer: { host: 'one', port: 1 },
      client: { host: 'client', port: 1 },
    });
    expect(book.addressOf(2)?.peer).toEqual({ host: 'two', port: 2 });
    expect(book.addressOf(3)?.peer).toEqual({ host: 'three', port: 3 });
    expect(book.addressOf(4)).toBeUndefined();
    expect([...book.peers().keys()].sort()).toEqual([2, 3, 5]);
    for (let id = 100; id < 300; id++) book.learn(id, `host:${id}`);
    expect(book.peers().size).toBeLessThan(100);
  });

  it('peers: where nobody answers, the other of configuration and own word is tried', () => {
    const book = makeBook();
    const places = (id: number) =>
      book
        .peers()
        .get(id)
        ?.map(({ host, port }) => `${host}:${port}`);
    expect(places(2)).toEqual(['two:2']);
    book.learn(2, 'said:2,new:2');
    book.learn(3, 'said:3');
    book.learn(5, 'five:5');
    expect([places(2), places(3), places(5)]).toEqual([
      ['two:2', 'said:2'],
      ['three:3', 'said:3'],
      ['five:5'],
    ]);
    book.learn(2, 'said:2', 17); // of a later membership than the configuration knows
    expect(places(2)).toEqual(['said:2', 'two:2']);
    book.learn(2, 'two:2');
    expect(places(2)).toEqual(['two:2']);
  });

  it("clients: the server's own word is believed first, since it may change from start to start", () => {
    const book = makeBook();
    expect(book.addressOf(2)?.client).toEqual({ host: 'old', port: 2 });
    book.learn(2, 'said:2,new:2');
    book.learn(3, 'said:3');
    expect(book.addressOf(2)?.client).toEqual({ host: 'new', port: 2 });
    expect(book.addressOf(3)?.client).toEqual({ host: 'client', port: 3 });
  });

  it('a server that was removed for good is dialled no more; one that is about to be added still is', () => {
    const book = makeBook();
    book.learn(3, 'said:3');
    book.learn(5, 'five:5');
    const next = { ...configuration, votersOutgoing: [] };
    book.configure(next);
    expect([...book.peers().keys()].sort()).toEqual([2, 3, 5]);
    expect(book.committed(next, 4)).toEqual([3, 5]);
    expect([...book.peers().keys()].sort()).toEqual([2, 5]);
  });

  it('a member by a later configuration is dialled where it says, also by who still reads that it was removed', () => {
    const book = makeBook();
    book.learn(2, 'said:2', 17);
    expect(book.addressOf(2)?.peer).toEqual({ host: 'said', port: 2 });
    const without = { ...configuration, voters: [1], votersOutgoing: [] };
    book.configure(without);
    expect(book.committed(without, 9)).not.toContain(2);
    expect(book.addressOf(2)?.peer).toEqual({ host: 'said', port: 2 });
    book.configure({ ...without, voters: [1, 2], addresses: { 2: 'new:2#17' } });
    expect(book.addressOf(2)?.peer).toEqual({ host: 'new', port: 2 });
    expect(book.committed(without, 30)).toContain(2);
  });
});

describe('randomness', () => {
  it('is the same for the same seed, differs for others, and stays from 0 up to 1', () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 1000 }, () => random());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(3).every((value) => value >= 0 && value < 1)).toBe(true);
    const mean = draw(4).reduce((sum, value) => sum + value, 0) / 1000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.1);
  });

  it('makes a safe number of any bytes', () => {
    expect(numberFromBytes(new Uint8Array(8).fill(255))).toBe(2 ** 48 - 1);
    expect(numberFromBytes(Uint8Array.of(0, 0, 0, 0, 1, 2))).toBe(258);
  });
});

describe("a snapshot's reference", () => {
  const reference = { index: 300, term: 4, checksum: 'ab'.repeat(32), bytes: 2 ** 33 };
  const data = encodeReference(reference);

  it('has these bytes, and is read as it was written', () => {
    expect(Buffer.from(data).toString('hex')).toBe(`9501cd012c04c420${reference.checksum}cf0000000200000000`);
    expect(decodeReference({ index: 300, term: 4, data })).toEqual(reference);
  });

  it('P98 of another snapshot, of a later version, cut or lengthened anywhere: refused', () => {
    const later = data.slice();
    later[1] = 2;
    const broken = [later, Buffer.concat([data, Uint8Array.of(0)]), Uint8Array.of(1, 2, 3)];
    for (let length = 0; length < data.length; length++) broken.push(data.slice(0, length));
    for (const bytes of broken)
      expect(() => decodeReference({ index: 300, term: 4, data: bytes })).toThrow(
        expect.objectContaining({ code: 'SNAPSHOT_UNREADABLE', detail: { index: 300 } }),
      );
    for (const other of [
      { index: 301, term: 4 },
      { index: 300, term: 5 },
    ])
      expect(() => decodeReference({ ...other, data })).toThrow(/refers to the one at index 300 of term 4/);
  });
});
