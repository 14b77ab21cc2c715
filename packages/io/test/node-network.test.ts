import { describe, expect, it, onTestFinished } from 'vitest';
import { type ByteStream, formatEndpoint, type NetworkError, parseEndpoint } from '../src/network.js';
import { NodeClock } from '../src/node-clock.js';
import { NodeNetwork } from '../src/node-network.js';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** A connected pair of streams, with everything that the accepting side hears. */
async function pair() {
  const network = new NodeNetwork();
  const heard: Uint8Array[] = [];
  const accepted = deferred<ByteStream>();
  const acceptedClosed = deferred<NetworkError | undefined>();
  const listener = await network.listen(LOOPBACK, (stream) => {
    accepted.resolve(stream);
    return {
      onData: (bytes) => heard.push(bytes),
      onDrain: () => {},
      onClose: acceptedClosed.resolve,
    };
  });
  const opened = deferred<void>();
  const drained = deferred<void>();
  const dialledClosed = deferred<NetworkError | undefined>();
  const dialled = network.connect(listener.endpoint, {
    onOpen: opened.resolve,
    onData: () => {},
    onDrain: drained.resolve,
    onClose: dialledClosed.resolve,
  });
  onTestFinished(async () => {
    dialled.destroy();
    (await accepted.promise).destroy();
    await listener.close();
  });
  await opened.promise;
  const other = await accepted.promise;
  return { network, listener, dialled, accepted: other, heard, drained, acceptedClosed, dialledClosed };
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('NodeNetwork', () => {
  it('delivers the chunks of many writes in order and then an ordinary close', async () => {
    const { dialled, heard, acceptedClosed } = await pair();
    dialled.write([Buffer.from('one '), Buffer.from('two ')]);
    dialled.write([Buffer.from('three')]);
    dialled.end();
    expect(await acceptedClosed.promise).toBeUndefined();
    expect(Buffer.concat(heard).toString()).toBe('one two three');
  });

  it('says when a slow reader holds it up, and again when there is room', async () => {
    const { dialled, accepted, heard, drained } = await pair();
    accepted.pause();
    const chunk = new Uint8Array(1 << 20);
    let sent = 0;
    while (sent < 256 && dialled.write([chunk])) sent += 1;
    expect(sent).toBeLessThan(256);
    expect(heard).toEqual([]);
    accepted.resume();
    await drained.promise;
  });

  it('closes once, with a coded error, when nobody listens', async () => {
    const { network, listener } = await pair();
    await listener.close();
    const closed = deferred<NetworkError | undefined>();
    let opened = false;
    network.connect(listener.endpoint, {
      onOpen: () => {
        opened = true;
      },
      onData: () => {},
      onDrain: () => {},
      onClose: closed.resolve,
    });
    expect(await closed.promise).toMatchObject({ code: 'CONNECTION_REFUSED' });
    expect(opened).toBe(false);
  });

  it('a destroyed stream ends the other side and takes writes without harm', async () => {
    const { dialled, accepted, acceptedClosed, dialledClosed } = await pair();
    dialled.destroy();
    await dialledClosed.promise;
    await acceptedClosed.promise;
    for (const stream of [dialled, accepted]) {
      expect(stream.write([Buffer.from('late')])).toBe(true);
      stream.end();
      stream.destroy();
    }
  });

  it('a port in use is refused in one line that names it', async () => {
    const { network, listener } = await pair();
    const address = formatEndpoint(listener.endpoint);
    await expect(network.listen(listener.endpoint, () => neverCalled())).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `Cannot listen on ${address}: another process is using it.`,
    });
  });

  it('a closed listener frees its port, while accepted streams live on', async () => {
    const { network, listener, dialled, heard } = await pair();
    await listener.close();
    const next = await network.listen(listener.endpoint, () => neverCalled());
    await next.close();
    dialled.write([Buffer.from('still here')]);
    await expect.poll(() => Buffer.concat(heard).toString()).toBe('still here');
  });
});

describe('NodeClock', () => {
  it('never goes back, and a cancelled timer never runs', async () => {
    const clock = new NodeClock();
    const before = clock.now();
    let cancelledRan = false;
    clock
      .setTimer(1, () => {
        cancelledRan = true;
      })
      .cancel();
    await new Promise<void>((resolve) => clock.setTimer(5, resolve));
    await new Promise<void>((resolve) => clock.defer(resolve));
    expect(cancelledRan).toBe(false);
    expect(clock.now()).toBeGreaterThan(before);
  });
});

describe('endpoints', () => {
  it.each([
    ['127.0.0.1:7001', { host: '127.0.0.1', port: 7001 }],
    ['db-1.internal:0', { host: 'db-1.internal', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
    ['[fe80::1%eth0]:1', { host: 'fe80::1%eth0', port: 1 }],
  ])('%s is read and written the same', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
    expect(formatEndpoint(endpoint)).toBe(text);
  });

  it.each([
    '',
    'host',
    'host:',
    ':1',
    'host:65536',
    'host:-1',
    'host:1x',
    '::1:80',
    '[::1]',
    'a b:1',
    'h:1,h:2',
  ])('%j is no endpoint', (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });
});

function neverCalled(): never {
  throw new Error('no connection was expected');
}
