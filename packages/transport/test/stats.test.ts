// What a transport tells of its peers.

import { encodeMessage, type Heartbeat } from '@waldb/core';
import { NodeClock, NodeNetwork } from '@waldb/io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FRAME_HEADER_BYTES } from '../src/frame.js';
import { TcpTransport } from '../src/tcp-transport.js';

const WAIT = { timeout: 30_000 };

async function start(nodeId: number) {
  const roundTrips: { id: number; milliseconds: number }[] = [];
  const transport = await TcpTransport.listen({
    clusterId: 'c1',
    nodeId,
    logId: `log-${nodeId}`,
    address: `server-${nodeId}`,
    listen: { host: '127.0.0.1', port: 0 },
    network: new NodeNetwork(),
    clock: new NodeClock(),
    random: () => 0.5,
    onMessage: () => {},
    onRoundTrip: (id, milliseconds) => roundTrips.push({ id, milliseconds }),
  });
  onTestFinished(() => transport.close());
  return { transport, roundTrips };
}

function heartbeat(from: number, to: number): Heartbeat {
  return { type: 'heartbeat', from, to, term: 3, leaderCommit: 0, round: 1 };
}

describe('the stats of a transport', () => {
  it('count messages and bytes of each peer, both ways, and when it was last heard', async () => {
    const one = await start(1);
    const two = await start(2);
    one.transport.setPeer(2, two.transport.endpoint);
    two.transport.setPeer(1, one.transport.endpoint);
    expect(one.transport.stats().peers[2]).toMatchObject({ sentBytes: 0, receivedBytes: 0 });
    const messages = [heartbeat(1, 2), heartbeat(1, 2), heartbeat(1, 2)];
    for (const message of messages) one.transport.send(2, message);
    await expect.poll(() => two.transport.stats().peers[1]?.receivedMessages, WAIT).toBe(3);
    const bytes = messages.reduce((sum, message) => sum + encodeMessage(message).length, 0);
    expect(two.transport.stats().peers[1]).toMatchObject({ receivedBytes: bytes, sentMessages: 0 });
    expect(one.transport.stats().peers[2]).toMatchObject({
      sentMessages: 3,
      sentBytes: bytes + 3 * FRAME_HEADER_BYTES,
      receivedMessages: 0,
    });
    expect(one.transport.stats().peers[2]?.lastContactMs).toBeGreaterThanOrEqual(0);
    expect(two.transport.stats().peers[1]?.lastContactMs).toBeGreaterThanOrEqual(0);
  });

  it('tell each round trip to the owner, and the last one when asked', async () => {
    const one = await start(1);
    const two = await start(2);
    one.transport.setPeer(2, two.transport.endpoint);
    await expect.poll(() => one.roundTrips.length, WAIT).toBeGreaterThan(0);
    expect(one.roundTrips[0]?.id).toBe(2);
    expect(one.roundTrips.at(-1)?.milliseconds).toBe(one.transport.stats().peers[2]?.roundTripMs);
  });

  it('a peer is found at another of its places, and stays there while the connection stands', async () => {
    const one = await start(1);
    const two = await start(2);
    const nobody = { host: '127.0.0.1', port: 1 };
    one.transport.setPeer(2, nobody, [two.transport.endpoint]);
    await expect.poll(() => one.roundTrips.length, WAIT).toBeGreaterThan(0);
    const { sentMessages } = one.transport.stats().peers[2] ?? {};
    one.transport.send(2, heartbeat(1, 2));
    one.transport.setPeer(2, nobody, []);
    one.transport.send(2, heartbeat(1, 2));
    await expect.poll(() => two.transport.stats().receivedMessages, WAIT).toBe(2);
    expect([sentMessages, one.transport.stats().peers[2]?.sentMessages]).toEqual([0, 2]);
    // Another first place is another connection.
    one.transport.setPeer(2, two.transport.endpoint);
    expect(one.transport.stats().peers[2]?.sentMessages).toBe(0);
  });

  it('keep the last contact of a peer that has gone, and have none of one that was never there', async () => {
    const one = await start(1);
    const two = await start(2);
    one.transport.setPeer(2, { host: '127.0.0.1', port: 1 });
    expect(one.transport.stats().peers[2]?.lastContactMs).toBeUndefined();
    two.transport.setPeer(1, one.transport.endpoint);
    await expect.poll(() => one.transport.stats().peers[2]?.lastContactMs, WAIT).toBeGreaterThanOrEqual(0);
    await two.transport.close();
    await expect.poll(() => one.transport.stats().inboundConnections, WAIT).toBe(0);
    const { lastContactMs = -1 } = one.transport.stats().peers[2] ?? {};
    expect(lastContactMs).toBeGreaterThanOrEqual(0);
    // It grows from now on: the contact is remembered, not renewed.
    await expect
      .poll(() => one.transport.stats().peers[2]?.lastContactMs, WAIT)
      .toBeGreaterThan(lastContactMs);
  });

  it('count heartbeats among the messages that no queue took', async () => {
    const one = await start(1);
    one.transport.send(9, heartbeat(1, 9));
    one.transport.send(9, { type: 'timeoutNow', from: 1, to: 9, term: 3 });
    expect(one.transport.stats()).toMatchObject({ droppedMessages: 2, droppedHeartbeats: 1 });
  });
});
