// The faulty disk itself: what it is told to do wrong happens in a process that knows nothing of it, and its journal holds
// exactly what a loss of power may take.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SeededRandom } from '@waldb/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { makePowerImage } from '../../../packages/wal/test/support/process/power-image.js';
import type { DiskFault } from './disk-fault.js';
import { type FaultyDisk, type Missing, makeFaultyDisk, takeFaultsTold } from './faulty-disk.js';

let disk: FaultyDisk | Missing;
let root: string;
let places: { directory: string; beside: string };
let runs = 0;

beforeAll(async () => {
  disk = await makeFaultyDisk();
  root = mkdtempSync(join(tmpdir(), 'waldb-faulty-disk-test-'));
});

afterAll(() => {
  if ('remove' in disk) disk.remove();
  rmSync(root, { recursive: true });
});

beforeEach(() => {
  runs += 1;
  places = { directory: join(root, `disk-${runs}`), beside: join(root, `beside-${runs}`) };
  mkdirSync(places.directory);
  mkdirSync(places.beside);
});

/** Runs a program; `D` is the disk, `fs` the module. Returns what it printed. */
async function run(program: string, faults: readonly DiskFault[] = []): Promise<string> {
  if ('why' in disk) throw new Error(disk.why);
  const lead = `const fs = require('node:fs'); const D = ${JSON.stringify(places.directory)};`;
  const env = { ...process.env, ...disk.environment({ ...places, faults, isWatched: true }) };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', `${lead}${program}`], { env });
  return stdout.trim();
}

const TRY = 'const told = (f) => { try { return String(f()); } catch (error) { return error.code; } };';

describe.runIf(process.platform === 'linux')('a machine that can have no such disk says why', () => {
  let commands: string;

  beforeEach(() => {
    commands = join(places.beside, 'commands');
    mkdirSync(commands);
    vi.stubEnv('PATH', commands);
  });

  afterEach(() => vi.unstubAllEnvs());

  function gcc(script: string): void {
    writeFileSync(join(commands, 'gcc'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  it('without gcc', async () => {
    expect(await makeFaultyDisk()).toEqual({ why: 'there is no gcc' });
  });

  it('with a gcc that has no headers', async () => {
    gcc(
      'echo "In file included from calls.c:1:" >&2; echo "calls.c:2: fatal error: dlfcn.h: not there" >&2; exit 1',
    );
    expect(await makeFaultyDisk()).toEqual({
      why: 'gcc cannot compile a library here (calls.c:2: fatal error: dlfcn.h: not there)',
    });
  });

  it('where Node takes no library: else a run in which nothing failed would look like one in which all went well', async () => {
    gcc('while [ "$1" != -o ]; do shift; done; : > "$2"');
    expect(await makeFaultyDisk()).toEqual({ why: 'this Node takes no preloaded library (LD_PRELOAD)' });
  });
});

describe('a disk that is told to fail', () => {
  it('fails the calls that it is told to fail, counted from 1, and tells of each', async () => {
    if ('why' in disk) return;
    const printed = await run(
      `${TRY} const fd = fs.openSync(D + '/a', 'w+');
       const writes = [1, 2, 3, 4, 5].map(() => told(() => fs.writeSync(fd, Buffer.alloc(10), 0, 10, 0)));
       const syncs = [1, 2].map(() => told(() => fs.fdatasyncSync(fd)));
       const names = [told(() => fs.renameSync(D + '/a', D + '/b')), told(() => fs.mkdirSync(D + '/c'))];
       console.log([...writes, ...syncs, ...names].join());`,
      [
        { operation: 'write', first: 2, count: 1, kind: 'EIO' },
        { operation: 'write', first: 3, count: 1, kind: 'short' },
        // The system's library completes a short write by a second call: the fourth.
        { operation: 'write', first: 5, count: 1, kind: 'torn' },
        { operation: 'fdatasync', first: 2, count: 1, kind: 'EIO' },
        { operation: 'rename', first: 1, count: 1, kind: 'ENOSPC' },
      ],
    );
    expect(printed).toBe('10,EIO,10,EIO,10,undefined,EIO,ENOSPC,undefined');
    expect(takeFaultsTold(places.beside)).toEqual({
      'write EIO': 1,
      'write short': 1,
      'write torn': 1,
      'fdatasync EIO': 1,
      'rename ENOSPC': 1,
    });
    expect(takeFaultsTold(places.beside)).toEqual({});
  });

  it('kills its process in the middle of a write', async () => {
    if ('why' in disk) return;
    const kill = { operation: 'write', first: 2, count: 1, kind: 'kill' } as const;
    const end = run(
      `for (let at = 0; ; at += 10) fs.writeSync(fs.openSync(D + '/a', 'a+'), Buffer.alloc(10, 7), 0, 10, at);`,
      [kill],
    );
    await expect(end).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(readFileSync(join(places.directory, 'a')).length).toBe(15);
  });
});

describe('a loss of power', () => {
  const WRITE = `const put = (name, flag, text) => { const fd = fs.openSync(D + '/' + name, flag); fs.writeSync(fd, Buffer.from(text), 0, text.length, 0); return fd; };
    const syncDirectory = () => { const fd = fs.openSync(D, 'r'); fs.fsyncSync(fd); fs.closeSync(fd); };`;

  /** The contents after the power was lost, each time with another seed. */
  function afterLosses(): Set<string> {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 30; seed++) {
      const target = join(root, `copy-${runs}-${seed}`);
      const journal = join(places.beside, 'journal');
      makePowerImage({ directory: places.directory, journal, target }, new SeededRandom(seed));
      const names = readdirSync(target).sort();
      seen.add(names.map((name) => `${name}=${readFileSync(join(target, name))}`).join(' '));
    }
    return seen;
  }

  it('W52 takes nothing that was synced, its name included', async () => {
    if ('why' in disk) return;
    await run(`${WRITE} fs.fdatasyncSync(put('a', 'w+', 'hello')); syncDirectory();`);
    expect(afterLosses()).toEqual(new Set(['a=hello']));
  });

  it('W52 may take what was not synced, and a name that was not', async () => {
    if ('why' in disk) return;
    await run(`${WRITE} fs.fdatasyncSync(put('a', 'w+', 'hello')); syncDirectory(); put('a', 'r+', 'jelly');
      fs.fdatasyncSync(put('b', 'w+', 'new'));`);
    const seen = afterLosses();
    for (const state of ['a=hello', 'a=jelly', 'a=hello b=new', 'a=jelly b=new'])
      expect(seen).toContain(state);
  });

  it('W52 gives a name back to the file that had it before a rename that was not synced', async () => {
    if ('why' in disk) return;
    await run(`${WRITE} fs.fdatasyncSync(put('a', 'w+', 'old')); syncDirectory();
      fs.fdatasyncSync(put('a.tmp', 'w+', 'new')); syncDirectory(); fs.renameSync(D + '/a.tmp', D + '/a');`);
    expect(afterLosses()).toEqual(new Set(['a=new', 'a=old a.tmp=new']));
  });

  it('W41 may take what a failed sync was for, also after one that succeeded', async () => {
    if ('why' in disk) return;
    await run(
      `${WRITE} ${TRY} fs.fdatasyncSync(put('a', 'w+', 'hello')); syncDirectory();
       const fd = put('a', 'r+', 'jelly'); told(() => fs.fdatasyncSync(fd)); fs.fdatasyncSync(fd);`,
      [{ operation: 'fdatasync', first: 2, count: 1, kind: 'EIO' }],
    );
    expect(afterLosses()).toContain('a=hello');
  });

  it('W41 also in the next process, which finds the bytes there and syncs them', async () => {
    if ('why' in disk) return;
    await run(
      `${WRITE} ${TRY} fs.fdatasyncSync(put('a', 'w+', 'hello')); syncDirectory();
       told(() => fs.fdatasyncSync(put('a', 'r+', 'jelly')));`,
      [{ operation: 'fdatasync', first: 2, count: 1, kind: 'EIO' }],
    );
    await run(`fs.fdatasyncSync(fs.openSync(D + '/a', 'r+'));`);
    expect(afterLosses()).toContain('a=hello');
  });

  it('W41 takes no name whose sync has failed once a later one succeeded: names reach the disk in order', async () => {
    if ('why' in disk) return;
    await run(
      `${WRITE} ${TRY} fs.fdatasyncSync(put('a', 'w+', 'one')); syncDirectory();
       fs.fdatasyncSync(put('b', 'w+', 'two')); told(syncDirectory);
       fs.fdatasyncSync(put('c', 'w+', 'three')); syncDirectory();`,
      [{ operation: 'fsync', first: 2, count: 1, kind: 'EIO' }],
    );
    expect(takeFaultsTold(places.beside)).toEqual({ 'fsync EIO': 1 });
    expect(afterLosses()).toEqual(new Set(['a=one b=two c=three']));
  });

  it('what a killed process had written and not synced is durable once the next one syncs it', async () => {
    if ('why' in disk) return;
    await run(
      `${WRITE} fs.fdatasyncSync(put('a', 'w+', 'hello')); syncDirectory(); put('a', 'r+', 'jelly');`,
    );
    await run(`fs.fdatasyncSync(fs.openSync(D + '/a', 'r+'));`);
    expect(afterLosses()).toEqual(new Set(['a=jelly']));
  });

  it('the journal begins anew when nothing is at risk, and forgets nothing that is', async () => {
    if ('why' in disk) return;
    await run(`${WRITE} const fd = put('a', 'w+', 'x'.repeat(9000)); fs.fdatasyncSync(fd); syncDirectory();
      for (let i = 0; i < 100; i++) { fs.writeSync(fd, Buffer.alloc(9000, 97), 0, 9000, 0); fs.fdatasyncSync(fd); }
      put('b', 'w+', 'new');`);
    const journal = readFileSync(join(places.beside, 'journal'), 'utf8');
    expect(journal.length).toBeLessThan(600_000);
    const seen = [...afterLosses()];
    expect(seen.every((state) => state.startsWith(`a=${'a'.repeat(9000)}`))).toBe(true);
    expect(seen).toContain(`a=${'a'.repeat(9000)}`);
  });
});
