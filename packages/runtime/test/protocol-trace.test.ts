// A traced server's lines are held back until something of their steps could be known outside, and no longer: what a killed
// process has not told is what nobody could have heard of (docs/trace-format.md, section 5).

import type { TraceLine } from '@waldb/core';
import type { ByteStream, Network, StreamHandlers } from '@waldb/io';
import { FaultVfs } from '@waldb/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { ToldFirstNetwork, ToldFirstVfs, toldFirstMachine } from '../src/observe/told-first.js';
import { TRACE_LINES_MAX, TraceBuffer } from '../src/observe/trace-buffer.js';
import type { StateMachine } from '../src/state-machine.js';

const line = (commit: number): TraceLine => ({
  tag: 'trace',
  event: {
    name: 'Commit',
    nid: '1',
    state: { term: 1, vote: '0', commit },
    role: 'StateFollower',
    log: 9,
    conf: [['1'], []],
    learners: [],
  },
});

/** What happened, in order: lines that were told by their commit index, everything else by its name. */
let happened: (string | number)[];
let calls: number;
let buffer: TraceBuffer;

beforeEach(() => {
  happened = [];
  calls = 0;
  buffer = new TraceBuffer((lines) => {
    calls += 1;
    happened.push(...lines.map(({ event }) => event.state.commit));
  });
});

describe('the lines of a traced server', () => {
  it('are told in one piece, in order, however many steps they are of', () => {
    buffer.add([line(1), line(2)]);
    buffer.add([line(3)]);
    expect(happened).toEqual([]);
    buffer.tell();
    buffer.tell();
    expect(happened).toEqual([1, 2, 3]);
    expect(calls).toBe(1);
  });

  it('are told at a limit, whatever has left', () => {
    for (let commit = 1; commit <= TRACE_LINES_MAX; commit++) {
      expect(happened).toEqual([]);
      buffer.add([line(commit)]);
    }
    expect(happened.length).toBe(TRACE_LINES_MAX);
  });
});

describe('they are told before', () => {
  const handlers: StreamHandlers = {
    onOpen: () => {},
    onData: () => {},
    onDrain: () => {},
    onClose: () => {},
  };
  const stream: ByteStream = {
    remote: 'a peer',
    write: () => {
      happened.push('sent');
      return true;
    },
    pause: () => {},
    resume: () => {},
    end: () => {},
    destroy: () => {},
  };
  let onStream: (stream: ByteStream) => StreamHandlers;
  const network: Network = {
    listen: (endpoint, accept) => {
      onStream = accept;
      return Promise.resolve({ endpoint, close: () => Promise.resolve() });
    },
    connect: () => stream,
  };

  it('a byte goes to a peer that was dialled', () => {
    const told = new ToldFirstNetwork(network, buffer).connect({ host: 'h', port: 1 }, handlers);
    buffer.add([line(1)]);
    expect(told.write([])).toBe(true);
    expect(happened).toEqual([1, 'sent']);
    expect(told.remote).toBe('a peer');
  });

  it('a byte goes to a peer that has dialled', async () => {
    let accepted: ByteStream | undefined;
    await new ToldFirstNetwork(network, buffer).listen({ host: 'h', port: 1 }, (given) => {
      accepted = given;
      return handlers;
    });
    onStream(stream);
    buffer.add([line(1)]);
    accepted?.write([]);
    expect(happened).toEqual([1, 'sent']);
  });

  it('a byte is written to a file, blocking or not', async () => {
    const vfs = new FaultVfs();
    vfs.faults = ({ type }) => {
      happened.push(type);
      return undefined;
    };
    const file = new ToldFirstVfs(vfs, buffer).open('a', 'create');
    buffer.add([line(1)]);
    file.write(new Uint8Array(1), 0);
    buffer.add([line(2)]);
    await new Promise<void>((resolve) => file.writeWithCallback(new Uint8Array(1), 1, () => resolve()));
    expect(happened).toEqual(['create', 1, 'write', 2, 'write']);
    expect(file.size()).toBe(2);
  });

  it('a machine that keeps what it has applied is given entries or an image', async () => {
    const machine: StateMachine<undefined> = {
      apply: () => {
        happened.push('applied');
        return [];
      },
      snapshot: async function* () {},
      restore: async () => {
        happened.push('restored');
      },
    };
    const forgetful = toldFirstMachine(machine, buffer);
    expect(forgetful).toBe(machine);
    const told = toldFirstMachine({ ...machine, appliedIndex: () => 7 }, buffer);
    buffer.add([line(1)]);
    await told.apply([], { timeOf: () => 0 });
    buffer.add([line(2)]);
    await told.restore(told.snapshot());
    expect(happened).toEqual([1, 'applied', 2, 'restored']);
    expect(told.appliedIndex?.()).toBe(7);
  });
});
