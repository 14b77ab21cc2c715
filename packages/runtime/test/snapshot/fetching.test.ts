// Fetching an image from a sender that the test plays: breaks, lies, overtaken offers, disks that are full; and nothing
// of it ever reaches the node but a whole, true, durable image.

import { encodeConfiguration } from '@waldb/core';
import { SnapshotStore } from '@waldb/snapshot';
import { FaultVfs } from '@waldb/testkit';
import { type SnapshotRequest, TransportError } from '@waldb/transport';
import { describe, expect, it } from 'vitest';
import { NO_REPLICATED_STATE } from '../../src/apply/replicated-state.js';
import type { InstallSnapshot } from '../../src/snapshot/snapshot-fetcher.js';
import { beginImage } from '../../src/snapshot/snapshot-image.js';
import { encodeReference } from '../../src/snapshot/snapshot-reference.js';
import { bytes } from '../support/list-machine.js';
import { SnapshotLife } from '../support/snapshot-life.js';

const configuration = {
  voters: [1, 2],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  addresses: {},
};
const ITEMS = Array.from({ length: 50 }, (_, i) => `item ${i}`);
const POLL = { interval: 1, timeout: 30_000 };

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** An image at `index`, and the message with which a leader of `term` offers it. */
async function offered(index: number, items = ITEMS, term = 3) {
  const stateMachine = {
    async *snapshot() {
      for (const item of items) yield bytes(`${item}\n`);
    },
    restore: () => Promise.resolve(),
  };
  const begin = () => beginImage({ replicatedState: NO_REPLICATED_STATE, stateMachine });
  const vfs = new FaultVfs();
  const store = await SnapshotStore.open('/s', { vfs });
  const info = await store.write({ index, term: 1, configuration }, begin());
  const image = await gather(begin());
  const data = encodeReference(info);
  const snapshot = { index, term: 1, configuration, data };
  const message: InstallSnapshot = { type: 'installSnapshot', from: 2, to: 1, term, snapshot };
  return { message, image };
}

/** What the sender does at its first, second … request. */
type Act = (request: SnapshotRequest, signal: AbortSignal) => AsyncIterable<Uint8Array>;

function give(image: Uint8Array, until = image.length, pieceBytes = 64): Act {
  return async function* (request) {
    for (let at = request.offset; at < until; at += pieceBytes) {
      yield image.subarray(at, Math.min(at + pieceBytes, until));
    }
  };
}

function fail(error: Error): Act {
  // biome-ignore lint/correctness/useYield: it fails before its first piece
  return async function* () {
    throw error;
  };
}

async function follower(acts: Act[], partialSnapshotMs?: number) {
  const requests: SnapshotRequest[] = [];
  const vfs = new FaultVfs();
  const life = await SnapshotLife.open(vfs, {
    peers: [2],
    ...(partialSnapshotMs !== undefined && { partialSnapshotMs }),
    request: (_from, request, signal) => {
      requests.push(request);
      const act = acts.shift() ?? fail(new Error('the sender has played its part'));
      return act(request, signal);
    },
  });
  const names = () => [...vfs.contents('/server/snapshots').keys()].filter((name) => name !== 'LOCK');
  return { life, requests, vfs, names };
}

const REFUSED = new TransportError('REFUSED', 'It is gone.', { theirCode: 'SNAPSHOT_UNAVAILABLE' });

describe('a fetch', () => {
  it('H1.2 P90 ends with the node’s own answer, once the image is durable; the state is the image’s', async () => {
    const { message, image } = await offered(40);
    const { life, requests } = await follower([give(image)]);
    await life.receive(message);
    expect(life.sent).toEqual([]);
    await expect.poll(() => life.sent, POLL).toMatchObject([{ success: true, matchIndex: 40, term: 3 }]);
    expect(life.machine.items).toEqual(ITEMS);
    expect(requests).toMatchObject([{ index: 40, term: 1, offset: 0 }]);
    expect(life.troubles).toEqual([]);
  });

  it('P92 goes on where it broke off, whatever broke it: no byte is asked for twice', async () => {
    const { message, image } = await offered(40);
    const broken = (until: number): Act =>
      async function* (request, signal) {
        yield* give(image, until)(request, signal);
        throw new TransportError('FRAME_DAMAGED', 'A checksum does not match.');
      };
    const busy = new TransportError('REFUSED', 'Later.', { theirCode: 'BUSY' });
    const acts = [give(image, 100), broken(165), fail(busy), fail(new Error('gone')), give(image)];
    const { life, requests } = await follower(acts);
    await life.receive(message);
    await expect.poll(() => life.sent.length, POLL).toBe(1);
    expect(requests.map(({ offset }) => offset)).toEqual([0, 100, 165, 165, 165]);
    expect(life.machine.items).toEqual(ITEMS);
    expect(life.troubles).toEqual([]);
  });

  it('P98 an image that is another one, or longer than announced: told, thrown away, and never shown; the next offer may be true', async () => {
    const { message, image } = await offered(40);
    const flipped = Uint8Array.from(image);
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    const longer = Buffer.concat([image, Uint8Array.of(0)]);
    for (const lie of [give(flipped), give(longer, longer.length, 1000)]) {
      const { life, names } = await follower([lie, give(image)]);
      await life.receive(message);
      await expect
        .poll(() => life.troubles, POLL)
        .toMatchObject([{ code: 'SNAPSHOT_FAILED', cause: { code: 'SNAPSHOT_MISMATCH' } }]);
      expect(life.sent).toEqual([]);
      expect(life.machine.items).toEqual([]);
      expect(life.log.snapshotIndex()).toBe(0);
      expect(names()).toEqual([]);
      await life.receive(message);
      await expect.poll(() => life.machine.items, POLL).toEqual(ITEMS);
    }
  });

  it('P98 a reference that cannot be read, or is of another snapshot: told, and dropped', async () => {
    const { message } = await offered(40);
    const other = await offered(41);
    for (const data of [Uint8Array.of(1, 2, 3), other.message.snapshot.data]) {
      const { life, requests } = await follower([]);
      await life.receive({ ...message, snapshot: { ...message.snapshot, data } });
      expect(life.troubles).toMatchObject([{ code: 'SNAPSHOT_UNREADABLE' }]);
      expect(life.sent).toEqual([]);
      expect(requests).toEqual([]);
    }
  });

  it('P92 ends when the sender has it no more, and after as many attempts in vain; what came stays for the next offer', async () => {
    const { message, image } = await offered(40);
    const gone = await follower([give(image, 200), fail(REFUSED), give(image)]);
    await gone.life.receive(message);
    await expect.poll(() => gone.life.troubles, POLL).toMatchObject([{ code: 'SNAPSHOT_FAILED' }]);
    await gone.life.receive(message);
    await expect.poll(() => gone.life.sent.length, POLL).toBe(1);
    expect(gone.requests.map(({ offset }) => offset)).toEqual([0, 200, 200]);
  });

  it('a disk that is full ends it and says so; nothing stays, and it begins anew', async () => {
    const { message, image } = await offered(40);
    const { life, vfs, names } = await follower([give(image), give(image)]);
    vfs.faults = ({ type, path }) =>
      type === 'write' && path.endsWith('.tmp') ? { type: 'error', code: 'ENOSPC' } : undefined;
    await life.receive(message);
    await expect.poll(() => life.troubles, POLL).toMatchObject([{ code: 'STORAGE_FULL' }]);
    expect(names()).toEqual([]);
    vfs.faults = undefined;
    await life.receive(message);
    await expect.poll(() => life.machine.items, POLL).toEqual(ITEMS);
  });
});

describe('what makes a fetch pointless', () => {
  /** Gives half, then waits until it is let go. */
  function stuck(image: Uint8Array, state: { isLetGo: boolean }): Act {
    return async function* (request, signal) {
      yield* give(image, image.length / 2)(request, signal);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      state.isLetGo = true;
      signal.throwIfAborted();
    };
  }

  it('a later term: it is let go, and the part is of use if the next leader offers the same image', async () => {
    const { message, image } = await offered(40);
    const state = { isLetGo: false };
    const { life, requests } = await follower([stuck(image, state), give(image)]);
    await life.receive(message);
    await expect.poll(() => life.work.fetching?.bytes, POLL).toBe(Math.floor(image.length / 2));
    await life.step({
      type: 'message',
      message: { type: 'heartbeat', from: 2, to: 1, term: 4, leaderCommit: 0, round: 1 },
    });
    life.work.tick();
    await expect.poll(() => state.isLetGo, POLL).toBe(true);
    await expect.poll(() => life.work.fetching, POLL).toBeUndefined();
    await life.receive({ ...message, term: 4 });
    await expect.poll(() => life.machine.items, POLL).toEqual(ITEMS);
    expect(requests[1]?.offset).toBe(Math.floor(image.length / 2));
    expect(life.troubles).toEqual([]);
  });

  it('P93 entries that overtake it: it is let go, and the part goes with it', async () => {
    const { message, image } = await offered(1);
    const state = { isLetGo: false };
    const { life, names } = await follower([stuck(image, state)]);
    await life.receive(message);
    await expect.poll(() => names(), POLL).toHaveLength(1);
    const { encodeEntry } = await import('@waldb/core');
    const entry = encodeEntry({
      term: 1,
      index: 1,
      kind: 'config',
      command: encodeConfiguration(configuration),
    });
    await life.receive({
      type: 'appendEntries',
      from: 2,
      to: 1,
      term: 3,
      prevLogIndex: 0,
      prevLogTerm: 0,
      entries: [entry],
      leaderCommit: 1,
    });
    life.work.tick();
    await expect.poll(() => state.isLetGo, POLL).toBe(true);
    await expect
      .poll(() => {
        life.work.tick();
        return names();
      }, POLL)
      .toEqual([]);
    expect(life.troubles).toEqual([]);
  });

  it('a newer snapshot of the same leader does not: the older one is had first, then the newer', async () => {
    const older = await offered(40);
    const newer = await offered(50, [...ITEMS, 'more']);
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: Act = async function* (request, signal) {
      yield* give(older.image, 100)(request, signal);
      await held;
      yield* give(older.image)({ ...request, offset: 100 }, signal);
    };
    const { life } = await follower([slow, give(newer.image)]);
    await life.receive(older.message);
    await expect.poll(() => life.work.fetching?.bytes, POLL).toBe(100);
    await life.receive(newer.message);
    await life.receive(newer.message);
    release();
    await expect
      .poll(() => life.sent, POLL)
      .toMatchObject([
        { success: true, matchIndex: 40 },
        { success: true, matchIndex: 50 },
      ]);
    expect(life.machine.items).toEqual([...ITEMS, 'more']);
  });

  it('but when the older one is not to be had, the newer takes its place at once', async () => {
    const older = await offered(40);
    const newer = await offered(50);
    const state = { isLetGo: false };
    const breaksLater: Act = async function* (request, signal) {
      yield* give(older.image, 100)(request, signal);
      await expect.poll(() => state.isLetGo, POLL).toBe(true);
      throw new Error('the connection is gone');
    };
    const { life, names } = await follower([breaksLater, give(newer.image)]);
    await life.receive(older.message);
    await expect.poll(() => life.work.fetching?.bytes, POLL).toBe(100);
    await life.receive(newer.message);
    state.isLetGo = true;
    await expect.poll(() => life.sent, POLL).toMatchObject([{ success: true, matchIndex: 50 }]);
    await expect.poll(() => names(), POLL).toHaveLength(1);
  });

  it('a part that does not come along is dropped after a while', async () => {
    const { message, image } = await offered(40);
    const { life, names } = await follower([give(image, 100), fail(REFUSED)], 0);
    await life.receive(message);
    await expect.poll(() => life.troubles.length, POLL).toBe(1);
    expect(names()).toHaveLength(1);
    await expect
      .poll(() => {
        life.work.tick();
        return names();
      }, POLL)
      .toEqual([]);
  });

  it('P91 what is not news is the node’s at once: nothing is fetched', async () => {
    const { message, image } = await offered(40);
    const { life, requests } = await follower([give(image)]);
    await life.receive(message);
    await expect.poll(() => life.sent.length, POLL).toBe(1);
    await life.receive(message);
    await life.receive((await offered(30)).message);
    await life.receive({ ...message, term: 2 });
    expect(life.sent.slice(1)).toMatchObject([
      { success: true, matchIndex: 40 },
      { success: true, matchIndex: 40 },
      { term: 3 },
    ]);
    expect(requests).toHaveLength(1);
  });
});
