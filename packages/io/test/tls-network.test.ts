// Real sockets, and certificates made when the test runs.

import { createPrivateKey } from 'node:crypto';
import { connect as netConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { type Authority, type CertificateFiles, createAuthority, issueCertificate } from '@waldb/certs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ByteStream, Endpoint, Network, NetworkError, RefusedPeer } from '../src/network.js';
import { NodeNetwork } from '../src/node-network.js';
import type { TlsCredentials } from '../src/tls-credentials.js';
import { TlsNetwork, type TlsNetworkOptions } from '../src/tls-network.js';

const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 };
const WAIT = { timeout: 30_000 };
const DAY_MS = 86_400_000;

const names = ['good', 'other', 'expired', 'early', 'foreign', 'selfSigned'] as const;
type Name = (typeof names)[number];

let authority: Authority;
let files: Record<Name, CertificateFiles>;

function days(from: number, to: number) {
  return { notBefore: new Date(Date.now() + from * DAY_MS), notAfter: new Date(Date.now() + to * DAY_MS) };
}

beforeAll(async () => {
  authority = await createAuthority({ ...days(-10, 10), commonName: 'CA' });
  const foreign = await createAuthority({ ...days(-10, 10), commonName: 'CA' });
  const request = { ...days(-1, 1), commonName: 'one', uris: ['waldb://c/1'] };
  files = {
    good: await issueCertificate(request, authority),
    other: await issueCertificate({ ...request, uris: ['waldb://c/2', 'urn:a:b'] }, authority),
    expired: await issueCertificate({ ...request, ...days(-2, -1) }, authority),
    early: await issueCertificate({ ...request, ...days(1, 2) }, authority),
    foreign: await issueCertificate(request, foreign),
    selfSigned: await issueCertificate(request),
  };
});

function credentials(name: Name): TlsCredentials {
  return { ca: authority.cert, ...files[name] };
}

function network(name: Name, options: TlsNetworkOptions = {}): TlsNetwork {
  return new TlsNetwork(credentials(name), options);
}

/** Starts to listen; everything that happens to whoever connects. */
async function listen(network: Network) {
  const streams: ByteStream[] = [];
  const heard: Uint8Array[] = [];
  const refused: RefusedPeer[] = [];
  const listener = await network.listen(
    LOOPBACK,
    (stream) => {
      streams.push(stream);
      return { onData: (bytes) => heard.push(bytes), onDrain: () => {}, onClose: () => {} };
    },
    (peer) => {
      refused.push(peer);
      return [Buffer.from(peer.error.code)];
    },
  );
  onTestFinished(async () => {
    for (const stream of streams) stream.destroy();
    await listener.close();
  });
  return { endpoint: listener.endpoint, streams, refused, heard: () => Buffer.concat(heard).toString() };
}

function dial(network: Network, endpoint: Endpoint) {
  const heard: Uint8Array[] = [];
  const state = {
    isOpen: false,
    closes: 0,
    refusal: undefined as NetworkError | undefined,
    error: undefined as NetworkError | undefined,
  };
  const stream = network.connect(endpoint, {
    onOpen: () => {
      state.isOpen = true;
    },
    onRefused: (error) => {
      state.refusal = error;
      return [Buffer.from(`no: ${error.code}`)];
    },
    onData: (bytes) => heard.push(bytes),
    onDrain: () => {},
    onClose: (error) => {
      state.closes += 1;
      state.error = error;
    },
  });
  onTestFinished(() => stream.destroy());
  return { stream, state, heard: () => Buffer.concat(heard).toString() };
}

/** A TLS client that looks at no certificate itself and shows the one of `name`: what an attacker would bring. */
function impostor(endpoint: Endpoint, name: Name | undefined) {
  const shown = name === undefined ? {} : files[name];
  const socket = tlsConnect({ ...endpoint, ...shown, rejectUnauthorized: false });
  const state = { heard: '', isClosed: false };
  socket.on('data', (bytes) => {
    state.heard += bytes.toString();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    state.isClosed = true;
  });
  socket.write('must not be heard');
  onTestFinished(() => void socket.destroy());
  return state;
}

describe('TlsNetwork', () => {
  it('carries bytes both ways between two who have proven who they are, and says who that is', async () => {
    const server = await listen(network('good'));
    const client = dial(network('other'), server.endpoint);
    await expect.poll(() => client.state.isOpen, WAIT).toBe(true);
    client.stream.write([Buffer.from('one '), Buffer.from('two')]);
    await expect.poll(server.heard, WAIT).toBe('one two');
    server.streams[0]?.write([Buffer.from('back')]);
    await expect.poll(client.heard, WAIT).toBe('back');
    expect(client.stream.identity).toEqual({ ours: ['waldb://c/2', 'urn:a:b'], theirs: ['waldb://c/1'] });
    expect(server.streams[0]?.identity).toEqual({
      ours: ['waldb://c/1'],
      theirs: ['waldb://c/2', 'urn:a:b'],
    });
    client.stream.end();
    await expect.poll(() => client.state.closes, WAIT).toBe(1);
    expect(client.state.error).toBeUndefined();
    expect(server.refused).toEqual([]);
  });

  it.each<[string, Name | undefined, string]>([
    ['without a certificate', undefined, 'CERTIFICATE_MISSING'],
    ['with an expired one', 'expired', 'CERTIFICATE_EXPIRED'],
    ['with one that is not valid yet', 'early', 'CERTIFICATE_NOT_YET_VALID'],
    ['with one of another authority of the same name', 'foreign', 'CERTIFICATE_UNTRUSTED'],
    ['with one that it signed itself', 'selfSigned', 'CERTIFICATE_UNTRUSTED'],
  ])(
    'who connects %s is never a stream, is told why, and nothing that it says is heard',
    async (_, name, code) => {
      const server = await listen(network('good'));
      const stranger = impostor(server.endpoint, name);
      await expect.poll(() => stranger.isClosed, WAIT).toBe(true);
      expect(stranger.heard).toBe(code);
      expect(server.refused.map(({ error }) => error.code)).toEqual([code]);
      expect(server.streams).toEqual([]);
      expect(server.heard()).toBe('');
    },
  );

  it.each<[Name, string]>([
    ['foreign', 'CERTIFICATE_UNTRUSTED'],
    ['selfSigned', 'CERTIFICATE_UNTRUSTED'],
  ])('a listener with a certificate that is %s is never open to who dials it', async (name, code) => {
    const server = await listen(network(name));
    const client = dial(network('other'), server.endpoint);
    await expect.poll(() => client.state.closes, WAIT).toBe(1);
    expect(client.state).toMatchObject({ isOpen: false, refusal: { code }, error: { code } });
    expect(client.stream.identity).toBeUndefined();
    expect(client.heard()).toBe('');
  });

  it('who does not speak TLS is refused, and whoever dials such a one is told', async () => {
    const server = await listen(network('good'));
    const plain = dial(new NodeNetwork(), server.endpoint);
    plain.stream.write([Buffer.from('plain words, long enough for a record')]);
    await expect.poll(() => plain.state.closes, WAIT).toBe(1);
    expect(server.refused.map(({ error }) => error.code)).toEqual(['TLS_MISSING']);
    expect(plain.heard()).toContain('TLS_MISSING');

    const plainServer = await new NodeNetwork().listen(LOOPBACK, (stream) => {
      stream.write([Buffer.from('plain words, long enough for a record')]);
      return { onData: () => {}, onDrain: () => {}, onClose: () => {} };
    });
    onTestFinished(() => plainServer.close());
    const client = dial(network('good'), plainServer.endpoint);
    await expect.poll(() => client.state.closes, WAIT).toBe(1);
    expect(client.state).toMatchObject({ isOpen: false, error: { code: 'TLS_MISSING' } });
  });

  it('who speaks only an older TLS is refused', async () => {
    const server = await listen(network('good'));
    const socket = tlsConnect({
      ...server.endpoint,
      ...files.other,
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    let isClosed = false;
    socket.on('error', () => {});
    socket.on('close', () => {
      isClosed = true;
    });
    await expect.poll(() => isClosed, WAIT).toBe(true);
    expect(server.refused.map(({ error }) => error.code)).toEqual(['TLS_FAILED']);
    expect(server.streams).toEqual([]);
  });

  it('a handshake that is not finished in time is given up, on either side', async () => {
    const server = await listen(network('good', { handshakeTimeoutMs: 100 }));
    const mute = netConnect(server.endpoint);
    onTestFinished(() => void mute.destroy());
    await expect.poll(() => server.refused.map(({ error }) => error.code), WAIT).toEqual(['TLS_FAILED']);

    const silent = await new NodeNetwork().listen(LOOPBACK, () => ({
      onData: () => {},
      onDrain: () => {},
      onClose: () => {},
    }));
    onTestFinished(() => silent.close());
    const client = dial(network('good', { handshakeTimeoutMs: 100 }), silent.endpoint);
    await expect.poll(() => client.state.closes, WAIT).toBe(1);
    expect(client.state).toMatchObject({ isOpen: false, error: { code: 'TLS_FAILED' } });
  });

  it('connections that never finish a handshake are bounded, and do not keep a peer out', async () => {
    const server = await listen(network('good', { handshakeTimeoutMs: 3_600_000, handshakesMax: 4 }));
    let closed = 0;
    for (let i = 0; i < 12; i++) {
      const mute = netConnect(server.endpoint);
      mute.on('error', () => {});
      mute.on('close', () => {
        closed += 1;
      });
      onTestFinished(() => void mute.destroy());
    }
    await expect.poll(() => closed, WAIT).toBe(8);
    // From the same host as the flood, and still the newest: the oldest makes room.
    const client = dial(network('other'), server.endpoint);
    await expect.poll(() => client.state.isOpen, WAIT).toBe(true);
    // Who has finished its handshake is in nobody's way.
    const next = dial(network('other'), server.endpoint);
    await expect.poll(() => next.state.isOpen, WAIT).toBe(true);
    expect(client.state.closes).toBe(0);
  });

  it('a session is never taken up again: each connection proves itself anew', async () => {
    const server = await listen(network('good'));
    const sessions: Buffer[] = [];
    const first = tlsConnect({ ...server.endpoint, ...files.other, rejectUnauthorized: false });
    first.on('session', (session) => sessions.push(session));
    first.on('error', () => {});
    await expect.poll(() => server.streams.length, WAIT).toBe(1);
    server.streams[0]?.write([Buffer.from('x')]);
    await new Promise((resolve) => first.once('data', resolve));
    first.destroy();
    const session = sessions.at(-1);
    expect(session).toBeDefined();
    const second = tlsConnect({ ...server.endpoint, session, rejectUnauthorized: false });
    second.resume();
    onTestFinished(() => void second.destroy());
    second.on('error', () => {});
    let isClosed = false;
    second.on('close', () => {
      isClosed = true;
    });
    await expect.poll(() => isClosed, WAIT).toBe(true);
    expect(server.refused.map(({ error }) => error.code)).toEqual(['CERTIFICATE_MISSING']);
  });

  it('reload: new credentials for new connections, the open ones live on; bad ones change nothing', async () => {
    const successor = await createAuthority({ ...days(-1, 10), commonName: 'CA 2' });
    const renewed = await issueCertificate(
      { ...days(-1, 5), commonName: 'one', uris: ['waldb://c/9'] },
      successor,
    );
    const ours = network('good');
    const server = await listen(ours);
    const before = dial(network('other'), server.endpoint);
    await expect.poll(() => before.state.isOpen, WAIT).toBe(true);

    expect(() => ours.reload({ ...credentials('good'), key: files.other.key })).toThrow(
      expect.objectContaining({ code: 'CREDENTIALS_UNUSABLE' }),
    );
    expect(ours.uris).toEqual(['waldb://c/1']);
    ours.reload({ ca: authority.cert + successor.cert, ...renewed });
    expect(ours.uris).toEqual(['waldb://c/9']);

    // The other side does not know the new authority yet, then it does.
    const theirs = network('other');
    const between = dial(theirs, server.endpoint);
    await expect.poll(() => between.state.error?.code, WAIT).toBe('CERTIFICATE_UNTRUSTED');
    theirs.reload({ ...credentials('other'), ca: successor.cert + authority.cert });
    const after = dial(theirs, server.endpoint);
    await expect.poll(() => after.stream.identity?.theirs, WAIT).toEqual(['waldb://c/9']);
    before.stream.write([Buffer.from('still here')]);
    await expect.poll(server.heard, WAIT).toContain('still here');
  });
});

describe('credentials that cannot work are refused at once, with what is wrong', () => {
  const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const cases: [string, (good: TlsCredentials) => TlsCredentials, string, string][] = [
    ['an authority that is no PEM', (good) => ({ ...good, ca: 'x' }), 'ca', 'NOT_PEM'],
    ['an authority that is no certificate', (good) => ({ ...good, ca: garbage }), 'ca', 'NOT_PEM'],
    ['a certificate that is no PEM', (good) => ({ ...good, cert: Buffer.from([1, 2]) }), 'cert', 'NOT_PEM'],
    ['a key where the certificate belongs', (good) => ({ ...good, cert: good.key }), 'cert', 'NOT_PEM'],
    ['a key that is no PEM', (good) => ({ ...good, key: '' }), 'key', 'NOT_PEM'],
    ['a certificate where the key belongs', (good) => ({ ...good, key: good.cert }), 'key', 'NOT_PEM'],
    ['the key of another', (good) => ({ ...good, key: files.other.key }), 'key', 'KEY_MISMATCH'],
    ['an expired certificate', (good) => ({ ...good, ...files.expired }), 'cert', 'EXPIRED'],
    ['a certificate before its time', (good) => ({ ...good, ...files.early }), 'cert', 'NOT_YET_VALID'],
  ];

  it.each(cases)('%s', (_, change, part, problem) => {
    expect(() => new TlsNetwork(change(credentials('good')))).toThrow(
      expect.objectContaining({
        code: 'CREDENTIALS_UNUSABLE',
        detail: expect.objectContaining({ part, problem }),
      }),
    );
  });

  it('an encrypted key', () => {
    const key = createPrivateKey(files.good.key)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
      .toString();
    expect(() => new TlsNetwork({ ...credentials('good'), key })).toThrow('is encrypted with a passphrase');
  });
});
