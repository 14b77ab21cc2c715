// A supervised server does not outlive its supervisor, whenever that one goes.

import { fork } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { freePorts, makeDirectory, stopAll } from './support/cluster-process.js';

const PROGRAM = join(import.meta.dirname, '../packages/cli/dist/main.js');
const GENEROUS_MS = 240_000;

afterEach(stopAll);

it.each([['while it starts', 0] as const, ['while it serves', 1] as const])(
  'a server whose supervisor goes %s ends by itself',
  async (_, messages) => {
    const port = await freePorts(1);
    const words = ['serve', '--directory', join(makeDirectory(), 'data'), '--port', String(port)];
    const child = fork(PROGRAM, words, {
      env: { ...process.env, WALDB_SUPERVISED: '1' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    if (messages > 0) await new Promise((resolve) => child.once('message', resolve));
    child.disconnect();
    expect(await ended).toBe(0);
  },
  GENEROUS_MS,
);
