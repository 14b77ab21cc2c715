import { type AppendEntries, encodeEntry, encodeMessage, type Heartbeat, type Message } from '@waldb/core';
import { type ByteStream, type Endpoint, NodeClock, NodeNetwork } from '@waldb/io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { frameHeader } from '../src/frame.js';
import { decodeRefusal, encodeHello, encodePreamble, type Hello } from '../src/hello.js';
import { TcpTransport, type TcpTransportOptions } from '../src/tcp-transport.js';
import { TransportError } from '../src/transport-error.js';

const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 };
const CLUSTER = 'c1';
const WAIT = { timeout: 30_000 };

interface Note {
  readonly reason: unknown;
  readonly message: string;
}

function note(notes: Note[]) {
  return (fields: object, message: string) => {
    notes.push({ reason: 'reason' in fields ? fields.reason : undefined, message });
  };
}

async function start(nodeId: number, options: Partial<TcpTransportOptions> = {}) {
  const received: Message[] = [];
  const unreachable: number[] = [];
  const hellos: Hello[] = [];
  const notes: Note[] = [];
  const warnings: Note[] = [];
  const transport = await TcpTransport.listen({
    clusterId: CLUSTER,
    nodeId,
    logId: `log-${nodeId}`,
    address: `server-${nodeId}`,
    listen: LOOPBACK,
    network: new NodeNetwork(),
    clock: new NodeClock(),
    random: () => 0.5,
    onMessage: (message) => received.push(message),
    onUnreachable: (id) => unreachable.push(id),
    onHello: (hello) => hellos.push(hello),
    logger: { debug() {}, info: note(notes), warn: note(warnings), error: note(warnings) },
    ...options,
  });
  onTestFinished(() => transport.close());
  return { transport, received, unreachable, hellos, notes, warnings };
}

function heartbeat(from: number, to: number, round = 1): Heartbeat {
  return { type: 'heartbeat', from, to, term: 3, leaderCommit: 0, round };
}

function append(from: number, to: number, commandBytes: number): AppendEntries {
  const entry = encodeEntry({
    term: 3,
    index: 1,
    kind: 'normal',
    command: new Uint8Array(commandBytes).fill(7),
  });
  return {
    type: 'appendEntries',
    from,
    to,
    term: 3,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit: 0,
    entries: [entry],
  };
}

/** Connects like a peer would, and says exactly `bytes`. Everything heard, and whether the other end closed. */
function speak(endpoint: Endpoint, ...bytes: Uint8Array[]) {
  const heard: Uint8Array[] = [];
  const state = { isClosed: false, stream: undefined as ByteStream | undefined };
  state.stream = new NodeNetwork().connect(endpoint, {
    onOpen: () => void state.stream?.write(bytes),
    onData: (data) => heard.push(data),
    onDrain: () => {},
    onClose: () => {
      state.isClosed = true;
    },
  });
  onTestFinished(() => state.stream?.destroy());
  return { state, heard: () => Buffer.concat(heard) };
}

const HELLO: Hello = { clusterId: CLUSTER, from: 2, to: 1, logId: 'log-2', address: 'server-2' };

function framed(kind: Parameters<typeof frameHeader>[0], payload: Uint8Array): Uint8Array {
  return Buffer.concat([frameHeader(kind, payload), payload]);
}

function greeting(hello: Partial<Hello> = {}): Uint8Array {
  return Buffer.concat([encodePreamble(), framed('hello', encodeHello({ ...HELLO, ...hello }))]);
}

describe('TcpTransport', () => {
  it('delivers messages both ways, in order, and tells who is there', async () => {
    const one = await start(1);
    const two = await start(2);
    one.transport.setPeer(2, two.transport.endpoint);
    two.transport.setPeer(1, one.transport.endpoint);
    const sent = [heartbeat(1, 2, 1), append(1, 2, 100_000), heartbeat(1, 2, 2)];
    for (const message of sent) one.transport.send(2, message);
    two.transport.send(1, heartbeat(2, 1));
    await expect.poll(() => two.received.length, WAIT).toBe(3);
    await expect.poll(() => one.received.length, WAIT).toBe(1);
    expect(two.received.map(encodeMessage)).toEqual(sent.map(encodeMessage));
    expect(two.hellos).toEqual([{ clusterId: CLUSTER, from: 1, to: 2, logId: 'log-1', address: 'server-1' }]);
    expect(one.unreachable).toEqual([]);
  });

  it('many messages of one turn leave in one write', async () => {
    const writes: number[] = [];
    const real = new NodeNetwork();
    const two = await start(2);
    const one = await start(1, {
      network: {
        listen: (endpoint, onStream) => real.listen(endpoint, onStream),
        connect: (endpoint, handlers) => {
          const stream = real.connect(endpoint, handlers);
          const write = stream.write.bind(stream);
          stream.write = (chunks) => {
            writes.push(chunks.length);
            return write(chunks);
          };
          return stream;
        },
      },
    });
    one.transport.setPeer(2, two.transport.endpoint);
    await expect.poll(() => one.transport.stats().peers[2]?.state, WAIT).toBe('connected');
    writes.length = 0;
    for (let round = 1; round <= 100; round++) one.transport.send(2, heartbeat(1, 2, round));
    await expect.poll(() => two.received.length, WAIT).toBe(100);
    expect(writes.filter((chunks) => chunks === 1).length).toBeLessThanOrEqual(2); // the batch, and perhaps a ping
  });

  it('dials again when the peer comes back, at once when the peer dials us', async () => {
    // With this backoff only the peer's own dial can bring the connection back in time.
    const limits = { redialMsMin: 3_600_000, redialMsMax: 3_600_000 };
    const one = await start(1, { limits });
    const first = await start(2);
    const { endpoint } = first.transport;
    one.transport.setPeer(2, endpoint);
    await expect.poll(() => one.transport.stats().peers[2]?.state, WAIT).toBe('connected');
    await first.transport.close();
    await expect.poll(() => one.unreachable, WAIT).toEqual([2]);
    one.transport.send(2, heartbeat(1, 2));
    expect(one.transport.stats().peers[2]).toMatchObject({ state: 'waiting', queuedMessages: 0 });
    expect(one.transport.stats().droppedMessages).toBe(1);
    const second = await start(2, { listen: endpoint });
    second.transport.setPeer(1, one.transport.endpoint);
    await expect.poll(() => one.transport.stats().peers[2]?.state, WAIT).toBe('connected');
    one.transport.send(2, heartbeat(1, 2));
    await expect.poll(() => second.received.length, WAIT).toBe(1);
    // What was well again and is lost again is told again.
    expect(one.warnings).toHaveLength(1);
    await expect.poll(() => one.notes.at(-1)?.message, WAIT).toBe('connected to peer');
    await second.transport.close();
    await expect.poll(() => one.warnings.length, WAIT).toBe(2);
  });

  it('keeps dialling a peer that is not there yet', async () => {
    const placeholder = await start(2);
    const { endpoint } = placeholder.transport;
    await placeholder.transport.close();
    const one = await start(1, { limits: { redialMsMin: 1, redialMsMax: 20 } });
    one.transport.setPeer(2, endpoint);
    one.transport.send(2, heartbeat(1, 2));
    expect(one.transport.stats().peers[2]).toMatchObject({ state: 'connecting', queuedMessages: 1 });
    await expect.poll(() => one.unreachable.length, WAIT).toBeGreaterThan(2);
    // What waited for a connection that did not come is not sent on a later one.
    expect(one.transport.stats().peers[2]).toMatchObject({ queuedMessages: 0, droppedMessages: 1 });
    expect(one.notes.filter(({ reason }) => reason === 'CONNECTION_REFUSED')).toHaveLength(1);
    expect(one.warnings).toEqual([]);
    const two = await start(2, { listen: endpoint });
    await expect.poll(() => one.transport.stats().peers[2]?.state, WAIT).toBe('connected');
    expect(two.hellos).toHaveLength(1);
    expect(two.received).toEqual([]);
  });

  it.each([{ queueMessagesMax: 2 }, { queueBytesMax: 2 * 1100 }])(
    'drops the newest message when a queue is full, and says so: %j',
    async (limits) => {
      const two = await start(2);
      const one = await start(1, { limits });
      one.transport.setPeer(2, two.transport.endpoint);
      for (let round = 1; round <= 3; round++)
        one.transport.send(2, { ...append(1, 2, 1000), term: 2 + round });
      expect(one.transport.stats().peers[2]).toMatchObject({ queuedMessages: 2, droppedMessages: 1 });
      expect(one.unreachable).toEqual([2]);
      expect(one.warnings).toHaveLength(1);
      await expect.poll(() => two.received.map((message) => message.term), WAIT).toEqual([3, 4]);
    },
  );

  it('takes one message larger than the queue, but never one larger than a frame', async () => {
    const two = await start(2, { limits: { frameBytesMax: 10_000 } });
    const one = await start(1, { limits: { queueBytesMax: 10, frameBytesMax: 10_000 } });
    one.transport.setPeer(2, two.transport.endpoint);
    one.transport.send(2, append(1, 2, 20_000));
    one.transport.send(2, append(1, 2, 9_000));
    await expect.poll(() => two.received.length, WAIT).toBe(1);
    expect(one.unreachable).toEqual([2]);
    expect(one.warnings.map((warning) => warning.message).join()).toContain('was not sent');
  });

  it('holds its peers back while its owner is behind', async () => {
    const two = await start(2);
    const one = await start(1, { limits: { silenceMs: 3_600_000 } });
    two.transport.pauseReceiving();
    one.transport.setPeer(2, two.transport.endpoint);
    one.transport.send(2, heartbeat(1, 2));
    await expect.poll(() => two.transport.stats().inboundConnections, WAIT).toBe(1);
    expect(two.received).toEqual([]);
    two.transport.resumeReceiving();
    await expect.poll(() => two.received.length, WAIT).toBe(1);
  });

  it('gives up a peer that accepts and then says nothing', async () => {
    const mute = await new NodeNetwork().listen(LOOPBACK, () => ({
      onData() {},
      onDrain() {},
      onClose() {},
    }));
    onTestFinished(() => mute.close());
    const one = await start(1, { limits: { helloTimeoutMs: 20 } });
    one.transport.setPeer(2, mute.endpoint);
    await expect.poll(() => one.warnings[0]?.reason, WAIT).toBe('SILENT');
    expect(one.unreachable[0]).toBe(2);
  });

  it('gives up a connected peer that stops answering, and measures one that does', async () => {
    const limits = { pingIntervalMs: 5, silenceMs: 200 };
    const two = await start(2);
    const one = await start(1, { limits });
    one.transport.setPeer(2, two.transport.endpoint);
    await expect.poll(() => one.transport.stats().peers[2]?.roundTripMs, WAIT).toBeTypeOf('number');
    two.transport.pauseReceiving();
    await expect.poll(() => one.warnings.map((warning) => warning.reason), WAIT).toContain('SILENT');
  });

  it('an address that changes is dialled instead of the old one; a removed peer is dialled no more', async () => {
    const one = await start(1);
    const before = await start(2);
    const after = await start(2);
    one.transport.setPeer(2, before.transport.endpoint);
    await expect.poll(() => before.hellos.length, WAIT).toBe(1);
    one.transport.setPeer(2, after.transport.endpoint);
    await expect.poll(() => after.hellos.length, WAIT).toBe(1);
    await expect.poll(() => before.transport.stats().inboundConnections, WAIT).toBe(0);
    one.transport.removePeer(2);
    await expect.poll(() => after.transport.stats().inboundConnections, WAIT).toBe(0);
    expect(one.transport.peerIds).toEqual([]);
    expect(one.unreachable).toEqual([]);
  });

  it('a port in use is refused', async () => {
    const one = await start(1);
    await expect(start(2, { listen: one.transport.endpoint })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
  });
});

describe('a connection is refused, with the reason told to both sides', () => {
  const cases: [string, Uint8Array[], string][] = [
    ['another protocol', [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')], 'NOT_WALDB'],
    ['another cluster', [greeting({ clusterId: 'c2' })], 'CLUSTER_MISMATCH'],
    ['a hello for another server', [greeting({ to: 9 })], 'ID_MISMATCH'],
    ['our own id', [greeting({ from: 1 })], 'ID_MISMATCH'],
    [
      'a message before the hello',
      [encodePreamble(), framed('message', encodeMessage(heartbeat(2, 1)))],
      'FRAME_UNEXPECTED',
    ],
    ['a second hello', [greeting(), framed('hello', encodeHello(HELLO))], 'FRAME_UNEXPECTED'],
    [
      'a message from a third server',
      [greeting(), framed('message', encodeMessage(heartbeat(3, 1)))],
      'FOREIGN_SENDER',
    ],
    [
      'a message to a third server',
      [greeting(), framed('message', encodeMessage(heartbeat(2, 3)))],
      'FOREIGN_SENDER',
    ],
    [
      'a frame that is no message',
      [greeting(), framed('message', Buffer.from('gibberish'))],
      'MESSAGE_INVALID',
    ],
    [
      'an oversized hello',
      [encodePreamble(), framed('hello', new Uint8Array(5000)).subarray(0, 16)],
      'FRAME_TOO_LARGE',
    ],
    [
      'an oversized message',
      [greeting(), framed('message', new Uint8Array(70_000)).subarray(0, 16)],
      'FRAME_TOO_LARGE',
    ],
    ['a damaged frame', [greeting(), new Uint8Array(16).fill(1)], 'FRAME_DAMAGED'],
  ];

  it.each(cases)('%s', async (_name, bytes, code) => {
    const one = await start(1, { limits: { frameBytesMax: 65_536 } });
    const stranger = speak(one.transport.endpoint, ...bytes);
    await expect.poll(() => stranger.state.isClosed, WAIT).toBe(true);
    expect(one.warnings.map((warning) => warning.reason)).toEqual([code]);
    expect(lastRefusal(stranger.heard())?.detail).toMatchObject({ theirCode: code });
    expect(one.received).toEqual([]);
    expect(one.transport.stats().inboundConnections).toBe(0);
  });

  it('a server that its owner does not admit', async () => {
    const admit = () => {
      throw new TransportError('LOG_REPLACED', 'another log');
    };
    const one = await start(1, { admit });
    const stranger = speak(one.transport.endpoint, greeting());
    await expect.poll(() => stranger.state.isClosed, WAIT).toBe(true);
    expect(lastRefusal(stranger.heard())?.detail).toMatchObject({ theirCode: 'LOG_REPLACED' });
  });

  it('and told once, however often it tries', async () => {
    const one = await start(1);
    for (let attempt = 0; attempt < 5; attempt++) {
      const stranger = speak(one.transport.endpoint, greeting({ clusterId: 'c2' }));
      await expect.poll(() => stranger.state.isClosed, WAIT).toBe(true);
    }
    expect(one.warnings).toHaveLength(1);
  });

  it('by the dialling side too: another server answers than the one that was meant', async () => {
    const three = await start(3);
    const one = await start(1);
    one.transport.setPeer(2, three.transport.endpoint);
    await expect.poll(() => one.warnings.map((warning) => warning.reason), WAIT).toContain('ID_MISMATCH');
    expect(three.received).toEqual([]);
  });

  it('to a dialling side that then tries ever more rarely, and tells it once', async () => {
    const admit = () => {
      throw new TransportError('LOG_REPLACED', 'another log');
    };
    const two = await start(2, { admit });
    const one = await start(1, { limits: { redialMsMin: 1, redialMsMax: 64 } });
    one.transport.setPeer(2, two.transport.endpoint);
    await expect.poll(() => one.unreachable.length, WAIT).toBeGreaterThan(6);
    expect(one.warnings).toMatchObject([{ reason: 'REFUSED' }]);
    expect(one.warnings[0]?.message).toContain('another log');
    expect(one.notes).toEqual([]);
  });

  it('a hello cut at any byte leaves the server waiting, then timing out; it serves others meanwhile', async () => {
    const one = await start(1, { limits: { helloTimeoutMs: 100 } });
    const whole = greeting();
    const strangers: ReturnType<typeof speak>[] = [];
    for (let length = 0; length < whole.length; length += 7) {
      strangers.push(speak(one.transport.endpoint, whole.subarray(0, length)));
    }
    const peer = speak(one.transport.endpoint, whole, framed('message', encodeMessage(heartbeat(2, 1))));
    await expect.poll(() => one.received.length, WAIT).toBe(1);
    await expect.poll(() => strangers.every((stranger) => stranger.state.isClosed), WAIT).toBe(true);
    expect(peer.state.isClosed).toBe(false);
  });

  it('beyond the number of connections that are accepted', async () => {
    const one = await start(1, { limits: { inboundMax: 1 } });
    speak(one.transport.endpoint, greeting());
    await expect.poll(() => one.hellos.length, WAIT).toBe(1);
    const second = speak(one.transport.endpoint, greeting({ from: 3 }));
    await expect.poll(() => second.state.isClosed, WAIT).toBe(true);
    expect(one.hellos).toHaveLength(1);
  });

  it('an older connection of the same peer gives way to a newer one', async () => {
    const one = await start(1, { limits: { silenceMs: 3_600_000 } });
    const older = speak(one.transport.endpoint, greeting());
    await expect.poll(() => one.hellos.length, WAIT).toBe(1);
    speak(one.transport.endpoint, greeting(), framed('message', encodeMessage(heartbeat(2, 1))));
    await expect.poll(() => older.state.isClosed, WAIT).toBe(true);
    await expect.poll(() => one.received.length, WAIT).toBe(1);
  });
});

/** The refusal at the end of what was heard: the last frame. */
function lastRefusal(heard: Buffer): TransportError | undefined {
  for (let start = heard.length - 16; start >= 16; start--) {
    const length = heard.readUInt32LE(start);
    if (heard[start + 4] === 4 && start + 16 + length === heard.length) {
      return decodeRefusal(heard.subarray(start + 16));
    }
  }
  return undefined;
}
