// The switchboard itself, over real sockets: what a cut, a delay and a hold do to what passes.

import { type Endpoint, NodeClock, NodeNetwork, type StreamHandlers } from '@waldb/io';
import { Links } from '@waldb/testkit';
import { expect, it, onTestFinished } from 'vitest';

const WAIT = { timeout: 20_000 };

/** What one end of a connection has heard. */
class Ear implements StreamHandlers {
  text = '';
  isOpen = false;
  closedBy: string | undefined;

  onOpen(): void {
    this.isOpen = true;
  }

  onData(bytes: Uint8Array): void {
    this.text += new TextDecoder().decode(bytes);
  }

  onDrain(): void {}

  onClose(error: { readonly code: string } | undefined): void {
    this.closedBy = error?.code ?? 'end';
  }
}

/** Server 2 listens and echoes; server 1 dials it. */
async function pair() {
  const network = new NodeNetwork();
  const links = new Links({ network, clock: new NodeClock() });
  const heard: Ear[] = [];
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (stream) => {
    const ear = new Ear();
    heard.push(ear);
    return {
      onData: (bytes) => {
        ear.onData(bytes);
        stream.write([new TextEncoder().encode('echo')]);
      },
      onDrain: () => {},
      onClose: (error) => ear.onClose(error),
    };
  });
  links.register(1, { host: '127.0.0.1', port: 1 });
  links.register(2, listener.endpoint);
  onTestFinished(async () => {
    await links.close();
    await listener.close();
  });
  const dial = (endpoint: Endpoint = listener.endpoint, using = links.networkOf(1)) => {
    const ear = new Ear();
    const stream = using.connect(endpoint, ear);
    onTestFinished(() => stream.destroy());
    return { ear, say: (text: string) => stream.write([new TextEncoder().encode(text)]) };
  };
  return { links, listener, heard, dial, network };
}

it('an open link passes both ways', async () => {
  const { heard, dial } = await pair();
  const one = dial();
  one.say('a');
  await expect.poll(() => one.ear.text, WAIT).toBe('echo');
  expect(heard.map(({ text }) => text)).toEqual(['a']);
});

it('a cut ends what is open and refuses what is dialled, until it heals', async () => {
  const { links, heard, dial } = await pair();
  const one = dial();
  one.say('a');
  await expect.poll(() => one.ear.text, WAIT).toBe('echo');
  links.set(2, 1, { type: 'cut' });
  expect(one.ear.closedBy).toBe('CONNECTION_LOST');
  await expect.poll(() => heard[0]?.closedBy, WAIT).toBeDefined();
  const two = dial();
  await expect.poll(() => two.ear.closedBy, WAIT).toBe('CONNECTION_REFUSED');
  links.heal();
  const three = dial();
  three.say('c');
  await expect.poll(() => three.ear.text, WAIT).toBe('echo');
});

it('what is held in one direction comes when it is let go, in order; the other direction passes', async () => {
  const { links, heard, dial } = await pair();
  const one = dial();
  links.set(2, 1, { type: 'held' });
  one.say('a');
  await expect.poll(() => heard[0]?.text, WAIT).toBe('a');
  one.say('b');
  await expect.poll(() => heard[0]?.text, WAIT).toBe('ab');
  expect(one.ear.text).toBe('');
  links.set(2, 1, { type: 'open' });
  await expect.poll(() => one.ear.text, WAIT).toBe('echoecho');
});

it('a sender is told that there is no room while much is held, and that there is again', async () => {
  const { links, dial } = await pair();
  const one = dial();
  await expect.poll(() => one.ear.isOpen, WAIT).toBe(true);
  links.set(1, 2, { type: 'held' });
  expect(one.say('a')).toBe(true);
  let isDrained = false;
  one.ear.onDrain = () => {
    isDrained = true;
  };
  expect(one.say('x'.repeat(300_000))).toBe(false);
  expect(isDrained).toBe(false);
  links.heal();
  expect(isDrained).toBe(true);
});

it('what is delayed comes later and in order', async () => {
  const { links, heard, dial } = await pair();
  links.set(1, 2, { type: 'delayed', ms: 30 });
  const one = dial();
  for (const text of ['a', 'b', 'c']) one.say(text);
  await expect.poll(() => heard[0]?.text, WAIT).toBe('abc');
});

it('groups reach their own, and a bridge reaches both', async () => {
  const { links, dial } = await pair();
  links.partition([[1], [2]]);
  const cut = dial();
  await expect.poll(() => cut.ear.closedBy, WAIT).toBe('CONNECTION_REFUSED');
  links.partition([
    [1, 2],
    [2, 3],
  ]);
  const open = dial();
  open.say('a');
  await expect.poll(() => open.ear.text, WAIT).toBe('echo');
  links.isolate(1);
  expect(open.ear.closedBy).toBe('CONNECTION_LOST');
});

it('a port leads to a server for those who cannot take a network, and obeys the same switches', async () => {
  const { links, listener, dial, network } = await pair();
  const port = await links.listen(1, listener.endpoint);
  const one = dial(port, network);
  one.say('a');
  await expect.poll(() => one.ear.text, WAIT).toBe('echo');
  links.isolate(2);
  await expect.poll(() => one.ear.closedBy, WAIT).toBeDefined();
});
