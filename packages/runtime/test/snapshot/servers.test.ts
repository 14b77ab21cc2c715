// Snapshots between real servers: real disks, real sockets, and a network that breaks or slows exactly the connections
// that carry an image.

import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteStream, type Endpoint, type Network, NodeNetwork, type StreamHandlers } from '@waldb/io';
import { describe, expect, it } from 'vitest';
import type { RuntimeError } from '../../src/index.js';
import { Cluster, startServer, WAIT } from '../support/cluster.js';
import { bytes, ListMachine } from '../support/list-machine.js';

/** Long enough for servers that share a busy machine with other tests: nobody is to lose its leadership for that. */
const PATIENT = { electionTimeoutTicks: [60, 120], snapshotKeepEntries: 0 } as const;
const ITEM_BYTES = 8 * 1024;
const ITEMS = 200;

function item(i: number): string {
  return String(i).padEnd(ITEM_BYTES, String(i % 10));
}

/**
 * What is received on dialled connections: hellos and pongs, or an image. So whatever brings more than a little is one
 * that carries an image.
 */
class ImageNetwork implements Network {
  readonly #real = new NodeNetwork();
  /** Of every connection that carried an image. */
  readonly received: number[] = [];
  /** Breaks the next connections that carry an image after so many bytes. */
  breakAfter: number[] = [];
  /** Waits so long before each further piece. */
  delayMs = 0;

  listen(...args: Parameters<Network['listen']>): ReturnType<Network['listen']> {
    return this.#real.listen(...args);
  }

  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    let bytesReceived = 0;
    let at = -1;
    let limit = Number.POSITIVE_INFINITY;
    const stream = this.#real.connect(endpoint, {
      onOpen: () => handlers.onOpen?.(),
      onDrain: () => handlers.onDrain(),
      onClose: (error) => handlers.onClose(error),
      onData: (data) => {
        bytesReceived += data.length;
        if (bytesReceived > 4096) {
          if (at < 0) {
            at = this.received.push(0) - 1;
            limit = this.breakAfter.shift() ?? limit;
          }
          this.received[at] = bytesReceived;
        }
        if (bytesReceived > limit) {
          stream.destroy();
          return;
        }
        handlers.onData(data);
        if (at >= 0 && this.delayMs > 0) this.#slow(stream);
      },
    });
    return stream;
  }

  /** As a machine that is busy with something else would. */
  #slow(stream: ByteStream): void {
    stream.pause();
    setTimeout(() => stream.resume(), this.delayMs);
  }
}

/** Three servers, one of them down since before the log that the others gave up for a snapshot. */
async function oneBehind(network: ImageNetwork) {
  const cluster = await Cluster.start(3, PATIENT);
  const leader = await cluster.leader();
  const behind = cluster.ids.find((id) => id !== leader.id) ?? 0;
  await cluster.closeOne(behind);
  for (let i = 0; i < ITEMS; i++) await leader.server.propose(bytes(item(i)));
  const index = await leader.server.snapshot();
  const bring = () => cluster.startOne(behind, { network });
  return { cluster, leader, behind, index, bring };
}

/** Flips a bit in the middle of the image that server `id` has. */
function damage(cluster: Cluster, id: number): void {
  const [name = ''] = images(cluster, id);
  const path = join(cluster.root, String(id), 'snapshots', name);
  const image = readFileSync(path);
  image[1_000_001] = (image[1_000_001] ?? 0) ^ 1;
  writeFileSync(path, image);
}

describe('an image between servers', () => {
  it('P92 that breaks off goes on where it was: all connections together bring it once', async () => {
    const network = new ImageNetwork();
    network.breakAfter = [300_000, 400_000, 200_000];
    const { cluster, bring, index, leader } = await oneBehind(network);
    const { machine, server } = await bring();
    await expect.poll(() => machine.items.length, WAIT).toBe(ITEMS);
    expect(server.status().snapshotIndex).toBe(index);
    const total = network.received.reduce((sum, count) => sum + count, 0);
    const imageBytes = ITEMS * (ITEM_BYTES + 1);
    expect(network.received.length).toBeGreaterThanOrEqual(4);
    expect(total).toBeGreaterThan(imageBytes);
    // A break costs at most what was on the way in one frame and one read.
    expect(total).toBeLessThan(imageBytes + 3 * 600_000);
    await leader.server.propose(bytes('after'));
    await cluster.agreeOn(ITEMS + 1);
  });

  it('P92 H5.1 that takes longer than election timeouts: nobody campaigns, commands go on, and it is not sent twice', async () => {
    const network = new ImageNetwork();
    network.delayMs = 100;
    const { cluster, bring, leader } = await oneBehind(network);
    const { term } = leader.server;
    const { machine, server } = await bring();
    await expect.poll(() => network.received[0] ?? 0, WAIT).toBeGreaterThan(0);
    let during = 0;
    while (machine.items.length === 0) {
      await leader.server.propose(bytes(`during ${during}`));
      during += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(during).toBeGreaterThan(3);
    expect(leader.server.term).toBe(term);
    expect(server.term).toBe(term);
    expect(network.received).toHaveLength(1);
    await cluster.agreeOn(ITEMS + during);
  });

  it('H4.1 the leader dies in the middle: the next one brings it to the end', async () => {
    const network = new ImageNetwork();
    network.delayMs = 20;
    const cluster = await Cluster.start(5, PATIENT);
    const leader = await cluster.leader();
    const behind = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await cluster.closeOne(behind);
    for (let i = 0; i < ITEMS; i++) await leader.server.propose(bytes(item(i)));
    await cluster.agreeOn(ITEMS);
    for (const { server } of cluster.members.values()) await server.snapshot();
    const { machine } = await cluster.startOne(behind, { network });
    await expect.poll(() => network.received[0] ?? 0, WAIT).toBeGreaterThan(100_000);
    await cluster.closeOne(leader.id);
    network.delayMs = 0;
    await expect.poll(() => machine.items.length, WAIT).toBe(ITEMS);
    const next = await cluster.leader();
    await next.server.propose(bytes('after'));
    await cluster.agreeOn(ITEMS + 1);
  });

  it('H1.2 H1.3 H5.3 H5.4 a server that joins gets it, restarts in the middle, and gets it anew', async () => {
    const network = new ImageNetwork();
    network.delayMs = 50;
    const cluster = await Cluster.start(1, { snapshotKeepEntries: 0 });
    const { server } = await cluster.leader();
    for (let i = 0; i < ITEMS; i++) await server.propose(bytes(item(i)));
    const index = await server.snapshot();
    const { address } = await cluster.startJoining(9, { network });
    await server.addLearner(9, address);
    await expect.poll(() => network.received[0] ?? 0, WAIT).toBeGreaterThan(100_000);
    await cluster.closeOne(9);
    expect(images(cluster, 9)).toEqual([]);
    const { machine, server: joined } = await startServer({ id: 9, directory: join(cluster.root, '9') });
    cluster.members.set(9, { server: joined, machine });
    await expect.poll(() => machine.items.length, WAIT).toBe(ITEMS);
    expect(joined.status()).toMatchObject({ snapshotIndex: index, firstIndex: index + 1 });
    await server.propose(bytes('after'));
    await cluster.agreeOn(ITEMS + 1);
    expect(machine.items.at(-1)).toBe('after');
  });

  it('P90 a machine that cannot restore it stops that server, says the index, and harms no other', async () => {
    const { cluster, behind, index, leader } = await oneBehind(new ImageNetwork());
    const machine = new ListMachine();
    machine.restore = () => Promise.reject(new Error('of no use to me'));
    const { server } = await cluster.startOne(behind, { stateMachine: machine });
    const errors: RuntimeError[] = [];
    server.on('error', (error) => errors.push(error));
    await expect
      .poll(() => errors.find(({ code }) => code === 'STATE_MACHINE'), WAIT)
      .toMatchObject({
        detail: { index },
        message: expect.stringContaining(`index ${index}`),
      });
    await cluster.closeOne(behind);
    await leader.server.propose(bytes('after'));
    await cluster.agreeOn(ITEMS + 1);
    // The image is there, and durable: a machine that can restores it at the start.
    const { machine: able } = await cluster.startOne(behind);
    await expect.poll(() => able.items.length, WAIT).toBe(ITEMS + 1);
  });

  it('that is being restored when the server is closed holds nobody up: its stream ends with an error, not as if it were whole', async () => {
    const { cluster, behind } = await oneBehind(new ImageNetwork());
    const machine = new ListMachine();
    const ends: unknown[] = [];
    let begun = 0;
    machine.restore = async (stream) => {
      try {
        for await (const _ of stream) {
          begun += 1;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        ends.push('whole');
      } catch (error) {
        ends.push(error);
        throw error;
      }
    };
    await cluster.startOne(behind, { stateMachine: machine });
    await expect.poll(() => begun, WAIT).toBeGreaterThan(0);
    await cluster.closeOne(behind);
    expect(ends).toMatchObject([{ code: 'SNAPSHOT_CLOSED' }]);
    const { machine: next } = await cluster.startOne(behind);
    await expect.poll(() => next.items.length, WAIT).toBe(ITEMS);
  });

  it('P98 one that is damaged on the sender’s disk is never given: it takes a new one, and gives that', async () => {
    const network = new ImageNetwork();
    const { cluster, behind, leader } = await oneBehind(network);
    const errors: RuntimeError[] = [];
    leader.server.on('trouble', (error) => errors.push(error));
    await leader.server.propose(bytes('one more'));
    damage(cluster, leader.id);
    const { machine } = await cluster.startOne(behind, { network });
    await expect.poll(() => machine.items.length, WAIT).toBe(ITEMS + 1);
    expect(errors.map(({ code }) => code)).toContain('SNAPSHOT_FAILED');
    await cluster.agreeOn(ITEMS + 1);
  });

  it('I3.1 no read, not even an eventual one, sees a machine that is being restored', async () => {
    const { cluster, behind } = await oneBehind(new ImageNetwork());
    const machine = new ListMachine();
    const restore = machine.restore.bind(machine);
    let goOn = () => {};
    let isRestoring = false;
    machine.restore = async (stream) => {
      isRestoring = true;
      machine.items.push('half of it');
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      await restore(stream);
    };
    const { server } = await cluster.startOne(behind, { stateMachine: machine });
    await expect.poll(() => isRestoring, WAIT).toBe(true);
    const seen: number[] = [];
    const reads = (['eventual', 'lease', 'linearizable'] as const).map(async (consistency) => {
      await server.read(consistency, { timeoutMs: 60_000 });
      seen.push(machine.items.length);
    });
    await expect(server.read('eventual', { timeoutMs: 1 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(seen).toEqual([]);
    goOn();
    await Promise.all(reads);
    expect(seen).toEqual([ITEMS, ITEMS, ITEMS]);
  });

  it('P98 nor where nothing was applied since it was taken: there is a later point to save, and the sender can start again', async () => {
    const { cluster, behind, leader, bring } = await oneBehind(new ImageNetwork());
    damage(cluster, leader.id);
    const { machine } = await bring();
    await expect.poll(() => machine.items.length, WAIT).toBe(ITEMS);
    await cluster.closeOne(behind);
    await cluster.closeOne(leader.id);
    const { machine: restored } = await cluster.startOne(leader.id);
    expect(restored.items).toHaveLength(ITEMS);
  });

  it('P98 and where no new one could be taken then, it is when a peer asks again', async () => {
    const { cluster, leader, bring } = await oneBehind(new ImageNetwork());
    damage(cluster, leader.id);
    const snapshot = leader.machine.snapshot.bind(leader.machine);
    let refused = 0;
    leader.machine.snapshot = () => {
      if (refused > 0) return snapshot();
      refused += 1;
      throw new Error('not now');
    };
    const { machine } = await bring();
    await expect.poll(() => machine.items.length, WAIT).toBe(ITEMS);
    expect(refused).toBe(1);
  });
});

describe('at the start', () => {
  it('H3.1 an image that the log names and that is gone: refused by name, and never an empty state instead', async () => {
    const cluster = await Cluster.start(1, { snapshotKeepEntries: 0 });
    const { server } = await cluster.leader();
    await server.propose(bytes('a'));
    await server.snapshot();
    await cluster.closeOne(1);
    const [name = ''] = images(cluster, 1);
    const path = join(cluster.root, '1', 'snapshots', name);
    const whole = readFileSync(path);
    unlinkSync(path);
    await expect(cluster.startOne(1)).rejects.toMatchObject({ code: 'SNAPSHOT_MISSING' });
    writeFileSync(path, whole.subarray(0, -1));
    await expect(cluster.startOne(1)).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' });
    writeFileSync(path, whole);
    const { machine } = await cluster.startOne(1);
    expect(machine.items).toEqual(['a']);
  });
});

describe('taking one', () => {
  it('never runs twice at a time, and never stops the loop: commands are applied while a slow one is drained', async () => {
    const machine = new ListMachine();
    let drained = 0;
    let taken = 0;
    machine.snapshot = async function* () {
      taken += 1;
      for (const each of [...machine.items]) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        drained += 1;
        yield bytes(`${each}\n`);
      }
    };
    const cluster = await Cluster.start(1, { stateMachine: machine, snapshotThreshold: 20 });
    const { server } = await cluster.leader();
    for (let i = 0; i < 19; i++) await server.propose(bytes(String(i)));
    const first = server.snapshot();
    const second = server.snapshot();
    let during = 0;
    while (drained < 15) {
      await server.propose(bytes(`during ${during}`));
      during += 1;
    }
    expect(during).toBeGreaterThan(3);
    expect(taken).toBe(1);
    expect(await first).toBe(await second);
  });

  it('a backup holds what was applied before it was asked for, also while an earlier snapshot is being taken', async () => {
    const machine = new ListMachine();
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { snapshot } = machine;
    machine.snapshot = async function* () {
      const state = snapshot.call(machine);
      await held;
      yield* state;
    };
    const cluster = await Cluster.start(1, { stateMachine: machine });
    const { server } = await cluster.leader();
    await server.propose(bytes('a'));
    const early = server.snapshot();
    await server.propose(bytes('b'));
    const applied = server.appliedIndex;
    const asked = server.backup();
    goOn();
    expect(await early).toBeLessThan(applied);
    const stream = await asked;
    await stream.return();
    expect(stream.info.index).toBeGreaterThanOrEqual(applied);
  });

  it('ends with the server, also when its machine never gives another piece', async () => {
    const machine = new ListMachine();
    machine.snapshot = async function* () {
      yield bytes('a');
      await new Promise(() => {});
    };
    const cluster = await Cluster.start(1, { stateMachine: machine });
    const { server } = await cluster.leader();
    await server.propose(bytes('a'));
    const saving = expect(server.snapshot()).rejects.toMatchObject({ code: 'CLOSED' });
    await cluster.closeOne(1);
    await saving;
    expect(images(cluster, 1)).toEqual([]);
  });
});

function images(cluster: Cluster, id: number): string[] {
  return readdirSync(join(cluster.root, String(id), 'snapshots')).filter((name) => name !== 'LOCK');
}
