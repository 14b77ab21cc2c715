// Snapshots between two servers: a connection of their own, flow control, breaks, and everything a peer may send that
// is not what was asked for.

import { type ByteStream, type Endpoint, NodeClock, NodeNetwork } from '@waldb/io';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FrameKind, frameHeader } from '../src/frame.js';
import { encodeHello, encodePreamble, greeting, HELLO_BYTES_MAX } from '../src/hello.js';
import {
  decodeSnapshotRequest,
  encodeSnapshotRequest,
  SNAPSHOT_CHUNK_BYTES_MAX,
  type SnapshotRequest,
} from '../src/snapshot-request.js';
import { TcpTransport, type TcpTransportOptions } from '../src/tcp-transport.js';
import { TransportError } from '../src/transport-error.js';

const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 };
const WAIT = { timeout: 30_000 };
const CHECKSUM = 'ab'.repeat(32);
const REQUEST: SnapshotRequest = { index: 7, term: 3, checksum: CHECKSUM, offset: 0 };

async function start(nodeId: number, options: Partial<TcpTransportOptions> = {}): Promise<TcpTransport> {
  const transport = await TcpTransport.listen({
    clusterId: 'c1',
    nodeId,
    logId: `log-${nodeId}`,
    address: `server-${nodeId}`,
    listen: LOOPBACK,
    network: new NodeNetwork(),
    clock: new NodeClock(),
    random: () => 0.5,
    onMessage: () => {},
    ...options,
  });
  onTestFinished(() => transport.close());
  return transport;
}

/** Two servers; the first may ask the second for `image`, in pieces of `pieceBytes`. */
async function pair(image: Uint8Array, pieceBytes: number, options: Partial<TcpTransportOptions> = {}) {
  const asked: SnapshotRequest[] = [];
  const given = { bytes: 0, isLetGo: false };
  const sender = await start(2, {
    onSnapshotRequest: (_peer, request) => {
      asked.push(request);
      return pieces(image.subarray(request.offset), pieceBytes, given);
    },
    ...options,
  });
  const receiver = await start(1, options);
  receiver.setPeer(2, sender.endpoint);
  sender.setPeer(1, receiver.endpoint);
  return { sender, receiver, asked, given };
}

async function* pieces(image: Uint8Array, pieceBytes: number, given: { bytes: number; isLetGo: boolean }) {
  try {
    for (let offset = 0; offset < image.length; offset += pieceBytes) {
      const piece = image.slice(offset, offset + pieceBytes);
      given.bytes += piece.length;
      yield piece;
    }
  } finally {
    given.isLetGo = true;
  }
}

function imageOf(bytes: number): Uint8Array {
  const image = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) image[i] = (i * 31 + (i >>> 9)) & 0xff;
  return image;
}

const never = new AbortController().signal;

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const piece of stream) found.push(piece);
  return Buffer.concat(found);
}

/** A peer of our own making, at which server 1 asks; says what it answers the first, second … time it hears something. */
async function impostor(answer: (turn: number) => readonly Uint8Array[] | 'end'): Promise<Endpoint> {
  const streams: ByteStream[] = [];
  const listener = await new NodeNetwork().listen(LOOPBACK, (stream) => {
    streams.push(stream);
    let turn = 0;
    return {
      onData: () => {
        turn += 1;
        const answered = answer(turn);
        if (answered === 'end') stream.end();
        else if (answered.length > 0) stream.write(answered);
      },
      onDrain: () => {},
      onClose: () => {},
    };
  });
  onTestFinished(async () => {
    for (const stream of streams) stream.destroy();
    await listener.close();
  });
  return listener.endpoint;
}

const HELLO = greeting({ clusterId: 'c1', from: 2, to: 1, logId: 'log-2', address: 'server-2' });

function framed(kind: FrameKind, payload: Uint8Array): Uint8Array[] {
  return [frameHeader(kind, payload), payload];
}

/** Asks an impostor that says `said` after its hello, all at once or when it was asked. */
async function ask(said: readonly Uint8Array[], andThen: 'end' | 'silence' = 'end'): Promise<Buffer> {
  const endpoint = await impostor((turn) => {
    return turn === 1 ? [...HELLO, ...said] : andThen === 'end' ? 'end' : [];
  });
  const receiver = await start(1, { limits: { snapshotSilenceMs: 300 } });
  receiver.setPeer(2, endpoint);
  return gather(receiver.requestSnapshot(2, REQUEST, never));
}

describe('a snapshot between two servers', () => {
  it('arrives whole, in pieces no larger than a frame may be, and from any byte on', async () => {
    const image = imageOf(SNAPSHOT_CHUNK_BYTES_MAX * 3 + 11);
    const { receiver, asked } = await pair(image, SNAPSHOT_CHUNK_BYTES_MAX * 2 + 3);
    for (const offset of [0, 1, SNAPSHOT_CHUNK_BYTES_MAX, image.length - 1, image.length]) {
      const found = await gather(receiver.requestSnapshot(2, { ...REQUEST, offset }, never));
      expect(found.equals(image.subarray(offset))).toBe(true);
    }
    expect(asked[1]).toEqual({ ...REQUEST, offset: 1 });
  });

  it('leaves the connections for messages alone', async () => {
    const received: number[] = [];
    const { sender, receiver } = await pair(imageOf(1000), 100, {
      onMessage: (message) => void received.push(message.from),
    });
    const beat = (from: number, to: number) =>
      ({ type: 'heartbeat', from, to, term: 1, leaderCommit: 0, round: 1 }) as const;
    const exchange = async (): Promise<void> => {
      received.length = 0;
      sender.send(1, beat(2, 1));
      receiver.send(2, beat(1, 2));
      await expect.poll(() => received.length, WAIT).toBe(2);
    };
    await exchange();
    const connections = sender.stats().inboundConnections;
    await gather(receiver.requestSnapshot(2, REQUEST, never));
    await exchange();
    expect(sender.stats().peers[1]?.state).toBe('connected');
    await expect.poll(() => sender.stats().inboundConnections, WAIT).toBe(connections);
  });

  it('a slow reader makes the sender wait: neither side holds more than a few pieces, however long the image is', async () => {
    const image = imageOf(64 * 1024 * 1024);
    const { receiver, given } = await pair(image, SNAPSHOT_CHUNK_BYTES_MAX);
    let taken = 0;
    let aheadMax = 0;
    for await (const piece of receiver.requestSnapshot(2, REQUEST, never)) {
      taken += piece.length;
      // Whatever the machine can take now, it takes.
      await new Promise((resolve) => setTimeout(resolve, 5));
      aheadMax = Math.max(aheadMax, given.bytes - taken);
      if (taken > 16 * 1024 * 1024) break;
    }
    // Two pieces of our own, and the socket buffers of both sides.
    expect(aheadMax).toBeLessThan(12 * 1024 * 1024);
    await expect.poll(() => given.isLetGo, WAIT).toBe(true);
  });

  it('is refused with a reason: not there, too many at a time, cannot be read on, no such peer', async () => {
    const refuses = (code: string) => ({ code: 'REFUSED', detail: { theirCode: code } });
    const without = await pair(imageOf(10), 10, {
      onSnapshotRequest: () => {
        throw new TransportError('SNAPSHOT_UNAVAILABLE', 'It is gone.');
      },
    });
    await expect(gather(without.receiver.requestSnapshot(2, REQUEST, never))).rejects.toMatchObject(
      refuses('SNAPSHOT_UNAVAILABLE'),
    );
    const unwilling = await start(3);
    without.receiver.setPeer(3, unwilling.endpoint);
    await expect(gather(without.receiver.requestSnapshot(3, REQUEST, never))).rejects.toMatchObject(
      refuses('SNAPSHOT_UNAVAILABLE'),
    );
    const broken = await pair(imageOf(10), 10, {
      onSnapshotRequest: async function* () {
        yield imageOf(10);
        throw new Error('the disk is gone');
      },
    });
    await expect(gather(broken.receiver.requestSnapshot(2, REQUEST, never))).rejects.toMatchObject(
      refuses('SNAPSHOT_UNAVAILABLE'),
    );
    expect(() => broken.receiver.requestSnapshot(9, REQUEST, never)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_PEER' }),
    );
  });

  it('as many are sent as may be, one to each server, and the next is asked to come later', async () => {
    const image = imageOf(32 * 1024 * 1024);
    const { sender, receiver, asked } = await pair(image, SNAPSHOT_CHUNK_BYTES_MAX, {
      limits: { snapshotStreamsMax: 1 },
    });
    const other = await start(3);
    other.setPeer(2, sender.endpoint);
    const first = receiver.requestSnapshot(2, REQUEST, never);
    await first.next();
    await expect(gather(other.requestSnapshot(2, REQUEST, never))).rejects.toMatchObject({
      code: 'REFUSED',
      detail: { theirCode: 'BUSY' },
    });
    // The same server again has lost its first connection, whatever this side of it looks like.
    const again = receiver.requestSnapshot(2, { ...REQUEST, offset: image.length - 5 }, never);
    expect((await gather(again)).length).toBe(5);
    await expect.poll(() => asked.length, WAIT).toBe(2);
    await first.return();
    expect((await gather(other.requestSnapshot(2, { ...REQUEST, offset: image.length }, never))).length).toBe(
      0,
    );
  });

  it('is given up when it is not wanted any more, by either side, and nothing is left open', async () => {
    const { sender, receiver, given } = await pair(imageOf(32 * 1024 * 1024), SNAPSHOT_CHUNK_BYTES_MAX);
    const stop = new AbortController();
    const stream = receiver.requestSnapshot(2, REQUEST, stop.signal);
    await stream.next();
    stop.abort(new Error('overtaken'));
    await expect(gather(stream)).rejects.toThrow('overtaken');
    await expect.poll(() => given.isLetGo, WAIT).toBe(true);
    given.isLetGo = false;
    const second = receiver.requestSnapshot(2, REQUEST, never);
    await second.next();
    const rest = expect(gather(second)).rejects.toMatchObject({ code: 'CLOSED' });
    await receiver.close();
    await rest;
    await expect.poll(() => given.isLetGo, WAIT).toBe(true);
    expect(() => receiver.requestSnapshot(2, REQUEST, never)).toThrow(TransportError);
    await sender.close();
  });

  it('a sender that stops in the middle, silently or not, and one that cannot be reached', async () => {
    const some = framed('snapshotChunk', imageOf(100));
    // An early end is an end: who asked knows how much there was to come.
    expect((await ask(some)).length).toBe(100);
    await expect(ask(some, 'silence')).rejects.toMatchObject({ code: 'SILENT' });
    const receiver = await start(1);
    const gone = await start(2);
    receiver.setPeer(2, gone.endpoint);
    await gone.close();
    await expect(gather(receiver.requestSnapshot(2, REQUEST, never))).rejects.toMatchObject({
      code: 'CONNECTION_REFUSED',
    });
  });
});

describe('what a peer may send instead of a snapshot', () => {
  it('P98 a damaged, oversized, foreign or unexpected frame ends it with its own code', async () => {
    const chunk = framed('snapshotChunk', imageOf(100)).map((bytes) => bytes.slice());
    const [header = new Uint8Array(0), payload = new Uint8Array(0)] = chunk;
    const flipped = payload.slice();
    flipped[50] = (flipped[50] ?? 0) ^ 1;
    await expect(ask([header, flipped])).rejects.toMatchObject({ code: 'FRAME_DAMAGED' });
    const huge = imageOf(SNAPSHOT_CHUNK_BYTES_MAX + 1);
    await expect(ask([frameHeader('snapshotChunk', huge)])).rejects.toMatchObject({
      code: 'FRAME_TOO_LARGE',
    });
    for (const kind of ['message', 'ping', 'pong', 'snapshotRequest', 'hello'] as const)
      await expect(
        ask(framed(kind, kind === 'ping' || kind === 'pong' ? new Uint8Array(0) : Uint8Array.of(0x90))),
      ).rejects.toMatchObject({ code: 'FRAME_UNEXPECTED' });
  });

  it('P98 another server, or one of another cluster, is asked for nothing', async () => {
    for (const [hello, code] of [
      [{ from: 3 }, 'ID_MISMATCH'],
      [{ clusterId: 'c2' }, 'CLUSTER_MISMATCH'],
    ] as const) {
      const turns: number[] = [];
      const endpoint = await impostor((turn) => {
        turns.push(turn);
        const whole = { clusterId: 'c1', from: 2, to: 1, logId: 'log-2', address: 'server-2', ...hello };
        return greeting(whole);
      });
      const receiver = await start(1);
      receiver.setPeer(2, endpoint);
      await expect(gather(receiver.requestSnapshot(2, REQUEST, never))).rejects.toMatchObject({ code });
      // Nothing but hellos was said to it.
      expect(Math.max(...turns)).toBe(1);
    }
  });

  it('anything at all: an error or an end, and never more than was sent', async () => {
    let said: Uint8Array = new Uint8Array(0);
    const endpoint = await impostor(() => [said]);
    const receiver = await start(1, { limits: { snapshotSilenceMs: 50, helloTimeoutMs: 50 } });
    receiver.setPeer(2, endpoint);
    const hello = Buffer.concat(HELLO);
    const valid = Buffer.concat([...HELLO, ...framed('snapshotChunk', imageOf(300))]);
    const mutated = fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
      const bytes = Uint8Array.from(valid);
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      return bytes;
    });
    const cut = fc.nat(valid.length).map((length) => Uint8Array.from(valid.subarray(0, length)));
    const noise = fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Uint8Array.from(Buffer.concat([hello, bytes])));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, cut, noise, fc.uint8Array({ maxLength: 64 })), async (bytes) => {
        said = bytes;
        const outcome = await gather(receiver.requestSnapshot(2, REQUEST, AbortSignal.timeout(2000))).catch(
          (error: unknown) => error,
        );
        const isAnswered = outcome instanceof Error ? 'code' in outcome : Buffer.isBuffer(outcome);
        expect(isAnswered).toBe(true);
        if (Buffer.isBuffer(outcome)) expect(outcome.length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a request', () => {
  it('is read as it was written, may say more in a later version, and cut anywhere is refused', () => {
    const bytes = encodeSnapshotRequest({ ...REQUEST, offset: 2 ** 40 });
    expect(Buffer.from(bytes).toString('hex')).toBe(`940703c420${CHECKSUM}cf0000010000000000`);
    expect(decodeSnapshotRequest(bytes)).toEqual({ ...REQUEST, offset: 2 ** 40 });
    const longer = Buffer.concat([bytes, Uint8Array.of(0xc0)]);
    longer[0] = 0x95;
    expect(decodeSnapshotRequest(longer)).toEqual({ ...REQUEST, offset: 2 ** 40 });
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeSnapshotRequest(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'MESSAGE_INVALID' }),
      );
    const short = encodeSnapshotRequest({ ...REQUEST, checksum: 'ab' });
    expect(() => decodeSnapshotRequest(short)).toThrow(expect.objectContaining({ code: 'MESSAGE_INVALID' }));
  });

  it('belongs on a connection that said so, once; there, no message does', async () => {
    const transport = await start(1, {
      onSnapshotRequest: () => pieces(imageOf(5), 5, { bytes: 0, isLetGo: false }),
    });
    const hello = { clusterId: 'c1', from: 2, to: 1, logId: 'log-2', address: 'server-2' };
    const request = framed('snapshotRequest', encodeSnapshotRequest(REQUEST));
    const speak = async (...said: readonly Uint8Array[]): Promise<string> => {
      const heard: Uint8Array[] = [];
      await new Promise<void>((resolve) => {
        const stream = new NodeNetwork().connect(transport.endpoint, {
          onOpen: () => void stream.write(said),
          onData: (bytes) => void heard.push(bytes),
          onDrain: () => {},
          onClose: () => resolve(),
        });
      });
      return Buffer.concat(heard).toString('latin1');
    };
    expect(await speak(...greeting(hello), ...request)).toContain('FRAME_UNEXPECTED');
    const forSnapshot = greeting({ ...hello, purpose: 'snapshot' });
    expect(await speak(...forSnapshot, ...framed('message', Uint8Array.of(0x90)))).toContain(
      'FRAME_UNEXPECTED',
    );
    expect(await speak(...forSnapshot, ...request)).not.toContain('FRAME_UNEXPECTED');
    expect(await speak(...forSnapshot, ...request, ...request)).toContain('FRAME_UNEXPECTED');
    expect(
      await speak(...forSnapshot, ...framed('snapshotRequest', new Uint8Array(HELLO_BYTES_MAX + 1))),
    ).toContain('FRAME_TOO_LARGE');
    const unknown = encodeHello({ ...hello, purpose: 'snapshot' });
    unknown[unknown.length - 1] = 9;
    expect(await speak(encodePreamble(), ...framed('hello', unknown))).toContain('MESSAGE_INVALID');
  });
});
