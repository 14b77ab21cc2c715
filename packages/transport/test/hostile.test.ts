// What a stranger, or a peer gone mad, can do to a transport: nothing that grows, nothing that lasts, nothing that keeps
// others out. The network is played by the test, so that every byte and every moment is decided here.

import { encodeMessage, type Heartbeat, type Message } from '@waldb/core';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FRAME_HEADER_BYTES, type FrameKind, FrameReader, frameHeader } from '../src/frame.js';
import { encodeHello, encodePreamble, type Hello, PREAMBLE_BYTES } from '../src/hello.js';
import { DEFAULT_LIMITS, type TransportLimits } from '../src/limits.js';
import { TcpTransport } from '../src/tcp-transport.js';
import { FakeClock, FakeNetwork, type FakeStream } from './support/fake-network.js';

const NOTHING: Uint8Array = new Uint8Array(0);
const HELLO: Hello = { clusterId: 'c1', from: 2, to: 1, logId: 'log-2', address: 'server-2' };

function framed(kind: FrameKind, payload: Uint8Array): Uint8Array {
  return Buffer.concat([frameHeader(kind, payload), payload]);
}

function greeting(hello: Partial<Hello> = {}): Uint8Array {
  return Buffer.concat([encodePreamble(), framed('hello', encodeHello({ ...HELLO, ...hello }))]);
}

function heartbeat(from: number, term = 3): Heartbeat {
  return { type: 'heartbeat', from, to: 1, term, leaderCommit: 0, round: 1 };
}

const PING: Uint8Array = framed('ping', NOTHING);

async function start(limits: Partial<TransportLimits> = {}) {
  const network = new FakeNetwork();
  const clock = new FakeClock();
  const received: Message[] = [];
  const logged: string[] = [];
  const log = (fields: object) => {
    logged.push('reason' in fields ? String(fields.reason) : 'other');
  };
  const transport = await TcpTransport.listen({
    clusterId: 'c1',
    nodeId: 1,
    logId: 'log-1',
    address: 'server-1',
    listen: { host: 'here', port: 1 },
    network,
    clock,
    random: () => 0.5,
    limits,
    onMessage: (message) => received.push(message),
    logger: { debug() {}, info() {}, warn: log, error: log },
  });
  onTestFinished(async () => {
    const closed = transport.close();
    clock.advance(DEFAULT_LIMITS.farewellMs);
    await closed;
  });
  return { network, clock, received, logged, transport };
}

function count(bytes: Buffer, kind: FrameKind): number {
  let frames = 0;
  new FrameReader(PREAMBLE_BYTES, 1 << 20).push(
    bytes,
    () => {},
    (frame) => {
      if (frame.kind === kind) frames += 1;
      return true;
    },
  );
  return frames;
}

describe('bytes', () => {
  it('that come one by one take as much memory as they are, not as many objects', () => {
    const size = 1 << 20;
    const frame = framed('message', new Uint8Array(size));
    const reader = new FrameReader(0, size);
    const push = (from: number, to: number) => {
      let frames = 0;
      for (let i = from; i < to; i++) {
        reader.push(
          frame.subarray(i, i + 1),
          () => {},
          () => {
            frames += 1;
            return true;
          },
        );
      }
      return frames;
    };
    const before = process.memoryUsage();
    expect(push(0, frame.length - 1)).toBe(0);
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(grown).toBeLessThan(48 * size);
    expect(push(frame.length - 1, frame.length)).toBe(1);
  });

  it.each<[FrameKind, number]>([
    ['ping', 1],
    ['pong', 1],
    ['hello', 4097],
    ['refusal', 4097],
    ['snapshotRequest', 4097],
  ])('of a %s that is larger than it can be are refused at its header: %i', (kind, size) => {
    const header = framed(kind, new Uint8Array(size)).subarray(0, FRAME_HEADER_BYTES);
    const push = () =>
      new FrameReader(0, 1 << 20).push(
        header,
        () => {},
        () => true,
      );
    expect(push).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LARGE' }));
  });
});

describe('a peer that', () => {
  it('asks for answers and reads none is not read on either, and is given up', async () => {
    const { network, clock } = await start();
    const peer = network.accept('far:1');
    peer.say(greeting());
    peer.hasRoom = false;
    peer.say(...Array.from({ length: 4000 }, () => PING));
    expect(count(peer.written, 'pong')).toBe(4000);
    expect(peer.writes).toBe(2); // the hello, and all answers at once
    expect(peer.isPaused).toBe(true);
    clock.advance(DEFAULT_LIMITS.silenceMs + 2 * DEFAULT_LIMITS.pingIntervalMs);
    expect(peer.isGone).toBe(true);
  });

  it('takes its answers late is read again', async () => {
    const { network, received } = await start();
    const peer = network.accept('far:1');
    peer.say(greeting());
    peer.hasRoom = false;
    peer.say(PING);
    expect(peer.isPaused).toBe(true);
    peer.hasRoom = true;
    peer.handlers?.onDrain();
    expect(peer.isPaused).toBe(false);
    peer.say(framed('message', encodeMessage(heartbeat(2))));
    expect(received).toHaveLength(1);
  });

  it('takes its answers late is not read again while the owner is behind', async () => {
    const { network, transport } = await start();
    const peer = network.accept('far:1');
    peer.say(greeting());
    peer.hasRoom = false;
    peer.say(PING);
    transport.pauseReceiving();
    peer.hasRoom = true;
    peer.handlers?.onDrain();
    expect(peer.isPaused).toBe(true);
    transport.resumeReceiving();
    expect(peer.isPaused).toBe(false);
  });

  it('only pings is kept, at the price of one connection', async () => {
    const { network, clock, transport } = await start();
    const peer = network.accept('far:1');
    peer.say(greeting());
    for (let i = 0; i < 100; i++) {
      clock.advance(1000);
      peer.say(PING);
    }
    expect(peer.isGone).toBe(false);
    expect(transport.stats().inboundConnections).toBe(1);
  });

  it('says its hello byte by byte has no more time for it than another', async () => {
    const { network, clock } = await start();
    const slow = network.accept('far:1');
    const hello = greeting();
    for (let i = 0; i < 31; i++) {
      slow.say(hello.subarray(i, i + 1));
      clock.advance(DEFAULT_LIMITS.helloTimeoutMs / 30);
    }
    expect(slow.isEnded).toBe(true);
  });

  it('was refused and does not leave is made to', async () => {
    const { network, clock, transport } = await start();
    const stranger = network.accept('far:1');
    stranger.say(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    expect(stranger.isEnded).toBe(true);
    for (let i = 0; i < 10; i++) {
      stranger.say(Buffer.from('more'));
      clock.advance(DEFAULT_LIMITS.farewellMs / 5);
    }
    expect(stranger.isGone).toBe(true);
    expect(transport.stats().inboundConnections).toBe(0);
  });

  it('comes and misbehaves again and again fills no log', async () => {
    const { network, logged } = await start();
    for (let i = 0; i < 1000; i++) {
      const peer = network.accept(`far:${i}`);
      peer.say(greeting());
      peer.say(framed('message', encodeMessage(heartbeat(3))));
      peer.close();
    }
    expect(logged.length).toBeGreaterThan(0);
    expect(logged.length).toBeLessThanOrEqual(10);
  });
});

describe('connections', () => {
  it('that never say who they are, from one host, keep nobody out', async () => {
    const { network, transport, received } = await start({ strangersMax: 8 });
    const early = network.accept('honest:1');
    const flood = Array.from({ length: 100 }, (_, i) => network.accept(`loud:${i}`));
    expect(flood.filter(({ isGone }) => !isGone)).toHaveLength(7);
    expect(transport.stats().inboundConnections).toBe(8);
    // One that came before the flood, and one that comes in the middle of it.
    early.say(greeting({ from: 3 }));
    const late = network.accept('honest:2');
    for (let i = 0; i < 100; i++) network.accept(`loud:${100 + i}`);
    late.say(greeting(), framed('message', encodeMessage(heartbeat(2))));
    expect([early.isGone, late.isGone]).toEqual([false, false]);
    expect(received).toHaveLength(1);
  });

  it('of peers are bounded apart from those of strangers; a known peer may always come back', async () => {
    const { network, transport } = await start({ inboundMax: 2, strangersMax: 4 });
    const first = network.accept('a:1');
    first.say(greeting({ from: 2 }));
    network.accept('b:1').say(greeting({ from: 3 }));
    const third = network.accept('c:1');
    third.say(greeting({ from: 4 }));
    expect(third.isEnded).toBe(true);
    const again = network.accept('a:2');
    again.say(greeting({ from: 2 }));
    expect([first.isGone, again.isGone]).toEqual([true, false]);
    expect(transport.stats().inboundConnections).toBe(3); // the refused one is on its way out
  });

  it('live on when this process slept; those that were silent while it was awake do not', async () => {
    const { network, clock, transport } = await start();
    transport.setPeer(2, { host: 'two', port: 2 });
    const [dial] = network.dialled;
    const inbound = network.accept('two:9');
    inbound.say(greeting());
    dial?.stream.handlers?.onOpen?.();
    dial?.stream.say(greeting());
    dial?.stream.say(framed('pong', NOTHING));
    expect(transport.stats().peers[2]?.state).toBe('connected');
    clock.stall(60_000);
    expect([inbound.isGone, dial?.stream.isGone]).toEqual([false, false]);
    clock.advance(DEFAULT_LIMITS.silenceMs + 2 * DEFAULT_LIMITS.pingIntervalMs);
    expect([inbound.isGone, dial?.stream.isGone]).toEqual([true, true]);
  });
});

describe('a peer that is dialled', () => {
  async function connected(limits: Partial<TransportLimits> = {}) {
    const started = await start(limits);
    started.transport.setPeer(2, { host: 'two.example', port: 2 });
    const stream = started.network.dialled[0]?.stream as FakeStream; // it was just dialled
    stream.handlers?.onOpen?.();
    stream.say(greeting());
    stream.say(framed('pong', NOTHING));
    return { ...started, stream };
  }

  it('and reads nothing holds up no more than one write and one full queue', async () => {
    const { transport, stream } = await connected({ queueMessagesMax: 10 });
    stream.hasRoom = false;
    const before = stream.writes;
    for (let i = 0; i < 1000; i++) {
      transport.send(2, { ...heartbeat(1), to: 2 });
      transport.flush();
    }
    expect(stream.writes).toBe(before + 1);
    expect(transport.stats().peers[2]).toMatchObject({ queuedMessages: 10, droppedMessages: 989 });
  });

  it('is waited for while it takes what is sent, however slowly it answers', async () => {
    const { clock, stream, transport } = await connected();
    for (let i = 0; i < 10; i++) {
      clock.advance(DEFAULT_LIMITS.silenceMs - DEFAULT_LIMITS.pingIntervalMs);
      stream.handlers?.onDrain();
    }
    expect(transport.stats().peers[2]?.state).toBe('connected');
    clock.advance(DEFAULT_LIMITS.silenceMs + 2 * DEFAULT_LIMITS.pingIntervalMs);
    expect(transport.stats().peers[2]?.state).not.toBe('connected');
  });

  it.each<[string, Uint8Array]>([
    ['answers what was not asked', Buffer.concat([framed('pong', NOTHING), framed('pong', NOTHING)])],
    ['sends messages', framed('message', encodeMessage(heartbeat(2)))],
    ['introduces itself twice', framed('hello', encodeHello(HELLO))],
    ['sends pieces of a snapshot', framed('snapshotChunk', new Uint8Array(8))],
  ])('and %s is given up', async (_, bytes) => {
    const { stream, transport, received } = await connected();
    stream.say(bytes);
    expect(stream.isGone).toBe(true);
    expect(transport.stats().peers[2]?.state).toBe('waiting');
    expect(received).toEqual([]);
  });

  it('and never there is dialled by its name each time, ever more rarely, at moments that the seed decides', async () => {
    const { network, clock, transport } = await start({ redialMsMin: 100, redialMsMax: 1600 });
    transport.setPeer(2, { host: 'two.example', port: 2 });
    const times: number[] = [];
    for (let seen = 0; times.length < 7; clock.advance(5)) {
      const dial = network.dialled[seen];
      if (dial === undefined) continue;
      seen += 1;
      times.push(clock.now());
      expect(dial.endpoint).toEqual({ host: 'two.example', port: 2 });
      dial.stream.close();
    }
    const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(waits).toEqual([75, 150, 300, 600, 1200, 1200]);
  });
});

describe('anything at all', () => {
  const session: Uint8Array[] = [
    encodePreamble(),
    framed('hello', encodeHello(HELLO)),
    PING,
    framed('message', encodeMessage(heartbeat(2, 1))),
    framed('message', encodeMessage({ ...heartbeat(2, 2), type: 'timeoutNow' } as unknown as Message)),
    PING,
    framed('message', encodeMessage(heartbeat(2, 3))),
  ];
  const WHOLE: Uint8Array = Buffer.concat(session);
  const honest = new Set([1, 2, 3]);

  type Change = { readonly at: number; readonly kind: number; readonly bytes: Uint8Array };
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.nat(WHOLE.length),
    kind: fc.nat(3),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  });

  /** Overwrites, inserts, removes or repeats. */
  function changed(stream: Uint8Array, { at, kind, bytes }: Change): Uint8Array {
    const head = stream.subarray(0, at);
    const tail = stream.subarray(at);
    if (kind === 0) return Buffer.concat([head, bytes, tail.subarray(bytes.length)]);
    if (kind === 1) return Buffer.concat([head, bytes, tail]);
    if (kind === 2) return Buffer.concat([head, tail.subarray(bytes.length)]);
    return Buffer.concat([head, head.subarray(-bytes.length), tail]);
  }

  it('said by whoever connects, cut anywhere, is heard as what was meant, or refused', async () => {
    const { network, received } = await start();
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
        (changes, cuts) => {
          received.length = 0;
          const bytes = changes.reduce(changed, WHOLE);
          const stream = network.accept('far:1');
          let offset = 0;
          for (const cut of cuts) {
            stream.say(bytes.subarray(offset, offset + cut));
            offset += cut;
          }
          stream.say(bytes.subarray(offset));
          for (const message of received) {
            expect(message).toMatchObject({ from: 2, to: 1 });
            expect(honest).toContain(message.term);
          }
          if (changes.length === 0) expect(received).toHaveLength(3);
          expect(stream.written.length).toBeLessThan(10_000);
          stream.close();
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('in frames that are whole, of any kind and content, is refused or means something', async () => {
    const { network, received } = await start();
    const kinds: FrameKind[] = [
      'hello',
      'message',
      'ping',
      'pong',
      'refusal',
      'snapshotRequest',
      'snapshotChunk',
    ];
    const frame = fc.tuple(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), fc.boolean(), (frames, isIntroduced) => {
        received.length = 0;
        const stream = network.accept('far:1');
        stream.say(isIntroduced ? greeting() : encodePreamble());
        for (const [kind, payload] of frames) stream.say(framed(kind, payload));
        for (const message of received) expect(message).toMatchObject({ from: 2, to: 1 });
        stream.close();
      }),
      { numRuns: 1000 },
    );
  });
});
