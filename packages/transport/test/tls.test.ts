// Who may talk to whom over TLS: real sockets, and certificates made when the test runs. Whoever is refused is refused
// with a reason of its own, told once in the log of either side, and nothing that it says reaches the owner.

import { createServer } from 'node:tls';
import { type Authority, createAuthority, issueCertificate, type Validity } from '@waldb/certs';
import { encodeMessage, type Heartbeat, type Message } from '@waldb/core';
import { type Endpoint, type Network, NodeClock, NodeNetwork, TlsNetwork } from '@waldb/io';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { frameHeader } from '../src/frame.js';
import { encodeHello, encodePreamble, type Hello } from '../src/hello.js';
import { TcpTransport, type TcpTransportOptions } from '../src/tcp-transport.js';

const WAIT = { timeout: 30_000 };
const DAY_MS = 86_400_000;

let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority({ ...days(-10, 10), commonName: 'CA' });
});

function days(from: number, to: number): Validity {
  return { notBefore: new Date(Date.now() + from * DAY_MS), notAfter: new Date(Date.now() + to * DAY_MS) };
}

interface Papers {
  readonly name: string;
  readonly validity?: Validity;
  /** Who signed it; default the authority that everybody trusts. */
  readonly signer?: Authority | 'itself';
}

async function tls({ name, validity = days(-1, 1), signer = authority }: Papers): Promise<TlsNetwork> {
  const request = { ...validity, commonName: name, uris: [name] };
  const files = await issueCertificate(request, signer === 'itself' ? undefined : signer);
  return new TlsNetwork({ ca: authority.cert, ...files });
}

async function start(nodeId: number, network: Network, options: Partial<TcpTransportOptions> = {}) {
  const received: Message[] = [];
  const warnings: { reason: unknown; message: string }[] = [];
  const warn = (fields: object, message: string) => {
    warnings.push({ reason: 'reason' in fields ? fields.reason : undefined, message });
  };
  const transport = await TcpTransport.listen({
    clusterId: 'c1',
    nodeId,
    logId: `log-${nodeId}`,
    address: `server-${nodeId}`,
    listen: { host: '127.0.0.1', port: 0 },
    network,
    clock: new NodeClock(),
    random: () => 0.5,
    limits: { redialMsMin: 5, redialMsMax: 20 },
    onMessage: (message) => received.push(message),
    logger: { debug() {}, info() {}, warn, error: warn },
    ...options,
  });
  onTestFinished(() => transport.close());
  return { transport, received, warnings, reasons: () => warnings.map(({ reason }) => reason) };
}

function heartbeat(from: number, to: number): Heartbeat {
  return { type: 'heartbeat', from, to, term: 3, leaderCommit: 0, round: 1 };
}

const HELLO: Hello = { clusterId: 'c1', from: 2, to: 1, logId: 'log-2', address: 'server-2' };
const AS_SERVER_2: Uint8Array = Buffer.concat([
  encodePreamble(),
  ...[encodeHello(HELLO)].flatMap((hello) => [frameHeader('hello', hello), hello]),
  ...[encodeMessage(heartbeat(2, 1))].flatMap((message) => [frameHeader('message', message), message]),
]);

/** Who says `bytes`, whoever is at the other end, and believes everything. */
function speak(network: Network, endpoint: Endpoint, bytes: Uint8Array) {
  const state = { heard: '', isClosed: false };
  const stream = network.connect(endpoint, {
    onOpen: () => void stream.write([bytes]),
    onRefused: () => [bytes],
    onData: (data) => {
      state.heard += Buffer.from(data).toString();
    },
    onDrain: () => {},
    onClose: () => {
      state.isClosed = true;
    },
  });
  onTestFinished(() => stream.destroy());
  return state;
}

/** A TLS server as server 2 that went on beyond its certificate's time, or began before it. */
async function listenOutOfTime(validity: Validity) {
  let heard = '';
  let connections = 0;
  const request = { ...validity, commonName: '2', uris: ['waldb://c/2'] };
  const { cert, key } = await issueCertificate(request, authority);
  const options = { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  const server = createServer(options, (socket) => {
    connections += 1;
    socket.on('data', (data) => {
      heard += data.toString('latin1');
    });
    socket.on('error', () => {}); // it is refused: that is what the test is about
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { endpoint: { host: '127.0.0.1', port }, heard: () => heard, connections: () => connections };
}

describe('over TLS', () => {
  it('two servers that are certified for one cluster talk both ways', async () => {
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    const two = await start(2, await tls({ name: 'waldb://c/2' }));
    one.transport.setPeer(2, two.transport.endpoint);
    two.transport.setPeer(1, one.transport.endpoint);
    one.transport.send(2, heartbeat(1, 2));
    two.transport.send(1, heartbeat(2, 1));
    await expect.poll(() => [one.received.length, two.received.length], WAIT).toEqual([1, 1]);
    expect([...one.warnings, ...two.warnings]).toEqual([]);
  });

  it.each<[string, Papers, string]>([
    ['the right authority and another id', { name: 'waldb://c/3' }, 'CERTIFICATE_MISMATCH'],
    ['the right id of another cluster', { name: 'waldb://d/2' }, 'CERTIFICATE_MISMATCH'],
    ['no name of ours', { name: 'urn:example:2' }, 'CERTIFICATE_MISMATCH'],
    ['a signature of its own', { name: 'waldb://c/2', signer: 'itself' }, 'CERTIFICATE_UNTRUSTED'],
  ])('who dials as server 2 with %s is refused, and told why', async (_, papers, code) => {
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    for (let attempt = 0; attempt < 3; attempt++) {
      const stranger = speak(await tls(papers), one.transport.endpoint, AS_SERVER_2);
      await expect.poll(() => stranger.isClosed, WAIT).toBe(true);
      expect(stranger.heard).toContain(code);
    }
    expect(one.reasons()).toEqual([code]);
    expect(one.received).toEqual([]);
    await expect.poll(() => one.transport.stats().inboundConnections, WAIT).toBe(0);
  });

  it('and with the right one is heard: it is the certificate that made the difference', async () => {
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    speak(await tls({ name: 'waldb://c/2' }), one.transport.endpoint, AS_SERVER_2);
    await expect.poll(() => one.received.length, WAIT).toBe(1);
    expect(one.warnings).toEqual([]);
  });

  it.each<[string, Papers, string]>([
    ['of another server', { name: 'waldb://c/3' }, 'CERTIFICATE_MISMATCH'],
    ['of another cluster', { name: 'waldb://d/2' }, 'CERTIFICATE_MISMATCH'],
    ['that it signed itself', { name: 'waldb://c/2', signer: 'itself' }, 'CERTIFICATE_UNTRUSTED'],
  ])('a listening server with a certificate %s is told nothing, and hears why', async (_, papers, code) => {
    const impostor = await start(2, await tls(papers));
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    one.transport.setPeer(2, impostor.transport.endpoint);
    one.transport.send(2, heartbeat(1, 2));
    await expect.poll(() => one.reasons(), WAIT).toEqual([code]);
    await expect.poll(() => impostor.reasons(), WAIT).toEqual(['REFUSED']);
    expect(impostor.received).toEqual([]);
    expect(one.transport.stats().peers[2]?.sentMessages).toBe(0);
  });

  it('an authority of the same name is another one', async () => {
    const foreign = await createAuthority({ ...days(-10, 10), commonName: 'CA' });
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    const two = await start(2, await tls({ name: 'waldb://c/2', signer: foreign }));
    one.transport.setPeer(2, two.transport.endpoint);
    await expect.poll(() => one.reasons(), WAIT).toEqual(['CERTIFICATE_UNTRUSTED']);
  });

  it('a server whose clock has passed the end of a certificate does not even start with it', async () => {
    await expect(tls({ name: 'waldb://c/2', validity: days(-3, -1) })).rejects.toMatchObject({
      code: 'CREDENTIALS_UNUSABLE',
      detail: { part: 'cert', problem: 'EXPIRED' },
    });
  });

  it.each<[string, Validity, string]>([
    ['has expired', days(-3, -1), 'CERTIFICATE_EXPIRED'],
    ['is not valid yet', days(1, 3), 'CERTIFICATE_NOT_YET_VALID'],
  ])('who dials a server whose certificate %s says so, and tells it nothing', async (_, validity, code) => {
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    const late = await listenOutOfTime(validity);
    one.transport.setPeer(2, late.endpoint);
    one.transport.send(2, heartbeat(1, 2));
    await expect.poll(() => one.reasons(), WAIT).toEqual([code]);
    await expect.poll(() => late.heard(), WAIT).toContain(code);
    await expect.poll(() => late.connections(), WAIT).toBeGreaterThan(2); // it tries again, and says so once
    expect(one.reasons()).toEqual([code]);
    expect(late.heard()).not.toContain('log-1');
    expect(one.transport.stats().peers[2]?.sentMessages).toBe(0);
  });

  it('plain TCP and TLS: both sides say what is wrong, in either direction', async () => {
    const plain = await start(1, new NodeNetwork());
    const secure = await start(2, await tls({ name: 'waldb://c/2' }));
    plain.transport.setPeer(2, secure.transport.endpoint);
    await expect.poll(() => plain.reasons(), WAIT).toEqual(['REFUSED']);
    expect(plain.warnings[0]?.message).toContain('This server speaks TLS only');
    await expect.poll(() => secure.reasons(), WAIT).toEqual(['TLS_MISSING']);
    plain.transport.removePeer(2);

    secure.transport.setPeer(1, plain.transport.endpoint);
    await expect.poll(() => plain.reasons(), WAIT).toEqual(['REFUSED', 'TLS_UNEXPECTED']);
    await expect.poll(() => secure.reasons(), WAIT).toEqual(['TLS_MISSING', 'TLS_MISSING']);
    expect([...plain.received, ...secure.received]).toEqual([]);
  });

  it('a server that was given the certificate of another talks to nobody, and both sides say why', async () => {
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    const two = await start(2, await tls({ name: 'waldb://c/3' }));
    two.transport.setPeer(1, one.transport.endpoint);
    one.transport.setPeer(2, two.transport.endpoint);
    await expect.poll(() => two.reasons(), WAIT).toContain('CERTIFICATE_MISMATCH');
    await expect.poll(() => one.reasons(), WAIT).toContain('CERTIFICATE_MISMATCH');
    expect(one.warnings.map(({ message }) => message).join()).toContain(
      'is for waldb://c/3, not for waldb://c/2',
    );
  });

  it('a snapshot is asked only of the server that it is asked of', async () => {
    const impostor = await start(2, await tls({ name: 'waldb://c/3' }), { onSnapshotRequest: neverAsked });
    const one = await start(1, await tls({ name: 'waldb://c/1' }));
    one.transport.setPeer(2, impostor.transport.endpoint);
    const request = { index: 1, term: 1, checksum: '00'.repeat(32), offset: 0 };
    const image = one.transport.requestSnapshot(2, request, new AbortController().signal);
    await expect(image.next()).rejects.toMatchObject({ code: 'CERTIFICATE_MISMATCH' });
  });
});

function neverAsked(): never {
  throw new Error('a snapshot was asked for');
}
