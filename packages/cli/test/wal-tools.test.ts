// `waldb wal ...` as an operator runs it: what it prints, how it exits, and what it leaves on the disk.

import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { encodeEntry } from '@waldb/core';
import { checksum, NodeVfs } from '@waldb/io';
import { WalLog } from '@waldb/wal';
import { afterEach, describe, expect, it } from 'vitest';
import {
  finishInterruptedSwap,
  type RepairPaths,
  repairPaths,
  swapDirectories,
} from '../src/wal/swap-directories.js';
import {
  cleanUp,
  type Finished,
  makeDirectory,
  runWaldb,
  spawnOnTerminal,
  spawnWaldb,
} from './support/run-waldb.js';

const GENEROUS_MS = 120_000;
const COUNT = 40;
const SEGMENT_2 = '0000000000000002.wal';

afterEach(cleanUp, GENEROUS_MS);

/** A server's directory with a log of forty entries in several segments. */
async function makeLog(parent: string = makeDirectory()): Promise<string> {
  const directory = join(parent, 'log');
  // Without spares: whether one is ready when the log is closed is a matter of time, and the tools would show it.
  const log = await WalLog.open(directory, { segmentBytes: 8192, spareSegments: 0 });
  log.setHardState({ term: 1, votedFor: 1 });
  for (let index = 1; index <= COUNT; index++) {
    const text = index === 7 ? '\u0001\u0002' : `SET key${index} ${'v'.repeat(200)}`;
    log.append([encodeEntry({ index, term: 1, kind: 'normal', command: Buffer.from(text) })]);
    log.sync();
  }
  await log.close();
  return directory;
}

/** Breaks the payload of the second entry's frame in the second segment; returns that entry's index. */
async function damage(directory: string): Promise<number> {
  const path = join(directory, SEGMENT_2);
  const bytes = fs.readFileSync(path);
  const start = bytes.indexOf('SET key', bytes.indexOf('SET key') + 1);
  bytes[start + 100] = 0x20;
  fs.writeFileSync(path, bytes);
  return Number.parseInt(bytes.subarray(start + 'SET key'.length).toString('latin1', 0, 3), 10);
}

function tree(directory: string): string[] {
  return fs.readdirSync(directory).map((name) => {
    const { size, mtimeMs } = fs.statSync(join(directory, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}

/** Without the place that differs from run to run. */
function plain(text: string, directory: string): string {
  return text
    .replaceAll(directory, '<log>')
    .replaceAll(/damaged-\d{8}T\d{6}Z/g, 'damaged-<time>')
    .replaceAll(/\b[0-9a-f]{16}\b(?!\.wal)/g, '<log id>')
    .replaceAll(/generation \d+/g, 'generation <n>');
}

describe('waldb wal verify', () => {
  it(
    'exits with 0 for a sound log, with 1 for a damaged one, and changes neither',
    async () => {
      const directory = await makeLog();
      const sound = await runWaldb(['wal', 'verify', join(directory, '..')]);
      expect(sound).toMatchObject({ exitCode: 0, stderr: '' });
      expect(sound.stdout).toContain(`${directory} is sound: everything that was acknowledged is there`);
      const index = await damage(directory);
      const before = tree(directory);
      const damaged = await runWaldb(['wal', 'verify', directory]);
      expect(damaged).toMatchObject({ exitCode: 1, stderr: '' });
      expect(damaged.stdout).toMatch(
        new RegExp(
          `^damage {2}${SEGMENT_2}, offset \\d+, \\d+ B: the payload does not match its checksum; index ${index} is lost\n`,
        ),
      );
      expect(await runWaldb(['wal', 'verify', directory, '--quiet'])).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: '',
      });
      const json = await runWaldb(['wal', 'verify', directory, '--json']);
      expect(JSON.parse(json.stdout)).toMatchObject({
        verdict: 'damaged',
        damages: [{ segment: 2, lost: [{ first: index, last: index }] }],
      });
      expect(tree(directory)).toEqual(before);
    },
    GENEROUS_MS,
  );

  it(
    'exits with 2 and one line for what cannot be judged',
    async () => {
      const parent = makeDirectory();
      const file = join(parent, 'file');
      fs.writeFileSync(file, '');
      fs.mkdirSync(join(parent, 'closed'));
      const directory = await makeLog(parent);
      const refused = (line: string): Finished => ({ exitCode: 2, stdout: '', stderr: `waldb: ${line}\n` });
      expect(await runWaldb(['wal', 'verify', join(parent, 'gone')])).toEqual(
        refused(`${join(parent, 'gone')} does not exist.`),
      );
      expect(await runWaldb(['wal', 'verify', file])).toEqual(refused(`${file} is not a directory.`));
      const empty = join(parent, 'closed');
      expect(await runWaldb(['wal', 'verify', empty])).toEqual(refused(`${empty} holds no log.`));
      if (process.getuid?.() === 0) {
        fs.chmodSync(parent, 0o755);
        fs.chmodSync(empty, 0o700);
        const nobody = { uid: 65_534, gid: 65_534 };
        expect(await runWaldb(['wal', 'verify', empty], nobody)).toEqual(
          refused(`${empty} may not be read by this user.`),
        );
      }
      const metadata = fs.readFileSync(join(directory, 'METADATA'));
      for (const at of [0, 4096]) {
        metadata[at + 8] = 2; // the version; then the page's checksum is made right again
        metadata.writeUInt32LE(checksum(metadata.subarray(at, at + 4092)), at + 4092);
      }
      fs.writeFileSync(join(directory, 'METADATA'), metadata);
      expect(await runWaldb(['wal', 'verify', directory])).toEqual(
        refused('METADATA was written by version 2 of the format; this program knows versions up to 1.'),
      );
    },
    GENEROUS_MS,
  );
});

describe('waldb wal inspect and dump', () => {
  it(
    'show what is there',
    async () => {
      const directory = await makeLog();
      await damage(directory);
      const inspected = await runWaldb(['wal', 'inspect', directory]);
      expect(inspected).toMatchObject({ exitCode: 0, stderr: '' });
      await expect(plain(inspected.stdout, directory)).toMatchFileSnapshot('../testdata/wal-inspect.txt');
      const json = await runWaldb(['wal', 'inspect', directory, '--json']);
      expect(JSON.parse(json.stdout)).toMatchObject({
        verdict: 'damaged',
        entries: { first: 1, last: COUNT },
      });
      const dumped = await runWaldb(['wal', 'dump', directory, '--from', '12', '--limit', '5']);
      expect(dumped).toMatchObject({ exitCode: 1, stderr: '' });
      await expect(plain(dumped.stdout, directory)).toMatchFileSnapshot('../testdata/wal-dump.txt');
      const lines = (await runWaldb(['wal', 'dump', directory, '--from', '6', '--to', '7', '--json'])).stdout;
      expect(
        lines
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toMatchObject([
        { index: 6, term: 1, kind: 'normal', text: `SET key6 ${'v'.repeat(200)}` },
        { index: 7, base64: Buffer.from([1, 2]).toString('base64') },
      ]);
    },
    GENEROUS_MS,
  );

  it(
    'end quietly when nobody reads on',
    async () => {
      const directory = await makeLog();
      const child = spawnWaldb(['wal', 'dump', directory, '--full']);
      let stderr = '';
      child.stderr?.on('data', (text) => {
        stderr += text;
      });
      child.stdout?.destroy();
      const [exitCode] = await once(child, 'close');
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    },
    GENEROUS_MS,
  );
});

describe('waldb wal repair', () => {
  it(
    'says what it gives up, asks, keeps the damaged log, and the repaired one is what it promised',
    async () => {
      const directory = await makeLog();
      const index = await damage(directory);
      const before = tree(directory);
      const dry = await runWaldb(['wal', 'repair', directory, '--dry-run']);
      expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
      await expect(plain(dry.stdout, directory)).toMatchFileSnapshot('../testdata/wal-repair.txt');
      const unasked = await runWaldb(['wal', 'repair', directory]);
      expect(unasked.exitCode).toBe(2);
      expect(unasked.stderr).toContain('needs --yes');
      expect(tree(directory)).toEqual(before);
      const { logId } = await WalLog.open(directory, { readOnly: true }).catch(() => ({ logId: '' }));
      const done = await runWaldb(['wal', 'repair', directory, '--yes']);
      expect(done).toMatchObject({ exitCode: 0, stderr: '' });
      const names = fs.readdirSync(join(directory, '..'));
      expect(names).toHaveLength(2);
      const aside = names.find((name) => name.startsWith('log.damaged-')) ?? '';
      expect(tree(join(directory, '..', aside))).toEqual(before);
      const log = await WalLog.open(directory);
      expect([log.firstIndex(), log.lastIndex(), log.hardState()]).toEqual([
        1,
        index - 1,
        { term: 1, votedFor: 1 },
      ]);
      expect(log.logId).not.toBe(logId);
      await log.close();
      expect((await runWaldb(['wal', 'repair', directory, '--yes'])).stdout).toContain('nothing to repair');
    },
    GENEROUS_MS,
  );

  it(
    'refuses a log that is in use',
    async () => {
      const directory = await makeLog();
      await damage(directory);
      const lock = new NodeVfs().lock(join(directory, 'LOCK'));
      try {
        const refused = await runWaldb(['wal', 'repair', directory, '--yes']);
        expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
        expect(refused.stderr).toContain(`${directory} is in use: stop its server first`);
      } finally {
        lock.release();
      }
      expect(fs.readdirSync(join(directory, '..'))).toEqual(['log']);
    },
    GENEROUS_MS,
  );

  it(
    'that is killed at any moment leaves the old log or the new one in its place, or is finished by the next',
    async () => {
      for (const fatal of [1, 2, 3]) {
        const parent = makeDirectory();
        const paths = repairPaths(join(parent, 'log'), 'now');
        fs.mkdirSync(paths.directory);
        fs.writeFileSync(join(paths.directory, 'old'), '');
        fs.mkdirSync(paths.repaired);
        fs.writeFileSync(join(paths.repaired, 'new'), '');
        expect(() => swapDirectories(new DyingVfs(fatal), paths)).toThrow('killed');
        const finished = finishInterruptedSwap(new NodeVfs(), paths.directory);
        const holds = fs.readdirSync(paths.directory);
        expect({ fatal, holds, finished: finished !== undefined }).toEqual(
          [
            { fatal: 1, holds: ['old'], finished: false },
            { fatal: 2, holds: ['new'], finished: true },
            { fatal: 3, holds: ['new'], finished: false },
          ][fatal - 1],
        );
        if (fatal > 1) expect(fs.readdirSync(paths.aside)).toEqual(['old']);
      }
    },
    GENEROUS_MS,
  );

  it('a failed exchange puts the damaged log back', () => {
    const parent = makeDirectory();
    const paths: RepairPaths = repairPaths(join(parent, 'log'), 'now');
    fs.mkdirSync(paths.directory);
    expect(() => swapDirectories(new NodeVfs(), paths)).toThrow('ENOENT');
    expect(fs.readdirSync(parent)).toEqual(['log']);
  });

  it(
    'that is interrupted leaves everything as it was',
    async () => {
      const directory = await makeLog();
      await damage(directory);
      const child = spawnOnTerminal(['wal', 'repair', directory]);
      let shown = '';
      await new Promise<void>((resolve) => {
        child.stdout?.on('data', (text) => {
          shown += text;
          if (shown.includes('Type yes:')) resolve();
        });
        child.on('close', () => resolve());
      });
      child.stdin?.write('\u0003');
      await once(child, 'close');
      expect(shown).toContain('Type yes:');
      expect(fs.readdirSync(join(directory, '..'))).toEqual(['log']);
    },
    GENEROUS_MS,
  );
});

/** Dies at its nth change, and does nothing from then on: what a kill between two system calls leaves. */
class DyingVfs extends NodeVfs {
  #left: number;

  constructor(fatal: number) {
    super();
    this.#left = fatal;
  }

  override rename(from: string, to: string): void {
    this.#live();
    super.rename(from, to);
  }

  override syncDirectory(path: string): void {
    this.#live();
    super.syncDirectory(path);
  }

  #live(): void {
    this.#left -= 1;
    if (this.#left <= 0) throw new Error('killed');
  }
}
