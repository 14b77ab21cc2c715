// The lock, by each way that there is to take it: they are one lock, and exclude each other.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { byModule, byProgram, LOCK_PROGRAMS, orUnavailable, type TakeLock } from '../src/flock.js';
import { lockFile } from '../src/node-lock.js';

const isThere = ([program]: readonly [string, ...string[]]): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

function module(): (readonly [string, TakeLock])[] {
  try {
    return [['fs-ext', byModule()]];
  } catch {
    return []; // not compiled for this Node: the programs are all there is
  }
}

const ways: readonly (readonly [string, TakeLock])[] = [
  ...module(),
  ...LOCK_PROGRAMS.filter(isThere).map((program) => [program[0], byProgram([program])] as const),
];

it('there is a way', () => expect(ways).not.toEqual([]));

let directory: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(directory, 'LOCK');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

describe.each(ways)('taken by %s', (name, take) => {
  it.each(ways)('refuses whoever comes by %s, until it is given back', (_other, takeOther) => {
    const lock = lockFile(path, take);
    expect(() => lockFile(path, takeOther)).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    lock.release();
    lock.release();
    lockFile(path, takeOther).release();
  });

  it('is free once its process was killed', async () => {
    const holder = fileURLToPath(new URL('./support/hold-lock.ts', import.meta.url));
    const options = ['--conditions=@waldb/source', '--import', 'tsx'];
    const child = spawn(process.execPath, [...options, holder, path, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(() => lockFile(path, take)).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    lockFile(path, take).release();
  });
});

it('where nothing can take it: no lock, what was tried, and what helps', () => {
  const take = orUnavailable(
    byProgram([['no-such-program'], ['sh', '-c', 'exit 2']]),
    new Error('not compiled'),
  );
  let thrown: unknown;
  try {
    lockFile(path, take);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    code: 'LOCK_UNAVAILABLE',
    message: expect.stringContaining('npm rebuild fs-ext'),
    cause: { errors: [{ message: 'not compiled' }, { errors: [{ code: 'ENOENT' }, {}] }] },
  });
});
