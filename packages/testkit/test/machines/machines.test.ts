// The rules of simulated machines: what a process on one of them may rely on, and what it may not.

import type { Network, StreamHandlers, Vfs } from '@waldb/io';
import { describe, expect, it } from 'vitest';
import { Machine } from '../../src/machines/machine.js';
import { SimulatedNetwork } from '../../src/machines/simulated-network.js';
import { Simulation } from '../../src/machines/simulation.js';

const PACE = { latencyMs: [1, 2], bytesPerMs: 1_000 } as const;
const DISK = { read: [0.1, 0.2], write: [0.1, 0.2], sync: [1, 2] } as const;

interface World {
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly machine: (name: string) => Machine;
  /** Lets so much time pass. */
  readonly pass: (milliseconds: number) => Promise<void>;
}

function makeWorld(seed = 1): World {
  const simulation = new Simulation(seed);
  const network = new SimulatedNetwork(simulation, simulation.random.fork(), PACE);
  return {
    simulation,
    network,
    machine: (name) => new Machine({ name, simulation, network, diskPace: DISK }),
    pass: async (milliseconds) => {
      let isOver = false;
      simulation.after(milliseconds, () => {
        isOver = true;
      });
      await simulation.run(() => isOver);
    },
  };
}

describe('simulated time', () => {
  it('lets everything that one event has set going end before the next', async () => {
    const simulation = new Simulation(1);
    const seen: string[] = [];
    simulation.after(1, () => {
      seen.push('first');
      void (async () => {
        for (let i = 0; i < 20; i++) await Promise.resolve();
        process.nextTick(() => void Promise.resolve().then(() => seen.push('its end')));
      })();
    });
    simulation.after(1, () => seen.push('second'));
    await simulation.run(() => false);
    expect(seen).toEqual(['first', 'its end', 'second']);
  });

  it('a machine that waits for its disk hears of nothing meanwhile, and its clock goes on', async () => {
    const { machine, pass } = makeWorld();
    const { clock, vfs } = machine('a').boot();
    const seen: [string, number][] = [];
    clock.setTimer(5, () => {
      const before = clock.now();
      const file = vfs.open('/file', 'create', { durable: true });
      for (let i = 0; i < 10; i++) file.write(new Uint8Array(10), i * 10);
      seen.push(['disk', clock.now() - before]);
    });
    clock.setTimer(7, () => seen.push(['timer', 0]));
    await pass(100);
    expect(seen.map(([what]) => what)).toEqual(['disk', 'timer']);
    expect(seen[0]?.[1]).toBeGreaterThan(10);
  });

  it('a machine that is paused hears of everything late, timers first, and all of it', async () => {
    const { machine, pass, simulation } = makeWorld();
    const host = machine('a');
    const { clock, life } = host.boot();
    const seen: string[] = [];
    life.at(2, 'input', () => seen.push('input'));
    clock.setTimer(3, () => seen.push('timer'));
    life.pause();
    await pass(50);
    expect(seen).toEqual([]);
    life.resume();
    await pass(1);
    expect([seen, simulation.now > 50]).toEqual([['timer', 'input'], true]);
  });

  it('nothing of a life has an effect after its end', async () => {
    const { machine, pass } = makeWorld();
    const host = machine('a');
    const { clock, vfs } = host.boot();
    const seen: string[] = [];
    clock.setTimer(5, () => seen.push('timer'));
    clock.defer(() => seen.push('turn'));
    const file = vfs.open('/file', 'create');
    file.writeWithCallback(new Uint8Array(1), 0, () => seen.push('written'));
    host.end('kill');
    await pass(50);
    expect(seen).toEqual([]);
    expect(() => vfs.list('/')).toThrow('life');
    expect(() => file.write(new Uint8Array(1), 0)).toThrow('life');
  });
});

describe('simulated disks', () => {
  const write = (vfs: Vfs, isSynced: boolean): void => {
    const file = vfs.open('/file', 'create');
    file.write(new Uint8Array([7]), 0);
    if (!isSynced) return;
    file.sync();
    vfs.syncDirectory('/');
  };
  /** How many of a hundred machines still have the file. */
  const survivors = (ending: 'kill' | 'powerLoss', isSynced: boolean): number => {
    const { machine } = makeWorld();
    let count = 0;
    for (let i = 0; i < 100; i++) {
      const host = machine(`m${i}`);
      write(host.boot().vfs, isSynced);
      host.end(ending);
      if (host.boot().vfs.size('/file') !== undefined) count += 1;
    }
    return count;
  };

  it('keep what was written when the process is killed', () => {
    expect(survivors('kill', false)).toBe(100);
  });

  it('keep what was synced when the power goes, and of the rest what they like', () => {
    expect(survivors('powerLoss', true)).toBe(100);
    expect(survivors('powerLoss', false)).toBeGreaterThan(5);
    expect(survivors('powerLoss', false)).toBeLessThan(95);
  });

  it('end their machine in the middle of any operation', () => {
    const { machine } = makeWorld();
    const host = machine('a');
    const { vfs, life } = host.boot();
    host.disk.arm({ type: 'end', ending: 'powerLoss' }, 1, () => true);
    expect(() => write(vfs, true)).toThrow('ended in the middle of write');
    expect([life.isOver, host.life]).toEqual([true, undefined]);
  });

  it('fail as they are told to, once', () => {
    const { machine } = makeWorld();
    const host = machine('a');
    const { vfs } = host.boot();
    host.disk.arm({ type: 'error', code: 'EIO' }, 0, (type) => type === 'sync');
    expect(() => write(vfs, true)).toThrow('EIO');
    write(vfs, true);
    host.disk.capacityBytes = 1;
    expect(() => vfs.open('/file', 'update').write(new Uint8Array(10), 0)).toThrow('ENOSPC');
  });
});

describe('simulated connections', () => {
  /** Hears everything that happens to a stream, in words. */
  const listener = (seen: string[], bytes: number[] = []): StreamHandlers => ({
    onOpen: () => void seen.push('open'),
    onData: (data) => void bytes.push(...data),
    onDrain: () => void seen.push('drain'),
    onClose: (error) => void seen.push(error?.code ?? 'closed'),
  });
  const listen = async (
    { pass }: World,
    network: Network,
    handlers: StreamHandlers,
  ): Promise<{ readonly write: (bytes: Uint8Array) => void }> => {
    let accepted: { write(chunks: readonly Uint8Array[]): boolean } | undefined;
    void network.listen({ host: 'b', port: 1 }, (stream) => {
      accepted = stream;
      return handlers;
    });
    await pass(1);
    return { write: (bytes) => void accepted?.write([bytes]) };
  };

  it('carry bytes in order and whole, in pieces of their own', async () => {
    const world = makeWorld();
    const seen: string[] = [];
    const got: number[] = [];
    let pieces = 0;
    const handlers = listener(seen, got);
    await listen(world, world.machine('b').boot().network, {
      ...handlers,
      onData: (data) => {
        pieces += 1;
        handlers.onData(data);
      },
    });
    const stream = world.machine('a').boot().network.connect({ host: 'b', port: 1 }, listener([]));
    const sent = Array.from({ length: 2_000 }, (_, i) => i % 251);
    for (let at = 0; at < sent.length; at += 10) {
      stream.write([Uint8Array.from(sent.slice(at, at + 10))]);
      if (at % 100 === 0) await world.pass(0.5);
    }
    await world.pass(50);
    stream.end();
    await world.pass(50);
    expect(got).toEqual(sent);
    expect(pieces).not.toBe(200);
    expect(seen).toEqual(['closed']);
  });

  it('are refused where nobody listens, and time out where there is no power', async () => {
    const world = makeWorld();
    const { network } = world.machine('a').boot();
    const host = world.machine('b');
    const refused: string[] = [];
    const silent: string[] = [];
    host.boot();
    network.connect({ host: 'b', port: 1 }, listener(refused));
    await world.pass(20);
    host.end('powerLoss');
    network.connect({ host: 'b', port: 1 }, listener(silent));
    await world.pass(500);
    expect([refused, silent]).toEqual([['CONNECTION_REFUSED'], []]);
    await world.pass(10_000);
    expect(silent).toEqual(['CONNECTION_LOST']);
  });

  it('wait while they are held, and give what was sent then, in both directions apart', async () => {
    const world = makeWorld();
    const there: number[] = [];
    const back: number[] = [];
    const accepted = await listen(world, world.machine('b').boot().network, listener([], there));
    const stream = world.machine('a').boot().network.connect({ host: 'b', port: 1 }, listener([], back));
    await world.pass(20);
    world.network.hold('a', 'b');
    stream.write([Uint8Array.of(1)]);
    accepted.write(Uint8Array.of(2));
    await world.pass(500);
    expect([there, back]).toEqual([[], [2]]);
    world.network.release('a', 'b');
    await world.pass(20);
    expect(there).toEqual([1]);
  });

  it('of a killed process end at the other side; those of a machine without power do not, until it is up again', async () => {
    for (const ending of ['kill', 'powerLoss'] as const) {
      const world = makeWorld();
      const host = world.machine('b');
      await listen(world, host.boot().network, listener([]));
      const seen: string[] = [];
      const stream = world.machine('a').boot().network.connect({ host: 'b', port: 1 }, listener(seen));
      await world.pass(20);
      host.end(ending);
      await world.pass(3_000);
      expect(seen.length).toBe(ending === 'kill' ? 2 : 1);
      host.boot();
      stream.write([Uint8Array.of(1)]);
      await world.pass(100);
      expect(seen.length).toBe(2);
    }
  });

  it('broken for one end alone, the other learns of it when it writes', async () => {
    const world = makeWorld();
    const seenThere: string[] = [];
    const accepted = await listen(world, world.machine('b').boot().network, listener(seenThere));
    const seen: string[] = [];
    world.machine('a').boot().network.connect({ host: 'b', port: 1 }, listener(seen));
    await world.pass(20);
    world.network.breakConnections('a', 'b', 'a');
    await world.pass(1_000);
    expect([seen, seenThere]).toEqual([['open', 'CONNECTION_LOST'], []]);
    accepted.write(Uint8Array.of(1));
    await world.pass(100);
    expect(seenThere).toEqual(['CONNECTION_LOST']);
  });

  it('hold a sender up when nobody reads', async () => {
    const world = makeWorld();
    const booted = world.machine('b').boot();
    let resume = (): void => {};
    let got = 0;
    void booted.network.listen({ host: 'b', port: 1 }, (stream) => {
      stream.pause();
      resume = () => stream.resume();
      return {
        ...listener([]),
        onData: (data) => {
          got += data.length;
        },
      };
    });
    const seen: string[] = [];
    const stream = world.machine('a').boot().network.connect({ host: 'b', port: 1 }, listener(seen));
    await world.pass(20);
    let written = 0;
    let hasRoom = true;
    while (hasRoom && written < 10_000_000) {
      hasRoom = stream.write([new Uint8Array(10_000)]);
      written += 10_000;
    }
    await world.pass(2_000);
    expect([hasRoom, got, seen]).toEqual([false, 0, ['open']]);
    resume();
    await world.pass(2_000);
    expect([got, seen]).toEqual([written, ['open', 'drain']]);
  });
});
